"""Labels of any kind become a table of factors; a table becomes classes.

A table [N, K] is what a data set holds too: int32 with -1 for a missing label
where all factors are discrete, else float32 with NaN for a missing one. Sizes
tell the columns apart: 0 of a continuous factor, else the number of values.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Quantile bins of a continuous factor, where a score needs classes.
CONTINUOUS_BINS = 20
MAX_KEYS = 2**31  # of a label and a point, which share one integer
MAX_CLASSES = 256  # values of a factor of numbers that is not continuous
_WHOLE = np.float64(2**52)  # below it are fractions; half floats end before
_BLANK = ('', 'nan', '<na>', 'nat')  # a missing value as text


class Labels(NamedTuple):
  """Factors as the metrics read them.

  Attributes:
    classes: int32 [N, K]; -1 is missing; bins of a continuous factor.
    values: float32 [N, K], of continuous factors (0 where missing), of unit
      variance in the training points; None where all are discrete.
    sizes: the number of classes of each factor.
    continuous: which factors are.
  """

  classes: jax.Array
  values: jax.Array | None
  sizes: tuple[int, ...]
  continuous: tuple[bool, ...]


def _is_missing(cell: object) -> bool:
  """None, NaN, NaT, the NA of data frames, a blank."""
  if isinstance(cell, str | bytes):
    text = cell if isinstance(cell, str) else cell.decode(errors='replace')
    return text.strip().lower() in _BLANK
  return cell is None or type(cell).__name__ == 'NAType' or cell != cell  # noqa: PLR0124


def _column(values: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
  """One factor's known labels (integers, numbers or words), and where."""
  known = np.ones(len(values), bool)
  if values.dtype == object:
    known = np.array([not _is_missing(cell) for cell in values], bool)
    values = np.asarray(values[known].tolist())
  elif values.dtype.kind in 'US':
    told = np.char.lower(np.char.strip(values))
    known = ~np.isin(told, np.array(_BLANK, values.dtype.kind))
    values = values[known]
  if values.dtype.kind == 'b':
    values = values.astype(np.int32)
  if values.dtype.kind in 'US':
    joint = '_' if values.dtype.kind == 'U' else b'_'
    if (np.char.find(values, joint) >= 0).any():
      return values, known  # 1_12 and 11_2 are words, not both 112
    try:
      values = values.astype(np.float64)
    except ValueError:
      return values, known
  if values.dtype.kind in 'fmM':
    there = ~(values != values)  # noqa: PLR0124
    known[known] = there
    values = values[there]
  if values.dtype.kind == 'c':
    raise ValueError(
      f'factor {name} has complex labels; give real numbers or text'
    )
  if values.dtype.kind == 'f' and (np.abs(values) < _WHOLE).all():
    whole = values.astype(np.int64)
    return (whole if (whole == values).all() else values), known
  return values, known


def _ranks(values: np.ndarray) -> tuple[np.ndarray, int]:
  """Labels as 0 .. size - 1 in the order of their values, and the size.

  Words have no order but that of their first appearance.
  """
  if values.dtype.kind in 'iu':
    low, high = int(values.min()), int(values.max())
    if high - low < 10 * len(values):
      # Modulo 2^64, so that ids beyond int64 have their differences too.
      shifted = values.astype(np.uint64) - np.uint64(low % 2**64)
      shifted = shifted.astype(np.int64)
      present = np.bincount(shifted) > 0
      if present.all():
        return shifted, len(present)
      return (np.cumsum(present) - 1)[shifted], int(present.sum())
  found, first, ranks = np.unique(
    values, return_index=True, return_inverse=True
  )
  ranks = ranks.reshape(-1)
  if values.dtype.kind in 'US':
    ranks = first.argsort().argsort()[ranks]
  return ranks, len(found)


def _encoded(
  values: np.ndarray, name: str, size: int | None
) -> tuple[np.ndarray, int]:
  """Known labels as ranks or as numbers, and their size (0: continuous)."""
  if size == 0 and values.dtype.kind in 'iuf':
    return values.astype(np.float64), 0
  if size is not None and values.dtype.kind in 'iu':
    labels, found = values, int(values.max()) + 1
  else:
    labels, found = _ranks(values)
    if size is None and values.dtype.kind in 'iuf':
      if found > max(20, min(len(values) / 2, MAX_CLASSES)):
        return values.astype(np.float64), 0
    elif size is None and found > max(20, len(values) / 2):
      raise ValueError(
        f'factor {name} has {found} different labels of {len(values)} points: '
        'it tells points apart, it is no factor; leave it out'
      )
  if size is not None and (found > size or labels.min() < 0):
    raise ValueError(
      f'factor {name} has labels from {labels.min()} to {labels.max()},'
      f' outside their sizes {size}'
    )
  return labels, found if size is None else size


def encode(
  factors: np.ndarray,
  num_train: int,
  names: Sequence[str],
  sizes: tuple[int, ...] | None,
) -> tuple[np.ndarray, tuple[int, ...]]:
  """The table of concrete labels [N, K] of any kind, and its sizes.

  Where no sizes are given, numbers of more than 20 values that mostly differ
  from point to point, or of more than `MAX_CLASSES`, are continuous. Continuous
  factors are standardised by the training points.

  Raises:
    ValueError: labels of mixed kinds, outside given sizes, or that tell points
      apart; infinite labels of a continuous factor; a factor without labels or
      constant in the training points; names that are not all different.
  """
  if len(names) != factors.shape[1]:
    raise ValueError(f'{factors.shape[1]} factors but names {names}')
  if len(set(names)) < len(names) or '' in names:
    raise ValueError(f'factors need a name of their own each, got {names}')
  columns, found = [], []
  for k, name in enumerate(names):
    size = None if sizes is None else sizes[k]
    values, known = _column(factors[:, k], name)
    if size and values.dtype.kind in 'iu' and (values == -1).any():
      known[known] = values != -1
      values = values[values != -1]
    train = known[:num_train].sum()
    if not train:
      raise ValueError(
        f'factor {name}: every label of the training points is missing; '
        'leave the factor out'
      )
    try:
      labels, size = _encoded(values, name, size)
    except TypeError:
      raise ValueError(
        f'factor {name} has labels of mixed kinds; make all numbers, or all '
        'text'
      ) from None
    if labels[:train].min() == labels[:train].max():
      raise ValueError(
        f'factor {name} is constant in the training points; leave it out'
      )
    if not size:
      if not np.isfinite(labels).all():
        raise ValueError(
          f'factor {name} has infinite labels; leave those points out'
        )
      # The largest number keeps the squares of the rest in range.
      labels = labels / np.abs(labels).max()
      labels = (labels - labels[:train].mean()) / labels[:train].std()
    column = np.full(len(factors), -1 if size else np.nan)
    column[known] = labels
    columns.append(column)
    found.append(size)
  table = np.stack(columns, 1)
  if not all(found):
    table[(table < 0) & (np.asarray(found) > 0)] = np.nan
    return table.astype(np.float32), tuple(found)
  if len(factors) * max(found) >= MAX_KEYS and sizes is not None:
    return encode(factors, num_train, names, None)
  return table.astype(np.int32), tuple(found)


def classes(table: jax.Array, sizes: tuple[int, ...], num_train: int) -> Labels:
  """The classes and values of a table, whose values may be unknown (jit)."""
  continuous = tuple(size == 0 for size in sizes)
  if jnp.issubdtype(table.dtype, jnp.integer):
    return Labels(jnp.asarray(table, jnp.int32), None, sizes, continuous)
  missing = jnp.isnan(table)
  if not any(continuous):
    found = jnp.where(missing, -1, table).astype(jnp.int32)
    return Labels(found, None, sizes, continuous)
  shares = np.arange(1, CONTINUOUS_BINS) / CONTINUOUS_BINS

  def column(values, is_continuous):
    if not is_continuous:
      return values
    edges = jnp.nanquantile(values[:num_train], shares)
    return jnp.searchsorted(edges, values).astype(values.dtype)

  binned = jnp.stack([column(*x) for x in zip(table.T, continuous)], 1)
  known = ~missing[:num_train]
  count = jnp.maximum(known.sum(0, keepdims=True), 1)
  values = jnp.where(missing, 0.0, table)
  mean = values[:num_train].sum(0, keepdims=True) / count
  spread = jnp.where(known, values[:num_train] - mean, 0.0)
  scale = jnp.sqrt((spread**2).sum(0, keepdims=True) / count)
  values = (values - mean) / jnp.where(scale > 0, scale, 1.0)
  return Labels(
    jnp.where(missing, -1, binned).astype(jnp.int32),
    jnp.where(missing | ~np.asarray(continuous)[None], 0.0, values),
    tuple(size or CONTINUOUS_BINS for size in sizes),
    continuous,
  )
