"""A figure over the members of a population: its mean and an interval."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95  # of every interval


class Estimate(NamedTuple):
  """A mean over members with its interval.

  Attributes:
    mean: over the members where the figure is finite; NaN where there is none.
    low, high: ends of the interval; NaN with fewer than two members.
    values: a figure a member.
  """

  mean: float
  low: float
  high: float
  values: tuple[float, ...]

  def __str__(self) -> str:
    if not np.isfinite(self.low):
      return f'{self.mean:.3f}'
    return f'{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]'


def estimate(values: Iterable[Any]) -> Estimate:
  """Mean and Student's t interval of members' figures.

  mean ± t_{M-1} s / sqrt(M), s the sample deviation; the spread between the
  members of a population, not that between images.
  """
  every = tuple(float(value) for value in values)
  finite = np.array([v for v in every if np.isfinite(v)])
  mean = float(finite.mean()) if len(finite) else float('nan')
  if len(finite) < 2:
    return Estimate(mean, float('nan'), float('nan'), every)
  quantile = float(stats.t.ppf((1 + LEVEL) / 2, len(finite) - 1))
  half = quantile * float(finite.std(ddof=1)) / len(finite) ** 0.5
  return Estimate(mean, mean - half, mean + half, every)


def estimates(values: Any) -> np.ndarray:
  """`estimate` over the leading axis of [M, ...]: an object array [...]."""
  values = np.asarray(values, np.float64)
  rows = values.reshape(len(values), -1).T
  found = np.empty(len(rows), object)
  found[:] = [estimate(row) for row in rows] if len(rows) else []
  return found.reshape(values.shape[1:])
