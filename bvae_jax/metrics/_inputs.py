"""The front door of every metric: what callers hand in becomes plain arrays.

Codes and factors may be arrays, nested lists, data frames or tensors on the
CPU. Concrete labels may be of any kind (see `_labels`), jointly over training
and test points; traced labels are a table: integers within their sizes, -1 for
a missing one, or, with sizes, floats with NaN for a missing one.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import core

from bvae_jax.metrics import _labels

# How many values a factor may have when `factors` is traced and no sizes are
# given. It covers the usual data sets; passing `factor_sizes` is faster.
MAX_FACTOR_SIZE = 256


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


def check_sizes(
  factor_sizes: Sequence[int], *, least: int = 0
) -> tuple[int, ...]:
  """Returns the sizes as a tuple of integers of 2 or more, or `least`."""
  sizes = tuple(np.asarray(factor_sizes).ravel().tolist())
  require(
    all(size == int(size) and (size >= 2 or size == least) for size in sizes),
    'factor_sizes',
    'integers of 2 or more, or 0 of a continuous factor (leave constant '
    'factors out)',
    sizes,
  )
  return tuple(int(size) for size in sizes)


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
) -> _labels.Labels:
  """Labels of the training points, then of the test points if there are any."""
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
    table, sizes = _labels.encode(
      together, counts[0], [str(name) for name in names], sizes
    )
    return _labels.classes(jnp.asarray(table), sizes, counts[0])
  for x in arrays:
    if x.dtype.kind not in ('iub' if sizes is None else 'iubf'):
      raise ValueError(
        'factors must be integers under jit, or floats with factor_sizes; got '
        f'{x.dtype}'
      )
  sizes = sizes or (MAX_FACTOR_SIZE,) * num_factors
  # Labels and points share one integer key; concrete labels are compacted.
  if max(counts) * max(sizes) >= 2**31:
    raise ValueError(
      f'factor_sizes {sizes} are too large for {max(counts)} points under jit:'
      ' relabel the factors as 0, 1, 2, ...'
    )
  return _labels.classes(jnp.concatenate(arrays), sizes, counts[0])


def encode_factors(
  factors: Any,
  num_train: int | None = None,
  *,
  names: Sequence[str] | None = None,
) -> tuple[np.ndarray, tuple[int, ...]]:
  """The table of factors of any kind, as `Sample` has it, and its sizes.

  Args:
    factors: [N, K] or [N], labels of any kind.
    num_train: how many of the points are for training; all by default.
    names: of the factors, for messages; by default those of a frame.

  Returns:
    int32 [N, K] with -1 for a missing label, or, if a factor is continuous,
    float32 [N, K] with NaN; the sizes, 0 of a continuous factor (numbers of
    more than 20 values that mostly differ from point to point).

  Raises:
    ValueError: as `check_points`.

  >>> encode_factors([['a', 3], ['b', 5], ['', 3]])[0].tolist()
  [[0, 0], [1, 1], [-1, 0]]
  """
  columns: Any = getattr(factors, 'columns', None) if names is None else names
  factors = _numpy(factors)
  factors = _shaped(factors, len(factors), 'factors')
  columns = range(factors.shape[1]) if columns is None else columns
  count = len(factors) if num_train is None else num_train
  return _labels.encode(factors, count, [str(c) for c in columns], None)


def factor_classes(
  table: Any, factor_sizes: Sequence[int]
) -> tuple[jax.Array, tuple[int, ...]]:
  """Classes int32 [N, K] of a table, -1 where missing, and their numbers.

  A continuous factor is in `CONTINUOUS_BINS` bins of equally many points.
  """
  sizes = check_sizes(factor_sizes)
  found = _labels.classes(jnp.asarray(table), sizes, len(table))
  return found.classes, found.sizes


class Points(NamedTuple):
  """Codes and their labels, as the metrics read them.

  Attributes:
    codes: float32 [N, D].
    factors: int32 [N, K], -1 where a label is missing.
    values: float32 [N, K] of continuous factors, None where there are none.
    sizes: the number of classes of each factor.
    continuous: which factors are, and are binned in `factors`.
  """

  codes: jax.Array
  factors: jax.Array
  values: jax.Array | None
  sizes: tuple[int, ...]
  continuous: tuple[bool, ...]

  @property
  def numbers(self) -> jax.Array:
    """float32 [N, K]: classes, and the values of continuous factors."""
    classes = self.factors.astype(jnp.float32)
    if self.values is None:
      return classes
    return jnp.where(np.asarray(self.continuous), self.values, classes)


def points(
  codes: Any,
  factors: Any,
  factor_sizes: Sequence[int] | None = None,
  *,
  min_points: int = 2,
  min_factors: int = 1,
) -> Points:
  """`check_points`, with the values of continuous factors."""
  codes = check_codes(codes, min_points=min_points)
  count = [codes.shape[0]]
  return Points(
    codes, *_check_factors([factors], count, factor_sizes, min_factors)
  )


def check_points(
  codes: Any,
  factors: Any,
  factor_sizes: Sequence[int] | None = None,
  *,
  min_points: int = 2,
  min_factors: int = 1,
) -> tuple[jax.Array, jax.Array, tuple[int, ...]]:
  """Returns codes float32 [N, D], factors int32 [N, K] and their sizes.

  A missing label is -1; a continuous factor (numbers of more than 20 values
  that mostly differ, or of size 0) comes in `CONTINUOUS_BINS` quantile bins.

  Args:
    codes: [N, D].
    factors: [N, K], or [N] of one factor; labels of any kind.
    factor_sizes: values of each factor, 0 of a continuous one; by default what
      the labels say. Under jit labels are then integers from 0 on.
    min_points: the least N.
    min_factors: the least K.

  Raises:
    ValueError: see `check_codes`; factors not [N, K], fewer than min_factors,
      traced and no table, of sizes of another length, or (when the values are
      known) constant, all missing, or outside given sizes.
  """
  found = points(
    codes,
    factors,
    factor_sizes,
    min_points=min_points,
    min_factors=min_factors,
  )
  return found.codes, found.factors, found.sizes


def split(
  codes: Any,
  factors: Any,
  test_codes: Any,
  test_factors: Any,
  factor_sizes: Sequence[int] | None = None,
  *,
  min_points: int = 2,
  min_factors: int = 1,
) -> tuple[Points, Points]:
  """`check_split`, with the values of continuous factors."""
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
  labels = _check_factors(
    [factors, test_factors], counts, factor_sizes, min_factors
  )
  values = labels.values
  return (
    Points(
      codes,
      labels.classes[:num_train],
      None if values is None else values[:num_train],
      labels.sizes,
      labels.continuous,
    ),
    Points(
      test_codes,
      labels.classes[num_train:],
      None if values is None else values[num_train:],
      labels.sizes,
      labels.continuous,
    ),
  )


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

  Raises:
    ValueError: as `check_points`; test points with other latents or factors.
  """
  train, test = split(
    codes,
    factors,
    test_codes,
    test_factors,
    factor_sizes,
    min_points=min_points,
    min_factors=min_factors,
  )
  return train.codes, train.factors, test.codes, test.factors, train.sizes
