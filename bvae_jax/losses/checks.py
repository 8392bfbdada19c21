"""Guards shared by the losses: one clear ValueError instead of broadcasting."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np


def check_choice(name: str, value: Any, valid: Sequence[str]) -> None:
  """Raises unless `value` is one of `valid`."""
  if value not in valid:
    raise ValueError(f'unknown {name} {value!r}; expected one of {valid}')


def check_least(least: int, **numbers: int) -> None:
  """Raises unless all numbers are at least that."""
  for name, value in numbers.items():
    if value < least:
      raise ValueError(f'{name}={value} must be at least {least}')


def check_most(most: int, what: str, **numbers: int) -> None:
  """Raises if a number is above that, which is `what`."""
  for name, value in numbers.items():
    if value > most:
      raise ValueError(f'{name}={value} must be at most {most}, {what}')


def check_weights(**weights: Any) -> None:
  """Raises unless each is one real number, traced or not.

  An array would give a loss for each of its entries.
  """
  for name, value in weights.items():
    given = value if hasattr(value, 'dtype') else np.asarray(value)
    real = (
      jnp.issubdtype(given.dtype, jnp.floating) or given.dtype.kind in 'iub'
    )
    if given.shape != () or not real:
      found = repr(value) if given.shape == () else f'shape {given.shape}'
      raise ValueError(f'{name} must be one real number, got {found}')


def check_arrays(**arrays: Any) -> None:
  """Raises of nested lists, tensors and words, which JAX does not take."""
  for name, value in arrays.items():
    if isinstance(value, list | tuple):
      raise ValueError(f'{name} is a list: give an array, jnp.asarray({name})')
    if hasattr(value, 'detach'):
      raise ValueError(
        f'{name} is a tensor of PyTorch, whose gradient would end here: give an'
        f' array, {name}.detach().cpu().numpy()'
      )
    if getattr(getattr(value, 'dtype', None), 'kind', 'f') in 'OSU':
      raise ValueError(f'{name} must be numbers, got dtype {value.dtype}')


def check_rank(rank: int, **arrays: jax.Array) -> None:
  """Raises unless all are arrays of this rank and one and the same shape."""
  check_arrays(**arrays)
  shapes = {name: jnp.shape(array) for name, array in arrays.items()}
  if len(set(shapes.values())) != 1:
    raise ValueError(f'shapes differ: {_listed(shapes)}')
  if any(len(shape) != rank for shape in shapes.values()):
    raise ValueError(f'expected rank {rank}, got {_listed(shapes)}')


def check_posterior(
  *, nll: jax.Array | None = None, min_batch: int = 1, **arrays: jax.Array
) -> None:
  """Raises unless arrays are [B, D] alike, nll [B], B >= min_batch, D >= 1."""
  check_arrays(nll=nll)
  check_rank(2, **arrays)
  name, array = next(iter(arrays.items()))
  batch = jnp.shape(array)[0]
  if nll is not None and jnp.shape(nll) != (batch,):
    raise ValueError(
      f'expected nll of shape ({batch},), got {jnp.shape(nll)} beside'
      f' {name} {jnp.shape(array)}'
    )
  if batch < min_batch:
    raise ValueError(
      f'needs a batch (batch_size) of at least {min_batch}, got {name}'
      f' {jnp.shape(array)}'
    )
  if jnp.shape(array)[1] < 1:
    raise ValueError(
      f'needs at least one column, got {name} {jnp.shape(array)}'
    )


def category_column(mean: jax.Array, num_categories: int) -> int:
  """The first of the last `num_categories` columns of a code [B, D].

  Raises:
    ValueError: num_categories is 1, negative, over D or no integer.
  """
  shape = jnp.shape(mean)
  columns = shape[1]
  whole = isinstance(num_categories, int | np.integer)
  if not whole or num_categories not in (0, *range(2, columns + 1)):
    raise ValueError(
      f'num_categories must be 0 or an integer from 2 to the {columns} columns'
      f' of mean {shape}, got {num_categories!r}'
    )
  return columns - int(num_categories)


def check_batch(**arrays: jax.Array) -> None:
  """Raises unless all arrays are of one and the same batch."""
  check_arrays(**arrays)
  shapes = {name: jnp.shape(array) for name, array in arrays.items()}
  if len({shape[:1] for shape in shapes.values()}) != 1:
    raise ValueError(f'batches differ: {_listed(shapes)}')


def check_vector(**arrays: jax.Array) -> None:
  """Raises unless all arrays are [B] alike, B >= 1."""
  check_rank(1, **arrays)
  for name, array in arrays.items():
    if not np.size(array):
      raise ValueError(f'needs a batch of at least 1, got {name} (0,)')


def check_unit_interval(name: str, values: jax.Array) -> None:
  """Raises if concrete `values` leave [0, 1], or hold a NaN.

  Rounding is forgiven: 1e-6, or 4 units in the last place of 1 where those of
  the dtype are coarser.
  """
  check_arrays(**{name: values})
  low, high = _concrete_range(values)
  slack = _slack(jnp.result_type(values))
  if not (low >= -slack and high <= 1 + slack):
    raise ValueError(
      f'{name} must lie in [0, 1], got values from {low} to {high}'
    )


def check_scaled(name: str, values: jax.Array, largest: str) -> None:
  """Raises of integers that a trace hides: 0 to `largest`, or 0 and 1?"""
  dtype = jnp.result_type(values)
  if _is_hidden(values) and jnp.issubdtype(dtype, jnp.integer):
    raise ValueError(
      f'{name} of dtype {dtype} under jit: give floats,'
      f' {name}.astype(float) / {largest} where they go from 0 to {largest}'
    )


def check_finite(name: str, values: jax.Array) -> None:
  """Raises if concrete `values` hold a NaN or an infinity."""
  check_arrays(**{name: values})
  low, high = _concrete_range(values)
  if not (np.isfinite(low) and np.isfinite(high)):
    raise ValueError(f'{name} must be finite, got values from {low} to {high}')


def check_count(name: str, value: Any, least: int) -> None:
  """Raises unless `value` is an integer, no array, of at least `least`."""
  whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
  if not whole or value < least:
    raise ValueError(
      f'{name} must be an integer of at least {least}, got {value!r}'
    )


def check_positive(name: str, values: float | jax.Array) -> None:
  """Raises if concrete `values` are not all greater than 0."""
  low, _ = _concrete_range(values)
  if not low > 0:
    raise ValueError(f'{name} must be positive, got {low}')


def check_indices(name: str, values: jax.Array, count: int) -> None:
  """Raises if concrete `values` leave 0 to count - 1."""
  low, high = _concrete_range(values)
  if not _is_hidden(values) and not 0 <= low <= high < count:
    raise ValueError(
      f'{name} must be from 0 to {count - 1}, got {low} to {high}'
    )


def at_least_float32(*arrays: Any) -> tuple[jax.Array, ...]:
  """The arrays as one float type of 32 bits or more.

  Means, variances and sums of half-precision posteriors lose all their digits.

  Raises:
    ValueError: complex numbers.
  """
  dtype = jnp.promote_types(jnp.result_type(*arrays), jnp.float32)
  if jnp.issubdtype(dtype, jnp.complexfloating):
    raise ValueError(f'expected real numbers, got {dtype}')
  return tuple(jnp.asarray(array, dtype) for array in arrays)


def _slack(dtype: Any) -> float:
  if not jnp.issubdtype(dtype, jnp.floating):
    return 0.0
  return max(1e-6, 4 * float(jnp.finfo(dtype).eps))


def _is_hidden(values: Any) -> bool:
  return isinstance(values, jax.core.Tracer)


def _concrete_range(values: float | jax.Array) -> tuple[Any, Any]:
  """Least and greatest, by NumPy; (1, 1) where a trace hides the values."""
  if _is_hidden(values) or np.size(values) == 0:
    return 1, 1
  concrete = np.asarray(values)
  return concrete.min(), concrete.max()


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
  return ', '.join(f'{name} {shape}' for name, shape in shapes.items())
