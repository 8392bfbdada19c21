"""The front door of every metric: codes as arrays.

Codes may be arrays, nested lists, data frames or tensors.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core

from bvae_jax.metrics import _settings


def is_traced(*arrays: Any) -> bool:
  """Whether the values of any array are unknown (inside jit, vmap, grad)."""
  return any(isinstance(x, core.Tracer) for x in arrays)


def as_numpy(values: Any) -> np.ndarray:
  """An array of whatever holds values; what is masked is missing.

  Raises:
    ValueError: rows of different lengths, a sparse matrix, a structured array.
  """
  if hasattr(values, 'toarray'):
    raise ValueError('a sparse matrix: give its toarray()')
  if hasattr(values, 'detach'):
    values = values.detach().cpu()  # a tensor leaves its graph first
    if 'bfloat16' in str(values.dtype):
      values = values.float()  # NumPy has no such type
  if np.ma.is_masked(values):
    values = np.where(np.ma.getmaskarray(values), None, values.data)
  try:
    found = np.asarray(values)
  except (TypeError, ValueError) as error:
    raise ValueError(f'rows differ in length or kind: {error}') from error
  if found.dtype.names:
    raise ValueError(
      f'a structured array of {", ".join(found.dtype.names)}: make it plain '
      'by numpy.lib.recfunctions.structured_to_unstructured'
    )
  if found.dtype.kind == 'V':
    return found.astype(np.float32)  # JAX's types that NumPy has not
  if found.dtype.kind == 'T':
    return found.astype(object)  # texts of any length, with a missing one
  return found


def joined(*parts: np.ndarray) -> np.ndarray:
  """Training and test labels: floats at the coarser precision of the two.

  0.1 of 32 bits and 0.1 of 64 are one value.
  """
  if all(part.dtype.kind == 'f' for part in parts):
    coarsest = min((part.dtype for part in parts), key=lambda x: x.itemsize)
    parts = tuple(part.astype(coarsest) for part in parts)
  return np.concatenate(parts)


def as_factors(factors: Any, num_points: int | None, name: str) -> Any:
  """Factors as an array [N, K]; a vector is one factor."""
  factors = factors if is_traced(factors) else as_numpy(factors)
  if factors.ndim == 1:
    factors = factors[:, None]
  if factors.ndim != 2:
    raise ValueError(
      f'{name} must be [points, factors], got shape {factors.shape}'
    )
  if num_points not in (None, factors.shape[0]):
    raise ValueError(
      f'{num_points} codes but {factors.shape[0]} {name}: lengths differ'
    )
  return factors


def columns(name: str, *parts: Any) -> list | None:
  """Those of training and test points, the same; None where none are named."""
  found = [list(part.columns) for part in parts if hasattr(part, 'columns')]
  if any(other != found[0] for other in found):
    raise ValueError(
      f'{name} and test {name} have different columns, or in another order'
    )
  return found[0] if found else None


def _extremes(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Least and largest code of each latent; NumPy reduces wide rows faster."""
  fold = min(64, len(codes))
  whole = len(codes) // fold * fold
  wide, last = codes[:whole].reshape(whole // fold, -1), codes[-fold:].ravel()
  low = np.minimum(wide.min(0), last).reshape(fold, -1).min(0)
  return low, np.maximum(wide.max(0), last).reshape(fold, -1).max(0)


def _float32(codes: np.ndarray, name: str) -> np.ndarray:
  """Concrete codes as float32; a large offset is taken off in float64."""
  low, high = _extremes(codes)
  if not (np.isfinite(low).all() and np.isfinite(high).all()):
    raise ValueError(
      f'{name} hold NaN or infinite values; leave those points out'
    )
  low, high = low.astype(np.float64), high.astype(np.float64)
  far = np.abs(low + high) > 16 * (high - low)
  # A constant latent stays what it is.
  far &= high > low
  if far.any():
    codes = codes.astype(np.float64) - np.where(far, (low + high) / 2, 0)
  with np.errstate(over='ignore'):
    codes = np.asarray(codes, np.float32)
  if max(np.abs(low).max(), np.abs(high).max()) > 1e38:
    raise ValueError(f'{name} exceed float32: scale them down')
  if 0 < (high - low).max() < 1e-37:
    raise ValueError(f'{name} differ by less than float32 holds: scale them up')
  return codes


def check_codes(
  codes: Any, *, min_points: int = 2, name: str = 'codes'
) -> jax.Array:
  """Returns codes as float32 [N, D], without the large offset of a latent.

  Args:
    codes: [N, D], anything that NumPy can read, or traced.
    min_points: the least N.
    name: of the codes, for messages.

  Raises:
    ValueError: not real numbers [N, D], D < 2, N < min_points, or (when the
      values are known) NaN or infinite codes.
  """
  if not is_traced(codes):
    codes = as_numpy(codes)
    if codes.dtype.kind in 'OUS':
      try:
        codes = codes.astype(object).astype(np.float64)
      except (TypeError, ValueError) as error:
        raise ValueError(f'{name} must be numbers: {error}') from error
  _settings.require(
    not jnp.issubdtype(codes.dtype, jnp.complexfloating),
    name,
    'real',
    str(codes.dtype),
  )
  shape = codes.shape
  if len(shape) != 2:
    raise ValueError(f'{name} must be [points, latents], got shape {shape}')
  if shape[1] < 2:
    raise ValueError(f'{name} need at least 2 latents, got shape {shape}')
  if shape[0] < min_points:
    raise ValueError(f'{shape[0]} points are fewer than {min_points} required')
  if not is_traced(codes):
    codes = _float32(codes, name)
  return jnp.asarray(codes, jnp.float32)


def paired(
  codes: Any, others: Any, name: str = 'test codes', *, min_points: int = 2
) -> tuple[jax.Array, jax.Array]:
  """`check_codes` of two sets of one model, which lose the same offset.

  Args:
    codes: [N, D], N of min_points or more.
    others: [T, D], one or more, called `name` in messages.

  Raises:
    ValueError: as `check_codes`; other latents, no other points.
  """
  columns('codes', codes, others)
  if not is_traced(codes, others):
    codes, others = as_numpy(codes), as_numpy(others)
  check_codes(codes, min_points=min_points)
  if jnp.shape(codes)[1:] != jnp.shape(others)[1:]:
    raise ValueError(
      f'codes must be [points, latents] and {name} too, got shapes'
      f' {jnp.shape(codes)} and {jnp.shape(others)}: different latents'
    )
  if jnp.shape(others)[0] < 1:
    raise ValueError('at least 1 test point needed, got 0')
  if is_traced(codes, others):
    return (
      check_codes(codes, min_points=min_points),
      check_codes(others, min_points=1, name=name),
    )
  num_train = jnp.shape(codes)[0]
  both = check_codes(np.concatenate([codes, others]))
  return both[:num_train], both[num_train:]


def as_they_are(values: Any, name: str) -> jax.Array:
  """Returns float32 [N, D] after the guards of `check_codes`, no offset off."""
  check_codes(values, name=name)
  values = values if is_traced(values) else as_numpy(values).astype(np.float32)
  return jnp.asarray(values, jnp.float32)


def finite(*arrays: jax.Array) -> jax.Array:
  """Returns bool [...]: whether codes [..., N, D] are free of NaN and inf.

  Under jit nothing can raise: select the members with this before scoring.

  >>> import numpy as np
  >>> finite(np.array([[[1.0, 2.0]], [[np.nan, 2.0]]])).tolist()
  [True, False]
  """
  each = [jnp.isfinite(jnp.asarray(x)).all((-2, -1)) for x in arrays]
  return functools.reduce(jnp.logical_and, each)


def check_sizes(
  factor_sizes: Sequence[int], *, least: int = 0
) -> tuple[int, ...]:
  """Returns the sizes as a tuple of integers of 2 or more, or `least`."""
  given = np.asarray(factor_sizes).ravel()
  sizes = tuple(given.tolist())
  _settings.require(
    given.dtype.kind in 'iuf'
    and all(
      float(size).is_integer() and (size >= 2 or size == least)
      for size in sizes
    ),
    'factor_sizes',
    'integers of 2 or more, or 0 of a continuous factor (leave constant '
    'factors out)',
    sizes,
  )
  return tuple(int(size) for size in sizes)
