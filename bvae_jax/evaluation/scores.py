"""Evaluation of a population: every score of every member, as results."""

import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import data, losses, metrics, parallel, population
from bvae_jax.data import dependence
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.evaluation import floors as floors_lib
from bvae_jax.evaluation import labelled
from bvae_jax.evaluation import results as results_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import progress, step

_LOG = logging.getLogger(__name__)

MEMBERS_AT_ONCE = 16  # members whose code tables are in memory together
UDR_POINTS = 1000  # images that the UDR compares models on; Duan et al. 2020
STOPPED = 'stopped by a NaN'
UNSCORED = 'no scores: its codes are not finite'

# Only the codes differ between members.
_OF_MEMBERS = ('codes', 'test_codes', 'code_table', 'logvar_table')


class Found(NamedTuple):
  """One metric of all members, leaves [M, ...]."""

  scored: metrics.Scored
  errors: Mapping[str, jax.Array]


def check(config: ml_collections.ConfigDict, dataset: data.Dataset) -> None:
  """Refuses, before training, the scores that could not be computed after.

  Raises:
    ValueError: a metric needs factors or a grid that the data set lacks, or
      cannot be computed of so few points or latents.
  """
  known = {
    'codes': True,
    'population': True,
    'factors': dataset.has_factors,
    'variances': dataset.has_factors
    and config.evaluation.transform == 'none'
    and not losses.OBJECTIVES[config.objective].points,
  }
  latents, settings = config.num_latents, config.evaluation
  num_factors = len(dataset.factor_sizes)
  shape: Any = functools.partial(jax.ShapeDtypeStruct, dtype=np.float32)
  kind = np.int32 if all(dataset.factor_sizes) else np.float32
  labels: Any = lambda n: jax.ShapeDtypeStruct((n, num_factors), kind)
  num_train, num_test = map(len, codes_lib.draw_points(dataset, settings))
  points = metrics.Sample(
    codes=shape((num_train, latents)),
    factors=labels(num_train),
    test_codes=shape((num_test, latents)),
    test_factors=labels(num_test),
    code_table=shape((dataset.num_images, latents)),
    logvar_table=shape((dataset.num_images, latents)),
    table_factors=None if dataset.is_grid else labels(dataset.num_images),
  )
  for name in config.metrics:
    metric = metrics.METRICS[name]
    if not known[metric.needs]:
      if metric.needs == 'variances' and dataset.has_factors:
        raise ValueError(
          f'metrics: {name} needs the variances of a posterior, which '
          'components of codes (evaluation.transform) and the points of '
          f'{config.objective} may lack; leave it out'
        )
      able = [n for n, m in metrics.METRICS.items() if known[m.needs]]
      raise ValueError(
        f'metrics: {name} needs known factors, which data set '
        f'{dataset.name} does not have; possible: {", ".join(able)}'
      )
    if metric.needs == 'population':
      continue
    compute = lambda key, p, m=metric: m.compute(key, p, dataset.factor_sizes)
    try:
      jax.eval_shape(compute, jax.random.key(0), points)
    except ValueError as error:
      raise ValueError(
        f'metrics: {name} cannot be computed with num_latents={latents}, '
        f'{num_train} training and {num_test} test points '
        f'(evaluation.num_train, evaluation.num_test): {error}'
      ) from error


@functools.lru_cache(maxsize=64)
def _over_members(
  metric: metrics.Metric, sizes: tuple[int, ...], resampled: bool
) -> Callable:
  """`(key, sample)` -> a metric of each member of a block, compiled once."""

  def function(key, sample):
    if resampled:
      return metrics.resample(metric, key, sample, sizes)
    return metric.compute(key, sample, sizes)

  @jax.jit
  def mapped(key, points):
    found = points._asdict()
    codes = {n: found[n] for n in _OF_MEMBERS if found[n] is not None}
    one = lambda c: function(key, points._replace(**c))
    return parallel.map_members(one, codes)

  return mapped


def _block(points: metrics.Sample, start: int, size: int) -> metrics.Sample:
  """The points of some members."""
  found = points._asdict()
  rows = slice(start, start + size)
  return points._replace(
    **{n: found[n][rows] for n in _OF_MEMBERS if found[n] is not None}
  )


def _score(
  metric: metrics.Metric,
  sizes: tuple[int, ...],
  key: jax.Array,
  resamples: int,
  points: metrics.Sample,
  block: int,
  tick: Callable[[], None],
) -> Found:
  """One metric of all members, a block of them and a resample at a time."""
  value = _over_members(metric, tuple(sizes), False)
  drawn = _over_members(metric, tuple(sizes), True)
  keys = metrics.resample_keys(key, resamples) if resamples else ()
  blocks = []
  for start in range(0, len(points.codes), block):
    some = _block(points, start, block)
    found = jax.tree.map(np.asarray, value(key, some))
    tick()
    scores_again = []
    for one in keys:
      scores_again.append(jax.tree.map(np.asarray, drawn(one, some)))
      tick()
    errors = {
      name: np.std([again[name] for again in scores_again], 0, ddof=1)
      for name in (scores_again[0] if resamples else ())
    }
    blocks.append(Found(found, errors))
  return population.concatenate(blocks)


def scores(
  config: ml_collections.ConfigDict,
  sizes: tuple[int, ...],
  points: metrics.Sample,
) -> dict[str, Found]:
  """Every metric of the config that looks at one member, for all members.

  Errors are there where the config asks for resamples.
  """
  settings: Any = config
  resamples, members = settings.evaluation.num_resamples, len(points.codes)
  key = jax.random.key(settings.evaluation.seed)
  on_cpu = jax.default_backend() == 'cpu'
  block = 1 if on_cpu else settings.member_batch or members
  found = {}
  for i, name in enumerate(settings.metrics):
    metric = metrics.METRICS[name]
    if metric.needs == 'population':
      continue
    title = f'{name} ({i + 1} of {len(settings.metrics)})'
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
  good: np.ndarray,
) -> Found:
  """A population metric among the seeds of each setting.

  Args:
    metric: one that needs a population.
    codes: [M, N, D] of the same images.
    kl: of each latent [M, D].
    members: who they are.
    good: bool [M], whose codes count.

  Returns:
    Scores [M]; NaN where a setting has one seed only.
  """
  found: Any = np.full(len(members), np.nan)
  settings = [tuple(sorted(m.hparams.items())) for m in members]
  for setting in dict.fromkeys(settings):
    rows = [
      m for m, other in enumerate(settings) if other == setting and good[m]
    ]
    if len(rows) > 1:
      scored = metric.compute(codes[rows], kl[rows])
      found[rows] = scored.scores[metric.main]
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


def member_results(
  found: Mapping[str, Found],
  bounds: Mapping[str, np.ndarray],
  good: np.ndarray,
  states: step.TrainState,
  members: list[population.Member],
  factors: tuple[str, ...],
) -> tuple[results_lib.Member, ...]:
  """One record a member; those whose codes are not finite have no scores."""
  entries = []
  for m, member in enumerate(members):
    flat, errors, matrices = flat_scores(found, m, factors)
    if not good[m]:
      flat, errors = dict.fromkeys(flat), dict.fromkeys(errors)
      matrices = {}
    status = results_lib.OK if states.alive[m] else STOPPED
    active = results_lib.carried(bounds)[m] > losses.COLLAPSED
    entries.append(
      results_lib.Member(
        seed=member.seed,
        hparams=member.hparams,
        status=status if good[m] else UNSCORED,
        steps=int(states.step[m]),
        elbo=config_lib.plain({k: v[m] for k, v in bounds.items()}),
        active_latents=int(active.sum()),
        metrics=config_lib.plain(flat),
        errors=config_lib.plain(errors),
        matrices=config_lib.plain(matrices),
      )
    )
  return tuple(entries)


def _activity(
  config: ml_collections.ConfigDict,
  bounds: Mapping[str, np.ndarray],
  points: metrics.Sample,
) -> np.ndarray:
  """What a column of codes carries [M, D]: its KL; of components, 0 or 1."""
  if config.evaluation.transform == 'none':
    return results_lib.carried(bounds)
  return np.ptp(points.codes, axis=1) > 0


def _facts(dataset: data.Dataset, settings: Any) -> results_lib.DatasetFacts:
  """What results.json says of the data set."""
  about = {}
  if dataset.has_factors and not dataset.is_grid:
    table = dataset.labels(jnp.arange(dataset.num_images))
    points = codes_lib.draw_points(dataset, settings)
    about = labelled.facts(table, dataset.factor_sizes)
    about['num_points'] = tuple(len(x) for x in points)
  return results_lib.DatasetFacts(
    name=dataset.name,
    description=dataset.description,
    factor_names=tuple(dataset.factor_names),
    factor_sizes=tuple(dataset.factor_sizes),
    image_shape=tuple(dataset.image_shape),
    num_images=dataset.num_images,
    complete_grid=dataset.is_grid,
    dependence=dependence.of(dataset),
    **about,
  )


def member_blocks(count: int) -> np.ndarray:
  """Rows [blocks, n] of members: blocks of one size, so of one program.

  The last member fills up the last block; its copies are to be dropped.
  """
  blocks = -(-count // MEMBERS_AT_ONCE)
  size = -(-count // blocks)
  return np.minimum(np.arange(blocks * size), count - 1).reshape(blocks, size)


def evaluate(
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  members: list[population.Member],
  provenance: results_lib.Provenance | None = None,
) -> results_lib.Results:
  """Scores a trained population.

  Args:
    experiment: the run.
    states: the members' states, leading axis M.
    members: who they are.
    provenance: with what they were trained; this process when not given.

  Returns:
    The results, as results.json holds them.
  """
  dataset, config = experiment.dataset, experiment.config
  bound, encode = codes_lib.bounds(experiment), codes_lib.encoder(experiment)
  blocks = []
  for rows in member_blocks(len(members)):
    params = population.select(states.params, rows)
    begin = time.monotonic()
    _LOG.info('encoding %d images', dataset.num_images)
    bounds, codes = bound(params), encode(params)
    _LOG.info(
      'encoded %d images for %d members: %.1f s',
      dataset.num_images,
      len(codes.mean),
      time.monotonic() - begin,
    )
    good, codes = codes_lib.set_aside(codes)
    points = codes_lib.sample(experiment, codes)
    one = scores(config, dataset.factor_sizes, points)
    compared = points.codes[:, :UDR_POINTS]
    blocks.append(
      (bounds, good, one, _activity(config, bounds, points), compared)
    )
  bounds, good, found, activity, compared = jax.tree.map(
    lambda x: x[: len(members)], population.concatenate(blocks)
  )
  for name in config.metrics:
    metric = metrics.METRICS[name]
    if metric.needs == 'population':
      found[name] = over_seeds(metric, compared, activity, members, good)
  found = {name: found[name] for name in config.metrics}
  about = _facts(dataset, config.evaluation)
  for line in labelled.warnings(about):
    _LOG.warning('%s', line)
  names = tuple(dataset.factor_names)
  return results_lib.Results(
    objective=config.objective,
    dataset=about,
    provenance=provenance or results_lib.Provenance.here(),
    members=member_results(found, bounds, good, states, members, names),
    evaluation=config_lib.plain(config.evaluation.to_dict()),
    floors=floors(experiment) if config.evaluation.floors else {},
  )


def floors(
  experiment: experiment_lib.Experiment,
) -> dict[str, dict[str, float | None]]:
  """The metrics of representations that nobody trained, each by its name.

  Those that need variances of a posterior, or several seeds, are left out.
  """
  names, codes = floors_lib.tables(experiment)
  config = experiment.config.copy_and_resolve_references()
  config.metrics = tuple(
    name
    for name in config.metrics
    if metrics.METRICS[name].needs not in ('variances', 'population')
  )
  config.evaluation.num_resamples = 0
  dataset = experiment.dataset
  points = codes_lib.sample(experiment, codes)
  found = scores(config, dataset.factor_sizes, points)
  factors = tuple(dataset.factor_names)
  return {
    name: config_lib.plain(flat_scores(found, m, factors)[0])
    for m, name in enumerate(names)
  }
