"""Data sets that are drawn from their factors when they are looked at."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from bvae_jax.data import dataset, grid
from bvae_jax.data import factors as factors_lib


def refuse_path(config) -> None:
  """Refuses `dataset.path` where nothing is read.

  Raises:
    ValueError: a path is given.
  """
  if config.path:
    raise ValueError(
      f'dataset.path={config.path!r} has no use here: '
      f'dataset.name={config.name} is drawn; choose dataset.name=npz to read '
      'an archive'
    )


def on_grid(
  config: Any,
  description: str,
  draw: Callable[..., jax.Array],
  channels: int,
  factors: factors_lib.Grid,
) -> dataset.Dataset:
  """Returns the images of a whole grid, or of a thinned one.

  Args:
    config: `name`, `image_size` and `factor_stride` (keep every n-th value of
      each factor; empty for all); `path` must be empty, as nothing is read.
    description: what the images are.
    draw: pure, from factors of the whole grid and `image_size` to square
      float32 images in [0, 1].
    channels: of them.
    factors: the whole grid.

  Raises:
    ValueError: a path, or a stride or an image size that does not fit.
  """
  refuse_path(config)
  size = config.image_size
  draw = functools.partial(draw, image_size=size)
  sizes, stride, thinning = grid.thin(factors.sizes, config.factor_stride)
  # Traced, not run: an image size that does not fit is refused here.
  jax.eval_shape(draw, jax.ShapeDtypeStruct((1, len(sizes)), jnp.int32))

  def images(arrays: Any, index: jax.Array) -> jax.Array:
    del arrays  # Nothing is stored.
    return draw(grid.index_to_factors(index, sizes) * jnp.array(stride))

  return dataset.Dataset(
    name=config.name,
    description=description + thinning,
    image_shape=(size, size, channels),
    num_images=grid.num_combinations(sizes),
    arrays=(),
    images_fn=images,
    factors=factors.thinned(stride),
  )
