"""The front door of every metric: what callers hand in becomes plain arrays.

Codes and factors may be arrays, nested lists, data frames or tensors on the
CPU. Concrete labels may be of any kind: they become ranks, jointly over
training and test points; traced labels must be integers within their sizes.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core

# How many values a factor may have when `factors` is traced and no sizes are
# given. It covers the usual data sets; passing `factor_sizes` is faster.
MAX_FACTOR_SIZE = 256
# Quantile bins of a continuous factor: one whose values are not whole and
# mostly differ from point to point.
CONTINUOUS_BINS = 20


def is_traced(*arrays: Any) -> bool:
  """Whether the values of any array are unknown (inside jit, vmap, grad)."""
  return any(isinstance(x, core.Tracer) for x in arrays)


def require(fits: bool, name: str, expected: str, value: Any) -> None:
  """Raises the one line of a wrong argument unless it fits."""
  if not fits:
    raise ValueError(f'{name} must be {expected}, got {value!r}')


def require_count(least: int, **counts: Any) -> None:
  """Raises unless all are integers of at least `least`."""
  for name, value in counts.items():
    fits = isinstance(value, int | np.integer) and value >= least
    require(bool(fits), name, f'an integer of {least} or more', value)


def _numpy(values: Any) -> np.ndarray:
  """An array of whatever holds values; a tensor leaves its graph first."""
  if hasattr(values, 'detach'):
    values = values.detach().cpu()
  try:
    return np.asarray(values)
  except (TypeError, ValueError) as error:
    raise ValueError(f'rows differ in length or kind: {error}') from error


def _float32(codes: np.ndarray, name: str) -> np.ndarray:
  """Concrete codes as float32; a large offset is taken off in float64."""
  low, high = codes.min(0), codes.max(0)
  if not (np.isfinite(low).all() and np.isfinite(high).all()):
    raise ValueError(f'{name} hold NaN or infinite values')
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
  return codes


def check_codes(
  codes: Any, *, min_points: int = 2, name: str = 'codes'
) -> jax.Array:
  """Returns codes as float32 [N, D].

  Raises:
    ValueError: not real numbers [N, D], D < 2, N < min_points, or (when the
      values are known) NaN or infinite codes.
  """
  if not is_traced(codes):
    codes = _numpy(codes)
    if codes.dtype.kind in 'OUS':
      try:
        codes = codes.astype(np.float64)
      except (TypeError, ValueError) as error:
        raise ValueError(f'{name} must be numbers: {error}') from error
  require(
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


def finite(*arrays: jax.Array) -> jax.Array:
  """Returns bool [...]: whether codes [..., N, D] are free of NaN and inf.

  Under jit nothing can raise: select the members with this before scoring.

  >>> import numpy as np
  >>> finite(np.array([[[1.0, 2.0]], [[np.nan, 2.0]]])).tolist()
  [True, False]
  """
  each = [jnp.isfinite(x).all((-2, -1)) for x in arrays]
  return functools.reduce(jnp.logical_and, each)


def check_sizes(factor_sizes: Sequence[int]) -> tuple[int, ...]:
  """Returns the sizes as a tuple of integers of 2 or more."""
  sizes = tuple(np.asarray(factor_sizes).ravel().tolist())
  require(
    all(size == int(size) and size >= 2 for size in sizes),
    'factor_sizes',
    'integers of 2 or more (leave constant factors out)',
    sizes,
  )
  return tuple(int(size) for size in sizes)


def _column(values: np.ndarray, name: str) -> np.ndarray:
  """One factor's labels as integers, numbers or strings."""
  if values.dtype == object:
    values = np.asarray(values.tolist())
  if values.dtype == bool:
    return values.astype(np.int32)
  if values.dtype.kind in 'US':
    try:
      values = values.astype(np.float64)
    except ValueError:
      # Names have no order but that of their first appearance.
      _, first, ranks = np.unique(
        values, return_index=True, return_inverse=True
      )
      return first.argsort().argsort()[ranks.reshape(-1)]
  missing = values != values  # noqa: PLR0124 (NaN and NaT)
  if values.dtype == object or np.any(missing):
    raise ValueError(
      f'factor {name} has missing or mixed labels: leave those points out'
    )
  if values.dtype.kind == 'c':
    raise ValueError(f'factor {name} has complex labels')
  if values.dtype.kind == 'f' and (np.abs(values) < 2**52).all():
    whole = values.astype(np.int64)
    return whole if (whole == values).all() else values
  return values


def _quantile_bins(values: np.ndarray, num_train: int) -> np.ndarray:
  """Bins of equally many training points of a continuous factor."""
  shares = np.arange(1, CONTINUOUS_BINS) / CONTINUOUS_BINS
  return np.searchsorted(np.quantile(values[:num_train], shares), values)


def _ranks(values: np.ndarray, num_train: int) -> tuple[np.ndarray, int]:
  """Labels as 0 .. size - 1 in the order of their values, and the size."""
  if values.dtype.kind in 'iu':
    low, high = int(values.min()), int(values.max())
    if high - low < 10 * len(values):
      shifted = values if low == 0 else values.astype(np.int64) - low
      present = np.bincount(shifted) > 0
      if present.all():
        return shifted, len(present)
      return (np.cumsum(present) - 1)[shifted], int(present.sum())
  found, ranks = np.unique(values, return_inverse=True)
  if values.dtype.kind == 'f' and len(found) > max(20, len(values) / 2):
    return _ranks(_quantile_bins(values, num_train), num_train)
  return ranks.reshape(-1), len(found)


def _labels(
  factors: np.ndarray,
  num_train: int,
  names: Sequence[str],
  sizes: tuple[int, ...] | None,
) -> tuple[np.ndarray, tuple[int, ...]]:
  """Concrete labels [N, K] of any kind as int32, and their sizes."""
  labels, found = np.empty(factors.shape, np.int32), []
  for k, name in enumerate(names):
    column = _column(factors[:, k], name)
    if sizes is None or column.dtype.kind not in 'iu':
      column, size = _ranks(column, num_train)
    else:
      size = int(column.max()) + 1
    if sizes is not None and (size > sizes[k] or column.min() < 0):
      raise ValueError(
        f'factor {name} has labels from {column.min()} to {column.max()},'
        f' outside their sizes {sizes[k]}'
      )
    train = column[:num_train]
    if train.min() == train.max():
      raise ValueError(f'factor {name} is constant in the training points')
    labels[:, k] = column
    found.append(size if sizes is None else sizes[k])
  if len(factors) * max(found) >= 2**31:
    return _labels(labels, num_train, names, None)
  return labels, tuple(found)


def _shaped(factors: Any, num_points: int, name: str) -> Any:
  """Factors as an array [N, K]; a vector is one factor."""
  factors = factors if is_traced(factors) else _numpy(factors)
  if factors.ndim == 1:
    factors = factors[:, None]
  if factors.ndim != 2:
    raise ValueError(
      f'{name} must be [points, factors], got shape {factors.shape}'
    )
  if factors.shape[0] != num_points:
    raise ValueError(
      f'{num_points} codes but {factors.shape[0]} {name}: lengths differ'
    )
  return factors


def _check_factors(
  parts: Sequence[Any],
  counts: Sequence[int],
  factor_sizes: Sequence[int] | None,
  min_factors: int,
) -> tuple[list[jax.Array], tuple[int, ...]]:
  """Labels of the training points, and of the test points if there are any."""
  columns = getattr(parts[0], 'columns', None)
  arrays = [
    _shaped(part, count, name)
    for part, count, name in zip(parts, counts, ('factors', 'test factors'))
  ]
  num_factors = arrays[0].shape[1]
  if num_factors < min_factors:
    raise ValueError(
      f'at least {min_factors} factors needed, got shape {arrays[0].shape}'
    )
  if any(x.shape[1] != num_factors for x in arrays):
    raise ValueError('factors and test factors have different columns')
  sizes = None if factor_sizes is None else check_sizes(factor_sizes)
  if sizes is not None and len(sizes) != num_factors:
    raise ValueError(f'{num_factors} factors but factor_sizes {sizes}')
  if not is_traced(*arrays):
    names = range(num_factors) if columns is None else columns
    together = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    names = [str(name) for name in names]
    labels, sizes = _labels(together, counts[0], names, sizes)
    return [jnp.asarray(x) for x in np.split(labels, counts[:1])][
      : len(arrays)
    ], sizes
  for x in arrays:
    kind = x.dtype
    if kind.kind not in 'iub':
      raise ValueError(f'factors must be integers under jit, got {kind}')
  sizes = sizes or (MAX_FACTOR_SIZE,) * num_factors
  return [jnp.asarray(x, jnp.int32) for x in arrays], sizes


def check_points(
  codes: Any,
  factors: Any,
  factor_sizes: Sequence[int] | None = None,
  *,
  min_points: int = 2,
  min_factors: int = 1,
) -> tuple[jax.Array, jax.Array, tuple[int, ...]]:
  """Returns codes float32 [N, D], factors int32 [N, K] and their sizes.

  Raises:
    ValueError: see `check_codes`; factors not [N, K], fewer than min_factors,
      traced and no integers, of sizes of another length, or (when the values
      are known) constant, missing, or outside given sizes.
  """
  codes = check_codes(codes, min_points=min_points)
  (factors,), sizes = _check_factors(
    [factors], [codes.shape[0]], factor_sizes, min_factors
  )
  return codes, factors, sizes


def check_split(
  codes: Any,
  factors: Any,
  test_codes: Any,
  test_factors: Any,
  factor_sizes: Sequence[int] | None = None,
  *,
  min_points: int = 2,
  min_factors: int = 1,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, tuple[int, ...]]:
  """`check_points` of training points and, with the same labels, test points.

  One test point is enough, and a factor may be constant among them.
  """
  if not is_traced(codes, test_codes):
    codes, test_codes = _numpy(codes), _numpy(test_codes)
  if jnp.ndim(codes) == 2:
    check_codes(codes, min_points=min_points)
  if jnp.shape(codes)[1:] != jnp.shape(test_codes)[1:]:
    raise ValueError(
      f'codes must be [points, latents] and test codes too, got shapes'
      f' {jnp.shape(codes)} and {jnp.shape(test_codes)}: different latents'
    )
  num_train = jnp.shape(codes)[0]
  counts = [num_train, jnp.shape(test_codes)[0]]
  if counts[1] < 1:
    raise ValueError('at least 1 test point needed, got 0')
  if is_traced(codes, test_codes):
    codes = check_codes(codes, min_points=min_points)
    test_codes = check_codes(test_codes, min_points=1, name='test codes')
  else:
    # Together, so that both lose the same offset.
    both = check_codes(np.concatenate([codes, test_codes]))
    codes, test_codes = both[:num_train], both[num_train:]
  (factors, test_factors), sizes = _check_factors(
    [factors, test_factors], counts, factor_sizes, min_factors
  )
  return codes, factors, test_codes, test_factors, sizes
