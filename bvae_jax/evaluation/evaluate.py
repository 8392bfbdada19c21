"""Evaluation of a population: every score of every member, as results."""

import functools
import logging
import time
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import data, losses, metrics, population
from bvae_jax.data import dependence
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.evaluation import floors, hindrances, labelled, records, scores
from bvae_jax.evaluation import points as points_lib
from bvae_jax.evaluation import results as results_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step

_LOG = logging.getLogger(__name__)

MEMBERS_AT_ONCE = 16  # members whose code tables are in memory together
STOPPED = 'stopped by a NaN'
UNSCORED = 'no scores: its codes are not finite'


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
  num_train, num_test = map(len, points_lib.draw_points(dataset, settings))
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
    if metric.needs != 'population':
      why = hindrances.of_member(metric, points, dataset.factor_sizes)
    else:
      seeds, compared = len(config.seeds), min(num_train, scores.UDR_POINTS)
      codes = shape((seeds, compared, latents))
      why = hindrances.of_seeds(metric, codes) if seeds > 1 else ''
    if why:
      raise ValueError(
        f'metrics: {name} cannot be computed with num_latents={latents}, '
        f'{num_train} training and {num_test} test points '
        f'(evaluation.num_train, evaluation.num_test): {why}'
      )


def member_results(
  found: Mapping[str, scores.Found],
  bounds: Mapping[str, np.ndarray],
  good: np.ndarray,
  states: step.TrainState,
  members: list[population.Member],
  factors: tuple[str, ...],
) -> tuple[results_lib.Member, ...]:
  """One record a member; those whose codes are not finite have no scores."""
  entries = []
  for m, member in enumerate(members):
    flat, errors, matrices = scores.flat_scores(found, m, factors)
    if not good[m]:
      flat, errors = dict.fromkeys(flat), dict.fromkeys(errors)
      matrices = {}
    status = records.OK if states.alive[m] else STOPPED
    active = records.carried(bounds)[m] > losses.COLLAPSED
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
    return records.carried(bounds)
  return np.ptp(points.codes, axis=1) > 0


def _facts(dataset: data.Dataset, settings: Any) -> results_lib.DatasetFacts:
  """What results.json says of the data set."""
  about = {}
  if dataset.has_factors and not dataset.is_grid:
    table = dataset.labels(np.arange(dataset.num_images))
    points = points_lib.draw_points(dataset, settings)
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


def tell_of_factors(
  config: ml_collections.ConfigDict, dataset: data.Dataset
) -> None:
  """Says that factors are known where no score that is asked for sees them."""
  needs = {metrics.METRICS[name].needs for name in config.metrics}
  if dataset.has_factors and needs and needs <= {'codes', 'population'}:
    _LOG.info(
      'no score here sees the known factors (%s); the same command with '
      "--config.metrics=\"('mig','sap')\" adds some that do",
      ', '.join(dataset.factor_names),
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
  tell_of_factors(config, dataset)
  chosen = points_lib.looked_at(experiment)
  count = dataset.num_images if chosen is None else len(chosen)
  bound = codes_lib.bounds(experiment)
  encode = codes_lib.encoder(experiment, chosen)
  blocks = []
  for rows in member_blocks(len(members)):
    params = population.select(states.params, rows)
    begin = time.monotonic()
    _LOG.info('encoding %d images', count)
    bounds, codes = bound(params), encode(params)
    _LOG.info(
      'encoded %d images for %d members: %.1f s',
      count,
      len(codes.mean),
      time.monotonic() - begin,
    )
    good, codes = codes_lib.set_aside(codes)
    points = points_lib.sample(experiment, codes)
    one = scores.scores(config, dataset.factor_sizes, points)
    compared = points.codes[:, : scores.UDR_POINTS]
    blocks.append(
      (bounds, good, one, _activity(config, bounds, points), compared)
    )
  bounds, good, found, activity, compared = jax.tree.map(
    lambda x: x[: len(members)], population.concatenate(blocks)
  )
  healthy = good & np.asarray(states.alive)
  for name in config.metrics:
    metric = metrics.METRICS[name]
    if metric.needs == 'population':
      found[name] = scores.over_seeds(
        metric, compared, activity, members, healthy
      )
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
    floors=floors.scored(experiment) if config.evaluation.floors else {},
  )
