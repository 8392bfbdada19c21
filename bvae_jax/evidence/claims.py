"""The claims of the 2019 study, computed from a grid of models.

Locatello et al. 2019 (arXiv:1811.12359), sections 5.1 and 5.3 to 5.5. Each is
NumPy on arrays and knows nothing of runs.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from bvae_jax.evaluation import statistics
from bvae_jax.evidence.grid import Grid

_HALVINGS = 50  # of where an end of an interval may be


class Shares(NamedTuple):
  """Shares of the variance of a score over models, which add up to 1.

  Attributes:
    objective: explained by the method alone.
    strength: by the setting beyond the method.
    seed: the rest.
  """

  objective: float
  strength: float
  seed: float


def explained(values: Any, groups: Any) -> float:
  """The share of the variance that the groups' means account for.

  eta^2 = 1 - sum_g sum_{i in g} (x_i - mean_g)^2 / sum_i (x_i - mean)^2, the
  R^2 of a regression on the group as a category, as in section 5.3. With few
  members a group it is too high: g groups of noise have (g - 1) / (n - 1).

  Args:
    values: [N]; those that are not finite do not count.
    groups: the group of each [N].

  Returns:
    In [0, 1]; NaN where nothing varies.
  """
  groups = np.asarray(groups)
  own = [np.flatnonzero(groups == group) for group in np.unique(groups)]
  return 1 - statistics.seed_share(np.asarray(values, np.float64), own)


def explained_of_population(values: Any, groups: Any) -> float:
  """`explained` less what noise alone would explain, epsilon squared.

  1 - (within / (n - g)) / (total / (n - 1)), Kelley 1935: unbiased variances
  instead of sums. It may be below 0; NaN without two members in some group.
  """
  groups = np.asarray(groups)
  known = np.isfinite(np.asarray(values, np.float64))
  size, count = int(known.sum()), len(np.unique(groups[known]))
  if size <= count:
    return float('nan')
  rest = 1 - explained(values, groups)
  return 1 - rest * (size - 1) / (size - count)


def shares(
  values: np.ndarray, methods: Sequence[str], *, population: bool = False
) -> Shares:
  """How far method, strength and seed decide one score on one data set.

  Args:
    values: [S, R] of each setting and seed.
    methods: of each setting [S].
    population: whether by `explained_of_population`.
  """
  rule = explained_of_population if population else explained
  num_seeds = values.shape[1]
  by_method = rule(values.ravel(), np.repeat(methods, num_seeds))
  by_setting = rule(
    values.ravel(), np.repeat(np.arange(len(methods)), num_seeds)
  )
  return Shares(by_method, by_setting - by_method, 1 - by_setting)


class Transfer(NamedTuple):
  """Chances that a chosen setting does no worse than a random one.

  Attributes:
    same: on the same score and data set, with another seed.
    other_score: on another score of the same data set.
    other_data: on the same score of another data set.
    both: on another score of another data set.
    none: of a choice that knows nothing, (S + 1) / (2 S) of S settings of which
      no two score the same; more where some do.
  """

  same: float
  other_score: float
  other_data: float
  both: float
  none: float


def transfer(grid: Grid) -> Transfer:
  """Does choosing a setting by one score or data set help on another?

  A seed, a score and a data set choose the setting of the highest value. On
  the target, with another seed, it is compared with a setting drawn at random;
  to do as well counts as a success. The paper draws 10,000 times (table 1);
  here all draws are enumerated, so that the chances have no error of drawing.

  Args:
    grid: of scores of which more is better. A (data set, seed, score) where a
      model is missing is left out.

  Returns:
    NaN where there is no second score, data set or seed.
  """
  found = np.moveaxis(grid.values, 1, -1)  # [A, R, C, S]
  whole = np.asarray(np.isfinite(found).all(-1))
  # beats[a, r, c, s]: the share of all settings that s does no worse than.
  beats = (found[..., :, None] >= found[..., None, :]).mean(-1)
  ties = found == np.where(whole, found.max(-1), np.inf)[..., None]
  chosen = ties / np.maximum(ties.sum(-1, keepdims=True), 1)
  # success[source a, r, c; target a, r, c]
  success = np.einsum('arcs,bqds->arcbqd', chosen, beats)
  usable = whole[:, :, :, None, None, None] & whole
  num_data, num_seeds, num_scores = whole.shape
  other = lambda n: ~np.eye(n, dtype=bool)
  seeds = other(num_seeds)[None, :, None, None, :, None]
  data = other(num_data)[:, None, None, :, None, None]
  score = other(num_scores)[None, None, :, None, None, :]

  def chance(where) -> float:
    kept = success[np.broadcast_to(where & seeds & usable, success.shape)]
    return float(kept.mean()) if len(kept) else float('nan')

  return Transfer(
    chance(~data & ~score),
    chance(~data & score),
    chance(data & ~score),
    chance(data & score),
    float(beats[whole].mean()) if whole.any() else float('nan'),
  )


def best_setting(
  values: np.ndarray, methods: Sequence[str], method: str
) -> np.ndarray:
  """The seeds [n] of a method's setting of the best mean; [0] without any.

  Args:
    values: [S, R] of one score; NaN where a model is missing.
    methods: of each setting [S].
    method: one of them.
  """
  own = [
    row[np.isfinite(row)] for row, m in zip(values, methods) if m == method
  ]
  return max(own, key=lambda row: row.mean() if len(row) else -np.inf)


class Chance(NamedTuple):
  """A probability and the ends of its 95 % interval."""

  value: float
  low: float
  high: float


def beats(first: Any, second: Any) -> Chance:
  """The chance that a random member of one group scores above one of another.

  P(a > b) + P(a = b) / 2 over all pairs. Its interval is of the chances t whose
  own spread reaches the one found, (found - t)^2 <= z^2 V(t), as Wilson's of a
  share; so it is wide of few that lie apart, where a bootstrap has no width:

    V(t) = t (1 - t) (1 + e (1 - t) / (2 - t) + e t / (1 + t)) / (n m),
    e = (n + m) / 2 - 1.

  Args:
    first, second: [n], [m]; those that are not finite do not count.

  Returns:
    NaN where a group is empty; without an interval where one has one member.

  Source: Newcombe 2006 (Statistics in Medicine 25, 559-573), method 5.
  """
  a, b = (np.asarray(x, np.float64) for x in (first, second))
  a, b = a[np.isfinite(a)], b[np.isfinite(b)]
  nan = float('nan')
  if not len(a) or not len(b):
    return Chance(nan, nan, nan)
  above = (np.sign(a[:, None] - b) + 1) / 2
  value = float(above.mean())
  if min(len(a), len(b)) < 2:
    return Chance(value, nan, nan)
  extra = (len(a) + len(b)) / 2 - 1
  z = float(special.ndtri((1 + statistics.LEVEL) / 2))

  def reaches(t: float) -> bool:
    spread = 1 + extra * ((1 - t) / (2 - t) + t / (1 + t))
    return (value - t) ** 2 <= z * z * t * (1 - t) * spread / above.size

  def end(outside: float) -> float:
    inside = value
    for _ in range(_HALVINGS):
      middle = (inside + outside) / 2
      if reaches(middle):
        inside = middle
      else:
        outside = middle
    return inside

  return Chance(value, end(0.0), end(1.0))
