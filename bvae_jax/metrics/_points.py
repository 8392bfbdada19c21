"""Points: codes and their labels, as every metric takes them.

Codes and factors may be arrays, nested lists, data frames or tensors. Concrete
labels may be of any kind (see `_labels`), jointly over training and test
points; traced labels are a table: integers within their sizes, -1 for a missing
one, or, with sizes, floats with NaN for a missing one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _inputs, _labels

# How many values a factor may have when `factors` is traced and no sizes are
# given. It covers the usual data sets; passing `factor_sizes` is faster.
MAX_FACTOR_SIZE = 256


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


def _check_factors(
  parts: Sequence[Any],
  counts: Sequence[int],
  factor_sizes: Sequence[int] | None,
  min_factors: int,
) -> _labels.Labels:
  """Labels of the training points, then of the test points if there are any."""
  columns = _inputs.columns('factors', *parts)
  arrays = [
    _inputs.as_factors(part, count, name)
    for part, count, name in zip(parts, counts, ('factors', 'test factors'))
  ]
  num_factors = arrays[0].shape[1]
  if num_factors < min_factors:
    raise ValueError(
      f'at least {min_factors} factors needed, got shape {arrays[0].shape}'
    )
  if any(x.shape[1] != num_factors for x in arrays):
    raise ValueError('factors and test factors have different columns')
  sizes = None if factor_sizes is None else _inputs.check_sizes(factor_sizes)
  if sizes is not None and len(sizes) != num_factors:
    raise ValueError(f'{num_factors} factors but factor_sizes {sizes}')
  if not _inputs.is_traced(*arrays):
    names = range(num_factors) if columns is None else columns
    together = _inputs.joined(*arrays)
    table, sizes = _labels.encode(
      together, counts[0], [str(name) for name in names], sizes
    )
    _check_keys(max(counts), sizes, 'score fewer points')
    return _labels.classes(jnp.asarray(table), sizes, counts[0])
  for x in arrays:
    if x.dtype.kind not in ('iub' if sizes is None else 'iubf'):
      raise ValueError(
        'factors must be integers under jit, or floats with factor_sizes; got '
        f'{x.dtype}'
      )
  sizes = sizes or (MAX_FACTOR_SIZE,) * num_factors
  remedy = 'relabel the factors as 0, 1, 2, ...'
  _check_keys(max(counts), sizes, f'under jit {remedy}')
  return _labels.classes(jnp.concatenate(arrays), sizes, counts[0])


def _check_keys(num_points: int, sizes: Sequence[int], remedy: str) -> None:
  """Raises where a label and a point do not share one integer key."""
  if num_points * max(sizes) >= _labels.MAX_KEYS:
    raise ValueError(
      f'factor_sizes {tuple(sizes)} are too large for {num_points} points: '
      f'{remedy}'
    )


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
  factors = _inputs.as_factors(factors, None, 'factors')
  columns = range(factors.shape[1]) if columns is None else columns
  count = len(factors) if num_train is None else num_train
  return _labels.encode(factors, count, [str(c) for c in columns], None)


def factor_classes(
  table: Any, factor_sizes: Sequence[int]
) -> tuple[jax.Array, tuple[int, ...]]:
  """Classes int32 [N, K] of a table, -1 where missing, and their numbers.

  A continuous factor is in `CONTINUOUS_BINS` bins of equally many points.
  """
  sizes = _inputs.check_sizes(factor_sizes)
  found = _labels.classes(jnp.asarray(table), sizes, len(table))
  return found.classes, found.sizes


def points(
  codes: Any, factors: Any, factor_sizes: Sequence[int] | None
) -> Points:
  """`check_points`, with the values of continuous factors."""
  codes = _inputs.check_codes(codes)
  return Points(
    codes, *_check_factors([factors], [len(codes)], factor_sizes, 1)
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
  codes = _inputs.check_codes(codes, min_points=min_points)
  labels = _check_factors([factors], [len(codes)], factor_sizes, min_factors)
  return codes, labels.classes, labels.sizes


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
  codes, test_codes = _inputs.paired(codes, test_codes, min_points=min_points)
  num_train, counts = len(codes), [len(codes), len(test_codes)]
  labels = _check_factors(
    [factors, test_factors], counts, factor_sizes, min_factors
  )

  def part(codes: jax.Array, rows: slice) -> Points:
    values = None if labels.values is None else labels.values[rows]
    return Points(codes, labels.classes[rows], values, *labels[2:])

  return part(codes, slice(num_train)), part(test_codes, slice(num_train, None))


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
