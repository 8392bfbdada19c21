"""What an objective trains on: batches drawn on the device from a key.

Every draw is for the global batch; a device computes only its share of the
images, so that n devices together see the batch that one device would see.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bvae_jax import data, losses


class Source(NamedTuple):
  """What every kind of batch is drawn from.

  Attributes:
    dataset: sizes of the data set and of its factors.
    images: pure function from image indices [b] to images [b, H, W, C].
    context: global batch size, options, and how a batch is spread.
    key: the member's own, for choices that hold for a whole run.
  """

  dataset: data.Dataset
  images: Callable[[jax.Array], jax.Array]
  context: losses.Context
  key: jax.Array

  def share(self, index: jax.Array) -> jax.Array:
    """This device's images of a global batch of indices."""
    return self.images(self.context.shard(index))


def _index(key, source):
  """A global batch of image indices, i.i.d. with replacement."""
  return data.sample_index(
    key, source.context.batch_size, source.dataset.num_images
  )


def _images(key, source):
  return {'images': source.share(_index(key, source))}


def _two_batches(key, source):
  first, second = jax.random.split(key)
  return {
    'images': source.share(_index(first, source)),
    'second_images': source.share(_index(second, source)),
  }


def _pairs(key, source):
  """Pairs whose factors differ in `num_changed`: a count, or a rule's name."""
  changed = source.context.options['num_changed']
  one, two = data.sample_pairs(
    key,
    source.context.batch_size,
    source.dataset.factor_sizes,
    num_changed=int(changed) if changed.isdigit() else changed,
  )
  return {'images': source.share(one), 'pair_images': source.share(two)}


def _labelled(key, source):
  """A batch, and one as large from the member's few labelled images."""
  key, labelled_key = jax.random.split(key)
  labelled = data.sample_index(
    source.key,
    source.context.options['num_labels'],
    source.dataset.num_images,
  )
  chosen = jax.random.choice(
    labelled_key, labelled, (source.context.batch_size,)
  )
  largest = jnp.array(source.dataset.factor_sizes) - 1
  return {
    'images': source.share(_index(key, source)),
    'labelled_images': source.share(chosen),
    'labels': source.context.shard(source.dataset.labels(chosen) / largest),
  }


BATCHES = {
  'images': _images,
  'two_batches': _two_batches,
  'pairs': _pairs,
  'labelled': _labelled,
}
