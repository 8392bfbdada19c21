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


@functools.cache
def _images_fn(
  draw: Callable[..., jax.Array],
  size: int,
  sizes: tuple[int, ...],
  stride: tuple[int, ...],
) -> Callable[[Any, jax.Array], jax.Array]:
  """The `images_fn` of a grid: one of equal settings, to be compiled once."""

  def images(arrays: Any, index: jax.Array) -> jax.Array:
    del arrays  # Nothing is stored.
    factors = grid.index_to_factors(index, sizes) * jnp.array(stride)
    return draw(factors, image_size=size)

  return images


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
  sizes, stride, thinning = grid.thin(factors.sizes, config.factor_stride)
  images = _images_fn(draw, size, sizes, stride)
  # Traced, not run: an image size that does not fit is refused here.
  jax.eval_shape(images, (), jax.ShapeDtypeStruct((1,), jnp.int32))
  return dataset.Dataset(
    name=config.name,
    description=description + thinning,
    image_shape=(size, size, channels),
    num_images=grid.num_combinations(sizes),
    arrays=(),
    images_fn=images,
    factors=factors.thinned(stride),
  )
