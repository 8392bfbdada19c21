"""The metrics of codes, of all members together."""

import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from bvae_jax import draws, metrics, parallel, population
from bvae_jax.training import progress

_LOG = logging.getLogger(__name__)

UDR_POINTS = 1000  # images that the UDR compares models on; Duan et al. 2020

# Only the codes differ between members.
_OF_MEMBERS = ('codes', 'test_codes', 'code_table', 'logvar_table')


class Found(NamedTuple):
  """One metric of all members, leaves [M, ...]."""

  scored: metrics.Scored
  errors: Mapping[str, jax.Array]


@functools.lru_cache(maxsize=64)
def _over_members(
  metric: metrics.Metric, sizes: tuple[int, ...], resampled: bool
) -> Callable[..., parallel.Compiled]:
  """The program `(key, sample)` -> a metric of each member of a block."""

  def function(key, sample):
    if resampled:
      return metrics.resample(metric, key, sample, sizes)
    return metric.compute(key, sample, sizes)

  def mapped(key, points):
    codes = _codes(points)
    one = lambda c: function(key, points._replace(**c))
    return parallel.map_members(one, codes)

  return parallel.ahead_of_time(jax.jit(mapped))


def _codes(points: metrics.Sample) -> dict[str, Any]:
  """The fields that differ between members."""
  found = {name: getattr(points, name) for name in _OF_MEMBERS}
  return {name: x for name, x in found.items() if x is not None}


def of_members(points: metrics.Sample, rows: int | slice) -> metrics.Sample:
  """The points of one member, or of several."""
  return points._replace(**{n: x[rows] for n, x in _codes(points).items()})


def _score(
  metric: metrics.Metric,
  sizes: tuple[int, ...],
  key: jax.Array,
  resamples: int,
  points: metrics.Sample,
  block: int,
  tick: Callable[[], None],
) -> Found:
  """One metric of all members, and the deviations of its resamples."""
  starts = range(0, len(points.codes), block)

  def computed(resampled: bool, keys: Iterable[jax.Array]) -> Iterator[Any]:
    """Of each key, for each block, in this order."""
    program = _over_members(metric, tuple(sizes), resampled)
    some = lambda start: of_members(points, slice(start, start + block))
    first = program(key, some(0))

    def one(call: tuple[jax.Array, int]) -> Any:
      arguments = call[0], some(call[1])
      return jax.tree.map(np.asarray, program(*arguments).call(*arguments))

    calls = itertools.product(keys, starts)
    for values in parallel.at_once(one, calls, first):
      yield values
      tick()

  scored = population.concatenate([*computed(False, [key])])
  if not resamples:
    return Found(scored, {})
  drawn = [*computed(True, metrics.resample_keys(key, resamples))]
  each = [
    population.concatenate(drawn[i : i + len(starts)])
    for i in range(0, len(drawn), len(starts))
  ]
  errors = {
    name: np.std([again[name] for again in each], 0, ddof=1) for name in each[0]
  }
  return Found(scored, errors)


def scores(
  config: ml_collections.ConfigDict,
  sizes: tuple[int, ...],
  points: metrics.Sample,
) -> dict[str, Found]:
  """Every metric of the config that looks at one member, for all members.

  Errors are there where the config asks for resamples.
  """
  resamples, members = config.evaluation.num_resamples, len(points.codes)
  key = draws.key(config.evaluation.seed)
  on_cpu = jax.default_backend() == 'cpu'
  block = 1 if on_cpu else parallel.together(members, config.member_batch)
  found = {}
  for i, name in enumerate(config.metrics):
    metric = metrics.METRICS[name]
    if metric.needs == 'population':
      continue
    title = f'{name} ({i + 1} of {len(config.metrics)})'
    ticks = -(-members // block) * (1 + resamples)
    parts = progress.Parts(title, ticks)
    found[name] = _score(
      metric,
      sizes,
      jax.random.fold_in(key, i),
      resamples,
      points,
      block,
      parts.tick,
    )
    parts.close()
  return found


def over_seeds(
  metric: metrics.Metric,
  codes: np.ndarray,
  kl: np.ndarray,
  members: list[population.Member],
  healthy: np.ndarray,
) -> Found:
  """A population metric among the seeds of each setting.

  Args:
    metric: one that needs a population.
    codes: [M, N, D] of the same images.
    kl: of each latent [M, D].
    members: who they are.
    healthy: bool [M], whose codes count: those of who trained to the end.

  Returns:
    Scores [M]; NaN of who does not count, and of one seed alone.
  """
  found: Any = np.full(len(members), np.nan)
  for places in population.by_setting(members).values():
    rows = [m for m in places if healthy[m]]
    if len(rows) > 1:
      scored = metric.compute(codes[rows], kl[rows])
      found[rows] = scored.scores[metric.main]
  if np.isnan(found).all():
    _LOG.warning(
      '%s compares seeds, and no setting has two healthy ones: it has no value '
      'here; give more seeds',
      metric.name,
    )
  return Found(metrics.Scored({metric.main: found}), {})


def _named(name: str, values: Mapping[str, Any], m: int) -> dict[str, float]:
  """One member's scores: the main one as `name`, all as `name/score`."""
  flat = {f'{name}/{k}': float(v[m]) for k, v in values.items() if k != name}
  main = metrics.METRICS[name].main
  return {name: float(values[main][m]), **flat} if values else {}


def _by_factor(
  name: str, scored: metrics.Scored, m: int, factors: tuple[str, ...]
) -> dict[str, float]:
  """One member's figures of each factor, `name/factor`."""
  return {
    f'{name}/{factor}' if score == name else f'{name}/{score}/{factor}': float(
      values[m, k]
    )
    for score, values in scored.by_factor.items()
    for k, factor in enumerate(factors)
  }


def flat_scores(
  found: Mapping[str, Found], m: int, factors: tuple[str, ...]
) -> tuple[dict[str, float], dict[str, float], dict[str, Any]]:
  """One member's metrics, errors and matrices, as `results.Member` has them."""
  flat, errors, matrices = {}, {}, {}
  for name, (scored, deviations) in found.items():
    flat |= _named(name, scored.scores, m)
    flat |= _by_factor(name, scored, m, factors)
    errors |= _named(name, deviations, m)
    if scored.matrix is not None:
      matrices[name] = scored.matrix[m]
  return flat, errors, matrices
