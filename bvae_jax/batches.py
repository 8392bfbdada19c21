"""What an objective trains on: batches drawn on the device from a key.

Every draw is for the global batch; a device computes only its share of the
images, so that n devices together see the batch that one device would see.
"""

from collections.abc import Callable

import jax

from bvae_jax import data, losses


def _images(key, dataset, images, context):
  index = data.sample_index(key, context.batch_size, dataset.num_images)
  return {'images': images(context.shard(index))}


def _two_batches(key, dataset, images, context):
  first, second = jax.random.split(key)
  batch = _images(first, dataset, images, context)
  other = _images(second, dataset, images, context)
  return {**batch, 'second_images': other['images']}


def _pairs(key, dataset, images, context):
  one, two = data.sample_pairs(
    key,
    context.batch_size,
    dataset.factor_sizes,
    num_changed=context.options['num_changed'],
  )
  return {
    'images': images(context.shard(one)),
    'pair_images': images(context.shard(two)),
  }


BATCHES = {
  'images': _images,
  'two_batches': _two_batches,
  'pairs': _pairs,
}


def draw(
  key: jax.Array,
  objective: losses.Objective,
  dataset: data.Dataset,
  images: Callable,
  context: losses.Context,
) -> dict[str, jax.Array]:
  """One batch of an objective.

  Args:
    key: PRNG key of this step.
    objective: names its kind of batch, a key of `BATCHES`.
    dataset: sizes of the data set.
    images: pure function from image indices [b] to images [b, H, W, C].
    context: global batch size, options, and how a batch is spread.

  Returns:
    A dict of arrays that hold this device's share of the batch.
  """
  return BATCHES[objective.batch](key, dataset, images, context)
