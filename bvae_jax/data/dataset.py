"""What the package knows of a data set: factors, and images by index."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from bvae_jax.data import grid


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=['arrays'],
  meta_fields=[
    'name',
    'description',
    'factor_sizes',
    'factor_names',
    'image_shape',
    'images_fn',
  ],
)
@dataclasses.dataclass(frozen=True)
class Dataset:
  """A grid of factors and a pure function from grid index to image.

  A Dataset is a pytree whose only leaves are `arrays` (the stored images, if
  any). Pass it to a jitted function as an argument, or pass `arrays` and call
  `images_fn(arrays, index)`: an array that a jitted function merely closes
  over is copied into the compiled program as a constant.

  Attributes:
    name: the key in `DATASETS`.
    description: one honest line on what the images are and where from.
    factor_sizes: the number of values of each of the K factors.
    factor_names: their names.
    image_shape: (height, width, channels).
    arrays: a pytree of device arrays, empty when images are computed.
    images_fn: pure (arrays, index int [...]) -> float32 [..., H, W, C], [0, 1].
  """

  name: str
  description: str
  factor_sizes: tuple[int, ...]
  factor_names: tuple[str, ...]
  image_shape: tuple[int, int, int]
  arrays: Any
  images_fn: Callable[[Any, jax.Array], jax.Array]

  @property
  def num_images(self) -> int:
    """The number of factor combinations, each of which has one image."""
    return grid.num_combinations(self.factor_sizes)

  @property
  def has_factors(self) -> bool:
    """Whether anything is known of the factors."""
    return bool(self.factor_sizes)

  @property
  def is_grid(self) -> bool:
    """Whether every combination of factors is there once."""
    return self.has_factors

  def labels(self, index: jax.Array) -> jax.Array:
    """Returns the factors of grid positions [...], int32 [..., K]."""
    return grid.index_to_factors(index, self.factor_sizes)

  def images(self, index: jax.Array) -> jax.Array:
    """Returns the images of grid positions [...], float32 [..., H, W, C]."""
    return self.images_fn(self.arrays, jnp.asarray(index))


def thin(
  factor_sizes: Sequence[int], factor_stride: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...], str]:
  """Thins a grid to every stride-th value of each factor, from value 0 on.

  Returns:
    The thinned sizes ceil(size / stride), the strides (all 1 if none were
    given), and a phrase that says so, empty for the whole grid.

  Raises:
    ValueError: if the strides are not one positive integer a factor, or leave
      a factor with a single value.
  """
  sizes = tuple(factor_sizes)
  stride = tuple(factor_stride) or (1,) * len(sizes)
  if len(stride) != len(sizes) or any(
    not isinstance(s, int) or s < 1 for s in stride
  ):
    raise ValueError(
      f'dataset.factor_stride must be {len(sizes)} positive integers, one for '
      f'each of the factor sizes {sizes}, got {stride}'
    )
  thinned = tuple(-(-size // s) for size, s in zip(sizes, stride))
  if min(thinned) < 2:
    raise ValueError(
      f'dataset.factor_stride {stride} leaves a factor with a single value: '
      f'sizes {sizes} become {thinned}'
    )
  if thinned == sizes:
    return sizes, stride, ''
  return (
    thinned,
    stride,
    f'; thinned by factor_stride {stride} to {math.prod(thinned)} of '
    f'{math.prod(sizes)} images',
  )


def block_width(image_size: int, full_size: int) -> int:
  """Returns the pooling width full_size / image_size.

  Raises:
    ValueError: if `image_size` is not a positive divisor of `full_size`.
  """
  if image_size < 1 or full_size % image_size:
    raise ValueError(f'image_size must divide {full_size}, got {image_size}')
  return full_size // image_size
