"""What the seeds of a setting say of a score: interval, difference, test.

`statistics` knows numbers alone; here is what depends on the score.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bvae_jax import metrics
from bvae_jax.evaluation import statistics


def together(score: str) -> bool:
  """Whether a score compares the seeds with each other, as UDR does.

  The value of a seed is then a median over pairs with all others, and the
  values are not independent: neither an interval by Student's t nor an exchange
  of seeds holds, and of a median no jackknife over the seeds does either (Efron
  & Tibshirani 1993, chapter 11).
  """
  metric = metrics.METRICS.get(score)
  return metric is not None and metric.needs == 'population'


def _span(score: str) -> tuple[float, float]:
  if score in ('kl', 'held_out_kl'):
    return 0.0, math.inf
  metric = metrics.METRICS.get(score)
  return metric.span if metric else statistics.ANY


def estimate(score: str, values: Iterable[Any]) -> statistics.Estimate:
  """`statistics.estimate` of a score over seeds, without ends if `together`."""
  found = statistics.estimate(values, _span(score))
  nan = float('nan')
  return found._replace(low=nan, high=nan) if together(score) else found


def difference(
  score: str, first: Mapping[int, float], second: Mapping[int, float]
) -> statistics.Difference:
  """`statistics.difference` of a score; if `together`, without ends and p."""
  found = statistics.difference(first, second, _span(score))
  nan = float('nan')
  return found._replace(low=nan, high=nan, p=nan) if together(score) else found
