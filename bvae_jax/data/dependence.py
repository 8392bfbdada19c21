"""How far factors go together in the images that are trained on."""

import itertools
from typing import Any

import numpy as np

from bvae_jax import draws
from bvae_jax.data.dataset import Dataset

STRONG = 0.3  # from which on a pair of factors is warned of
_BINS = 10  # of equally many points, that a continuous factor is cut into
_MOST = 20_000  # images that are looked at


def cramers_v(one: Any, two: Any) -> float:
  """Cramér's V of two integer columns [N]: 0 independent, 1 a function.

  V^2 = phi^2 / (min(r, c) - 1) for r and c values that occur, where
  phi^2 = sum_ij p_ij^2 / (p_i p_j) - 1; with few points all three are
  corrected, so that V is near 0 of columns that are independent.

  Source: Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T.
  """
  count = len(one)
  if count < 2:
    return 0.0
  _, left, rows = np.unique(one, return_inverse=True, return_counts=True)
  _, right, columns = np.unique(two, return_inverse=True, return_counts=True)
  r, c = len(rows), len(columns)
  cells, met = np.unique(left * c + right, return_counts=True)
  chance = rows[cells // c].astype(np.float64) * columns[cells % c]
  phi2 = (met.astype(np.float64) ** 2 / chance).sum() - 1
  phi2 -= (r - 1) * (c - 1) / (count - 1)
  most = min(n - (n - 1) ** 2 / (count - 1) for n in (r, c)) - 1
  return float(np.sqrt(np.clip(phi2 / most, 0, 1))) if most > 0 else 0.0


def between(table: Any, sizes: tuple[int, ...]) -> tuple[float, ...]:
  """Cramér's V of each pair of factors (0, 1), (0, 2), ... (1, 2), ...

  Args:
    table: [N, K]; -1 or NaN where unknown: such points are left out of the
      pair. At most 20,000 rows, drawn at random, are looked at.
    sizes: values of each factor; 0 of a continuous one, which is cut into 10
      bins of equally many points.
  """
  table = np.asarray(table)
  if len(table) > _MOST:
    draw = np.random.default_rng(0)
    table = table[draw.choice(len(table), _MOST, replace=False)]
  columns = [_classes(c, size) for c, size in zip(table.T, sizes, strict=True)]
  found = []
  for one, two in itertools.combinations(columns, 2):
    known = (one >= 0) & (two >= 0)
    found.append(cramers_v(one[known], two[known]))
  return tuple(found)


def of(dataset: Dataset) -> tuple[float, ...]:
  """`between` the factors of the images that are trained on.

  Empty where nothing is known of them, or every combination is there once.
  """
  if not dataset.has_factors:
    return ()
  if dataset.correlation is not None:
    index = dataset.sample_train(draws.key(0), _MOST)
  elif dataset.split is not None:
    index = dataset.split.train
  elif dataset.is_grid:
    return ()
  else:
    index = np.arange(dataset.num_images)
  return between(dataset.labels(index), dataset.factor_sizes)


def pairs(
  names: tuple[str, ...], found: tuple[float, ...]
) -> list[tuple[str, str, float]]:
  """Two names and their V, the strongest first."""
  each = [(*two, v) for two, v in zip(itertools.combinations(names, 2), found)]
  return sorted(each, key=lambda pair: -pair[2])


def _classes(column: np.ndarray, size: int) -> np.ndarray:
  """Classes of one factor, -1 where unknown."""
  if size:
    return np.nan_to_num(column, nan=-1).astype(np.int64)
  known = np.isfinite(column)
  if not known.any():
    return np.full(len(column), -1)
  edges = np.quantile(column[known], np.linspace(0, 1, _BINS + 1)[1:-1])
  return np.where(known, np.searchsorted(edges, column, 'right'), -1)
