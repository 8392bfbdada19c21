"""Data sets that are drawn from their factors when they are looked at."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from bvae_jax.data import dataset, grid
from bvae_jax.data import factors as factors_lib

Draw = Callable[[jax.Array], jax.Array]  # int [..., K] -> [..., H, W, C]


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
  name: str,
  description: str,
  draw: Draw,
  image_shape: tuple[int, int, int],
  factors: factors_lib.Grid,
  factor_stride: Sequence[int],
) -> dataset.Dataset:
  """Returns the images of a whole grid, or of a thinned one.

  Args:
    name: the key in `DATASETS`.
    description: what the images are.
    draw: pure, from factors of the whole grid to float32 images in [0, 1].
    image_shape: (height, width, channels).
    factors: the whole grid.
    factor_stride: keep every n-th value of each factor; empty for all.

  Raises:
    ValueError: a stride or an image size that does not fit.
  """
  sizes, stride, thinning = grid.thin(factors.sizes, factor_stride)
  # Traced, not run: an image size that does not fit is refused here.
  jax.eval_shape(draw, jax.ShapeDtypeStruct((1, len(sizes)), jnp.int32))
  known = factors.factors
  return dataset.Dataset(
    name=name,
    description=description + thinning,
    image_shape=image_shape,
    num_images=grid.num_combinations(sizes),
    arrays=(),
    images_fn=functools.partial(_images, draw=draw, sizes=sizes, stride=stride),
    factors=factors_lib.Grid.of(
      [factor.name for factor in known], sizes, [f.kind for f in known]
    ),
  )


def _images(
  arrays: Any,
  index: jax.Array,
  *,
  draw: Draw,
  sizes: tuple[int, ...],
  stride: tuple[int, ...],
) -> jax.Array:
  """Draws the images at positions of the thinned grid."""
  del arrays  # Nothing is stored.
  return draw(grid.index_to_factors(index, sizes) * jnp.array(stride))
