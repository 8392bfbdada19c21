"""What an objective trains on: batches drawn on the device from a key.

`DRAWS` says which images, `look_up` finds them. Every draw is for the global
batch; a device computes only its share of the images, so that n devices
together see the batch that one device would see.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, losses, shipped
from bvae_jax.training import imprecise

Indices = dict[str, jax.Array]  # {images of the batch: int32 [B]}
LABELLED = 'labelled_images'


class Source(NamedTuple):
  """What every kind of batch is drawn from.

  Attributes:
    dataset: its number of images and its factors.
    images: pure function from image indices [b] to images [b, H, W, C]; of
      indices and keys [b] where each look draws noise.
    context: global batch size, options, and how a batch is spread.
    key: the member's own, for choices that hold for a whole run.
    fed: pure function from a name of the batch and places [b] in it to images,
      where the host has gathered the global batch; None where it has not.
    noise: the step's key for a data set that draws noise at each look.
  """

  dataset: data.Dataset
  images: Callable[..., jax.Array]
  context: losses.Context
  key: jax.Array
  fed: Callable[[str, jax.Array], jax.Array] | None = None
  noise: jax.Array | None = None


def _index(key: jax.Array, source: Source) -> jax.Array:
  """A global batch of image indices, i.i.d. with replacement."""
  return source.dataset.sample_train(key, source.context.batch_size)


def _images(key: jax.Array, source: Source) -> Indices:
  return {'images': _index(key, source)}


def _two_batches(key: jax.Array, source: Source) -> Indices:
  first, second = jax.random.split(key)
  return {
    'images': _index(first, source),
    'second_images': _index(second, source),
  }


def _pairs(key: jax.Array, source: Source) -> Indices:
  """Pairs whose factors differ in `num_changed`: a count, or a rule's name."""
  dataset, context = source.dataset, source.context
  changed = context.options['num_changed']
  changed = int(changed) if changed.isdecimal() else changed
  if dataset.is_grid:
    draw = functools.partial(
      data.sample_pairs,
      batch_size=context.batch_size,
      factor_sizes=dataset.factor_sizes,
      num_changed=changed,
      correlation=dataset.correlation,
    )
    one, two = draw(key)
    if dataset.split is not None:
      one, two = _in_training(key, draw, dataset, one, two)
  else:
    one, two = _observed_pairs(key, source, changed)
  return {'images': one, 'pair_images': two}


def _observed_pairs(
  key: jax.Array, source: Source, num_changed: int | str
) -> tuple[jax.Array, jax.Array]:
  """Pairs of images to train on, whose factors are a table."""
  dataset = source.dataset
  assert isinstance(dataset.factors, data.Table)
  train = np.arange(dataset.num_images)
  if dataset.split is not None:
    train = np.asarray(dataset.split.train)
  labels = np.asarray(dataset.factors.values)[train]
  first_key, second_key = jax.random.split(key)
  first = data.sample_index(first_key, source.context.batch_size, len(train))
  second = data.pairs_of_table(labels, num_changed)(second_key, first)
  train = jnp.asarray(train, jnp.int32)
  return train[first], train[second]


def _in_training(
  key: jax.Array,
  draw: Callable,
  dataset: data.Dataset,
  one: jax.Array,
  two: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """Draws pairs anew until none has an image that is held out."""
  assert dataset.split is not None
  held_out = jnp.zeros(dataset.num_images, bool)
  held_out = held_out.at[dataset.split.held_out].set(True)
  bad = lambda one, two: held_out[one] | held_out[two]

  def again(carry: tuple) -> tuple:
    key, one, two = carry
    key, own = jax.random.split(key)
    fresh = draw(own)
    keep = bad(one, two)
    return key, *(jnp.where(keep, f, x) for f, x in zip(fresh, (one, two)))

  any_bad = lambda carry: bad(*carry[1:]).any()
  start = jax.random.fold_in(key, 1), one, two
  return jax.lax.while_loop(any_bad, again, start)[1:]


def _labelled(key: jax.Array, source: Source) -> Indices:
  """A batch, and one as large from the member's few labelled images."""
  key, labelled_key = jax.random.split(key)
  labelled = source.dataset.sample_train(
    source.key, source.context.options['num_labels']
  )
  chosen = jax.random.choice(
    labelled_key, labelled, (source.context.batch_size,)
  )
  return {'images': _index(key, source), LABELLED: chosen}


# Pure: which images each kind of batch is of, from a key.
DRAWS: dict[str, Callable[[jax.Array, Source], Indices]] = {
  'images': _images,
  'two_batches': _two_batches,
  'pairs': _pairs,
  'labelled': _labelled,
}
shipped.keep(DRAWS)


def _fresh(indices: Indices, source: Source) -> dict[str, jax.Array]:
  """Images with noise of their own, by their places in the global batch."""
  assert source.noise is not None
  batch = {}
  for at, (name, index) in enumerate(indices.items()):
    places = source.context.shard(jnp.arange(len(index)))
    key = jax.random.fold_in(source.noise, at)
    own = functools.partial(jax.random.fold_in, key)
    keys = jax.vmap(own)(places)
    batch[name] = source.images(source.context.shard(index), keys)
  return batch


def look_up(indices: Indices, source: Source) -> dict[str, jax.Array]:
  """This device's images [b, H, W, C] of the drawn indices, and labels.

  Labels [b, K], of what is drawn as `LABELLED`, lie in [0, 1].
  """
  shard = source.context.shard
  if source.dataset.noisy_fn is not None:
    batch = _fresh(indices, source)
  elif source.fed is None:
    batch = {name: source.images(shard(x)) for name, x in indices.items()}
  else:
    places = {name: shard(jnp.arange(len(x))) for name, x in indices.items()}
    batch = {name: source.fed(name, x) for name, x in places.items()}
  if LABELLED in indices:
    index = indices[LABELLED]
    labels = imprecise.labels(
      source.context.options['labels'],
      source.key,
      index,
      source.dataset.labels(index),
      source.dataset.factor_sizes,
    )
    batch['labels'] = shard(labels)
  return batch


def check(kind: str, dataset: data.Dataset) -> None:
  """Refuses a data set of which a kind of batch cannot be drawn.

  Raises:
    ValueError: pairs or labelled images without labels, a single image, or no
      such kind of batch.
  """
  if kind not in DRAWS:
    raise ValueError(
      f'no batch {kind!r}: an objective trains on one of {", ".join(DRAWS)}'
    )
  if dataset.num_train < 2:
    raise ValueError(
      f'data set {dataset.name} has 1 image to train on; give it 2 or more'
    )
  if kind == 'pairs' and not dataset.is_grid:
    dataset.require_labels('an objective that trains on pairs')
  if kind == 'labelled':
    dataset.require_labels('an objective that trains on labelled images')
