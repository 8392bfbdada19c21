"""Figures over the members of a population: intervals, and differences.

A figure a member is one number; what varies is the seed.
"""

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special

LEVEL = 0.95  # of every interval
SHARE = 0.0, 1.0  # what shares, accuracies and their gaps can be
ANY = -math.inf, math.inf
_EXACT = 50_000  # arrangements that are enumerated
_DRAWN = 20_000  # arrangements where there are more


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
    """As text: the mean, its interval if there is one; '–' where no mean is."""
    if not np.isfinite(self.mean):
      return '–'
    if not np.isfinite(self.low):
      return f'{self.mean:.3f}'
    return f'{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]'


def _quantile(freedom: float) -> float:
  """Student's t at the upper end of an interval.

  As `scipy.stats.t.ppf`, which takes a second and more to import.
  """
  return float(special.stdtrit(freedom, (1 + LEVEL) / 2))


def estimate(
  values: Iterable[Any], span: tuple[float, float] = ANY
) -> Estimate:
  """Mean and Student's t interval of members' figures.

  mean ± t_{M-1} s / sqrt(M), s the sample deviation; the spread between the
  members of a population, not that between images. What lies outside of `span`
  is cut off: no mean is there, so that the interval holds the true one as often
  as the whole does.

  Args:
    values: a figure a member; those that are not finite do not count.
    span: the least and the largest that a figure can be; where noise takes the
      mean beyond, the interval ends at the mean.

  Source: Student 1908; of bounded parameters, Mandelkern 2002 (Statistical
  Science 17).
  """
  every = tuple(float(value) for value in values)
  finite = np.array([v for v in every if np.isfinite(v)])
  mean = float(finite.mean()) if len(finite) else float('nan')
  if len(finite) < 2:
    return Estimate(mean, float('nan'), float('nan'), every)
  deviation = float(finite.std(ddof=1))
  half = _quantile(len(finite) - 1) * deviation / len(finite) ** 0.5
  low, high = min(span[0], mean), max(span[1], mean)
  return Estimate(mean, max(mean - half, low), min(mean + half, high), every)


def estimates(values: Any, span: tuple[float, float] = ANY) -> np.ndarray:
  """`estimate` over the leading axis of [M, ...]: an object array [...]."""
  values = np.asarray(values, np.float64)
  rows = values.reshape(len(values), -1).T
  found = np.empty(len(rows), object)
  found[:] = [estimate(row, span) for row in rows] if len(rows) else []
  return found.reshape(values.shape[1:])


class Difference(NamedTuple):
  """How far apart two groups of members are in one figure.

  Attributes:
    mean: of the first group less that of the second.
    low, high: ends of its interval: Student's t of the pairs, or Welch's.
    p: two-sided, of the hypothesis that the group does not matter.
    chance: P(a > b) + P(a = b) / 2 of a random member of each group.
    pairs: members that were paired by seed; 0 where none were.
    exact: whether every arrangement was looked at for `p`.
    means: of both groups, where members were paired over the pairs alone, so
      that `mean` is the first less the second.
  """

  mean: float
  low: float
  high: float
  p: float
  chance: float
  pairs: int
  exact: bool
  means: tuple[float, float]


def difference(
  first: Mapping[int, float],
  second: Mapping[int, float],
  span: tuple[float, float] = ANY,
) -> Difference:
  """Compares two groups of {seed: figure}; figures that are NaN do not count.

  Where all seeds of one group are in the other, and they are two or more, the
  figures of one seed are a pair, and p is that of the test by exchange within
  pairs (signs of the differences). Otherwise it is that of the test by
  exchange between groups. Both look at |mean difference| and enumerate up to
  50,000 arrangements; of more, they draw 20,000 and count the observed one.
  The interval is cut off where no difference of two figures in `span` can be.
  """
  known = lambda group: {s: v for s, v in group.items() if math.isfinite(v)}
  first, second = known(first), known(second)
  a, b = (np.array([*g.values()], np.float64) for g in (first, second))
  means = estimate(a).mean, estimate(b).mean
  if not len(a) or not len(b):
    return Difference(*[float('nan')] * 5, pairs=0, exact=True, means=means)
  widest = span[1] - span[0]
  above = np.sign(a[:, None] - b)
  chance = float((above.mean() + 1) / 2)
  shared = sorted(first.keys() & second.keys())
  if len(shared) >= 2 and len(shared) in (len(a), len(b)):
    a, b = (np.array([g[seed] for seed in shared]) for g in (first, second))
    gaps, means = a - b, (float(a.mean()), float(b.mean()))
    mean, low, high, _ = estimate(gaps, (-widest, widest))
    signs, exact = _signs(len(gaps))
    p = _share(signs @ gaps / len(gaps), mean, exact)
    return Difference(mean, low, high, p, chance, len(gaps), exact, means)
  mean = float(a.mean() - b.mean())
  half = _welch(a, b)
  chosen, exact = _choices(len(a), len(b))
  whole = np.concatenate([a, b])
  sums = chosen @ whole
  found = sums / len(a) - (whole.sum() - sums) / len(b)
  p = _share(found, mean, exact)
  low, high = max(mean - half, -widest), min(mean + half, widest)
  return Difference(mean, low, high, p, chance, 0, exact, means)


def _share(found: np.ndarray, observed: float, exact: bool) -> float:
  """How many arrangements lie as far out as the observed one does."""
  rounding = 1e-9 * (abs(observed) + float(np.abs(found).max(initial=0.0)))
  extreme = int(np.sum(np.abs(found) >= abs(observed) - rounding))
  if exact:
    return extreme / len(found)
  return (extreme + 1) / (len(found) + 1)


@functools.cache
def _signs(pairs: int) -> tuple[np.ndarray, bool]:
  """Signs of the differences [arrangements, pairs], and whether all."""
  if 2**pairs <= _EXACT:
    bits = np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1
    return 2.0 * bits - 1, True
  draw = np.random.default_rng(0)
  return draw.choice([-1.0, 1.0], (_DRAWN, pairs)), False


@functools.cache
def _choices(first: int, second: int) -> tuple[np.ndarray, bool]:
  """Who is in the first group [arrangements, members], and whether all."""
  size = first + second
  if math.comb(size, first) <= _EXACT:
    places = np.array([*itertools.combinations(range(size), first)])
    exact = True
  else:
    draw = np.random.default_rng(0)
    places = draw.random((_DRAWN, size)).argsort(1)[:, :first]
    exact = False
  chosen = np.zeros((len(places), size))
  np.put_along_axis(chosen, places, 1.0, axis=1)
  return chosen, exact


def _welch(a: np.ndarray, b: np.ndarray) -> float:
  """Half of Welch's interval of the difference; NaN with one member alone."""
  if min(len(a), len(b)) < 2:
    return float('nan')
  parts = np.array([x.var(ddof=1) / len(x) for x in (a, b)])
  if not parts.sum():
    return 0.0
  freedom = parts.sum() ** 2 / (parts**2 / [len(a) - 1, len(b) - 1]).sum()
  return _quantile(freedom) * float(parts.sum()) ** 0.5


def holm(p: Iterable[float]) -> np.ndarray:
  """p values [T] corrected for their number (Holm, 1979); NaN stays NaN.

  The i-th smallest of T, from 1, becomes max_{j <= i} min(1, (T - j + 1) p_j):
  the chance of one false finding or more among them is below the level.
  """
  p = np.array([*p], np.float64)
  order = np.argsort(p)[: int(np.isfinite(p).sum())]
  found = np.full(len(p), np.nan)
  scaled = p[order] * np.arange(len(order), 0, -1)
  found[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
  return found


def seed_share(values: np.ndarray, groups: Sequence[Any]) -> float:
  """Variance within the groups over the variance of all; NaN where that is 0.

  1 - eta^2 = sum_g sum_{i in g} (x_i - mean_g)^2 / sum_i (x_i - mean)^2.
  """
  parts = [values[g][np.isfinite(values[g])] for g in groups]
  whole = np.concatenate([np.zeros(0), *parts])  # there may be no group
  if not len(whole) or not np.ptp(whole):  # of equals no mean need be exact
    return float('nan')
  scatter = lambda x: float(np.sum((x - x.mean()) ** 2)) if len(x) else 0.0
  total = scatter(whole)  # 0 of what differs by less than a square can hold
  return sum(map(scatter, parts)) / total if total > 0 else float('nan')


def _ranks(x: np.ndarray) -> np.ndarray:
  """From 1; those of equal values are their mean."""
  _, place, count = np.unique(x, return_inverse=True, return_counts=True)
  return (np.cumsum(count) - (count - 1) / 2)[place]


def spearman(x: np.ndarray, y: np.ndarray) -> float:
  """Rank correlation over the points that have both; NaN for a constant."""
  both = np.isfinite(x) & np.isfinite(y)
  if both.sum() < 3:
    return float('nan')
  a, b = (r - r.mean() for r in map(_ranks, (x[both], y[both])))
  size = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
  return float(np.sum(a * b)) / size if size > 0 else float('nan')
