"""Factor grids: every combination of factor values, last factor fastest."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jax.typing import ArrayLike


def num_combinations(factor_sizes: Sequence[int]) -> int:
  """Returns the number of combinations, prod(factor_sizes).

  Raises:
    ValueError: if there is no factor, or one has no value.
  """
  return math.prod(_check_sizes(factor_sizes))


def factor_grid(factor_sizes: Sequence[int]) -> jax.Array:
  """Returns every factor combination in index order, int32 [prod, K].

  Row i is `index_to_factors(i, factor_sizes)`: the last factor changes
  fastest.

  Args:
    factor_sizes: the number of values of each of the K factors.

  Raises:
    ValueError: if there is no factor, or one has no value.
  """
  sizes = _check_sizes(factor_sizes)
  return index_to_factors(np.arange(math.prod(sizes)), sizes)


def index_to_factors(
  index: ArrayLike, factor_sizes: Sequence[int]
) -> jax.Array:
  """Returns the factors of grid positions, int32 [..., K].

  Factor k is floor(index / stride_k) mod size_k, where stride_k is the product
  of the sizes after k.

  Args:
    index: positions in [0, prod(factor_sizes)), int [...].
    factor_sizes: the number of values of each of the K factors.

  Raises:
    ValueError: if there is no factor, one has no value, or (when the values are
      known) positions that are no integers or not on the grid.
  """
  sizes = _check_sizes(factor_sizes)
  _check_places('positions', index, (math.prod(sizes),))
  return _factors(_int32(index), sizes)


@functools.partial(jax.jit, static_argnums=1)
def _factors(index: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  return index[..., None] // jnp.array(_strides(sizes)) % jnp.array(sizes)


def factors_to_index(
  factors: ArrayLike, factor_sizes: Sequence[int]
) -> jax.Array:
  """Returns the grid positions of factors, int32 [...].

  index = sum_k factor_k * stride_k: the inverse of `index_to_factors`.

  Args:
    factors: int [..., K], factor k in [0, factor_sizes[k]).
    factor_sizes: the number of values of each of the K factors.

  Raises:
    ValueError: if the last axis of `factors` is not K, there is no factor, one
      has no value, or (when the values are known) factors that are no integers
      or outside their sizes.
  """
  sizes = _check_sizes(factor_sizes)
  found = _int32(factors)
  if found.ndim < 1 or found.shape[-1] != len(sizes):
    raise ValueError(
      f'factors of shape {found.shape} do not end in the {len(sizes)} '
      f'factors of sizes {sizes}'
    )
  _check_places('factors', factors, sizes)
  return _index(found, sizes)


@functools.partial(jax.jit, static_argnums=1)
def _index(factors: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  return jnp.sum(factors * jnp.array(_strides(sizes)), axis=-1)


def _int32(values: ArrayLike) -> Any:
  """An array of integers; NumPy's where it can be: JAX compiles each cast."""
  as_array: Any = jnp if isinstance(values, jax.Array) else np
  return as_array.asarray(values, np.int32)


def _check_places(what: str, values: ArrayLike, sizes: Sequence[int]) -> None:
  """Raises of concrete values that are not whole, from 0 to size - 1."""
  if isinstance(values, core.Tracer):
    return
  known = np.asarray(values)
  if ((known < 0) | (known >= np.asarray(sizes)) | (known % 1 != 0)).any():
    raise ValueError(
      f'{what} must be integers from 0 to below {tuple(sizes)}, got values'
      f' from {known.min()} to {known.max()}'
    )


def grid_places(
  classes: np.ndarray, factor_sizes: Sequence[int]
) -> np.ndarray | None:
  """The grid position of each row, int [N]; None if they are no complete grid.

  Args:
    classes: int [N, K], below 0 where missing.
    factor_sizes: the number of values of each of the K factors.
  """
  sizes = tuple(factor_sizes)
  if len(classes) != math.prod(sizes) or classes.min(initial=0) < 0:
    return None
  places = np.asarray(np.ravel_multi_index(tuple(classes.T), sizes))
  return places if np.bincount(places).max() == 1 else None


def _check_sizes(factor_sizes: Sequence[int]) -> tuple[int, ...]:
  """Returns the sizes as a tuple of Python ints, or raises ValueError."""
  sizes = tuple(int(size) for size in factor_sizes)
  if not sizes or min(sizes) < 1 or math.prod(sizes) > 2**31 - 1:
    raise ValueError(
      'factor_sizes must be one or more sizes of at least 1 whose product '
      f'fits an int32, got {sizes}'
    )
  return sizes


def _strides(sizes: tuple[int, ...]) -> tuple[int, ...]:
  """Returns how far one step of each factor moves the index."""
  return tuple(math.prod(sizes[k + 1 :]) for k in range(len(sizes)))


def sample_index(key: jax.Array, batch_size: int, num_images: int) -> jax.Array:
  """Returns positions drawn i.i.d. uniformly with replacement, int32 [B].

  Args:
    key: a key.
    batch_size: the number of positions B.
    num_images: they are below it.

  Raises:
    ValueError: if `batch_size` or `num_images` is below 1.
  """
  if batch_size < 1 or num_images < 1:
    raise ValueError(
      'batch_size and num_images must be at least 1, got '
      f'{batch_size} and {num_images}'
    )
  return jax.random.randint(key, (batch_size,), 0, num_images, jnp.int32)


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
  told = (
    f'; thinned by factor_stride {stride} to {math.prod(thinned)} of '
    f'{math.prod(sizes)} images'
  )
  return thinned, stride, '' if thinned == sizes else told
