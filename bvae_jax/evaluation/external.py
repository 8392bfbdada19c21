"""Scores of points that anybody has: codes and factors, no model."""

import logging
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import draws, metrics
from bvae_jax.config import checks
from bvae_jax.data import dependence
from bvae_jax.evaluation import hindrances, labelled, records, scores
from bvae_jax.evaluation import points as points_lib
from bvae_jax.evaluation import results as results_lib

_LOG = logging.getLogger(__name__)

TEST_SHARE = 1 / 3  # of the points, where no test points are given


def score(
  codes: Any,
  factors: Any,
  test_codes: Any = None,
  test_factors: Any = None,
  *,
  names: Sequence[str] = (),
  logvars: Any = None,
  metrics_names: Sequence[str] = (),
  num_resamples: int = 0,
  transform: str = 'none',
  seed: int = 0,
) -> results_lib.Results:
  """Scores of one representation.

  Where the points are every combination of factors once, pairs and groups of
  points are drawn from that grid, else from the points that are there.

  Args:
    codes: [N, D] of the points; real numbers.
    factors: [N, K]; labels of any kind, see `metrics.encode_factors`. A blank,
      None or NaN is missing, and that point is left out of that factor alone.
    test_codes: [T, D]; by default a third of the points, drawn from the seed.
    test_factors: [T, K].
    names: of the factors.
    logvars: [N, D] log-variances of the posterior, for `mig_sampled`.
    metrics_names: those of `METRICS`; by default all that can be computed.
    num_resamples: of the bootstrap errors; 0 is none, else 2 or more.
    transform: what the codes are turned into first: 'none', 'pca', 'ica'.
    seed: of all that is random.

  Raises:
    ValueError: what is no codes or factors, or a metric that cannot be computed
      of them.
  """
  checks.integer('seed', seed, 0, 2**32 - 1)
  checks.resamples('num_resamples', num_resamples)
  checks.choice('transform', transform, ('none', *metrics.TRANSFORMS))
  checks.names('metrics', metrics_names)
  checks.require(
    (test_codes is None) == (test_factors is None),
    'test codes and test factors go together',
  )
  names = tuple(names) or tuple(map(str, getattr(factors, 'columns', ())))
  given = codes, factors  # frames know their columns
  codes, factors = metrics.as_numpy(codes), metrics.as_numpy(factors)
  factors = factors[:, None] if factors.ndim == 1 else factors
  _check_shapes(codes.shape, factors.shape)
  if factors.shape[:1] == codes.shape[:1]:
    metrics.encode_factors(factors, names=names or None)  # errors name factors
  metrics.check_points(*given)
  count = len(codes)
  if logvars is not None:
    logvars = metrics.as_numpy(logvars)
    if logvars.shape != codes.shape:
      raise ValueError(
        f'log-variances {logvars.shape} beside codes {codes.shape}: give those '
        'of the same points and latents'
      )
    logvars = np.asarray(metrics.check_logvars(logvars))
  if test_codes is None:
    order = np.asarray(jax.random.permutation(draws.key(seed), count))
    num_train = count - round(TEST_SHARE * count)
    order = np.roll(order, num_train)  # the first third are test points
    codes, factors = codes[order], factors[order]
    logvars = None if logvars is None else logvars[order]
  else:
    num_train = count
    metrics.check_split(*given, test_codes, test_factors)
    test_codes = metrics.as_numpy(test_codes)
    test_factors = metrics.as_numpy(test_factors)
    if test_factors.ndim == 1:
      test_factors = test_factors[:, None]
    codes = np.concatenate([codes, test_codes])
    factors = metrics.joined(factors, test_factors)
  names = names or tuple(f'factor_{k}' for k in range(factors.shape[1]))
  table, sizes = metrics.encode_factors(factors, num_train, names=names)
  num_test = len(codes) - num_train
  codes, table = metrics.check_codes(codes), jax.numpy.asarray(table)
  place = _grid_order(np.asarray(table)[:count], sizes)
  rows = np.arange(count) if place is None else place
  points = metrics.Sample(
    codes=codes[None, :num_train],
    factors=table[:num_train],
    test_codes=codes[None, num_train:],
    test_factors=table[num_train:],
    code_table=codes[None, rows],
    logvar_table=None if logvars is None else logvars[None, rows],
    table_factors=table[rows] if place is None else None,
  )
  points = points_lib.transformed(transform, seed, points)
  chosen = _chosen(metrics_names, points, sizes)
  settings = {
    'num_resamples': num_resamples,
    'transform': transform,
    'seed': seed,
  }
  config = ml_collections.ConfigDict(
    {'metrics': chosen, 'member_batch': 0, 'evaluation': settings}
  )
  found = scores.scores(config, sizes, points)
  flat, errors, matrices = scores.flat_scores(found, 0, names)
  spread = np.ptp(np.asarray(codes), axis=0)
  member = results_lib.Member(
    seed=seed,
    hparams={},
    status=records.OK,
    steps=0,
    elbo={},
    active_latents=int((spread > 0).sum()),
    metrics=config_lib.plain(flat),
    errors=config_lib.plain(errors),
    matrices=config_lib.plain(matrices),
  )
  return results_lib.Results(
    objective='unknown',
    dataset=results_lib.DatasetFacts(
      name='points',
      description=f'{num_train:,} training and {num_test:,} test points',
      factor_names=names,
      factor_sizes=sizes,
      image_shape=(),
      num_images=count,
      complete_grid=place is not None,
      num_points=(num_train, num_test),
      dependence=() if place is not None else dependence.between(table, sizes),
      **labelled.facts(table, sizes),
    ),
    provenance=results_lib.Provenance.here(),
    members=(member,),
    evaluation=settings,
  )


def _check_shapes(codes: tuple[int, ...], factors: tuple[int, ...]) -> None:
  """Tells what points are where others are meant."""
  checks.require(codes[:1] != (0,), 'the codes hold no point')
  if len(codes) != 2 or len(factors) != 2 or codes[0] == factors[0]:
    return
  of_codes, of_factors = codes[1] == factors[0], codes[0] == factors[1]
  both = codes[1] == factors[1] > codes[0]
  checks.require(
    not (of_codes or of_factors or both),
    f'codes {codes} beside factors {factors}: lengths differ; a row must be a '
    'point: give the transpose of what has points as columns',
  )


def _grid_order(table: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray | None:
  """The points in grid order, where every combination is there once."""
  count = np.prod([float(size) for size in sizes])
  if len(table) != count or len(sizes) < 2 or (table < 0).any():
    return None
  place: Any = np.ravel_multi_index(tuple(table.T), sizes)
  order = np.argsort(place)
  return order if (place[order] == np.arange(len(table))).all() else None


def _chosen(
  names: Sequence[str], points: metrics.Sample, sizes: tuple[int, ...]
) -> tuple[str, ...]:
  """The metrics to compute, after the guards."""
  one = scores.of_members(points, 0)

  def hindrance(name: str) -> str:
    """Why a metric cannot be computed, empty if it can."""
    metric = metrics.METRICS[name]
    if metric.needs == 'population':
      return 'it needs many models'
    if metric.needs == 'variances' and points.logvar_table is None:
      return 'it needs log-variances of latents'
    return hindrances.of_member(metric, one, sizes)

  for name in names:
    known = name in metrics.METRICS
    why = hindrance(name) if known else ''
    if why or not known:
      able = [other for other in metrics.METRICS if not hindrance(other)]
      told = (
        f'cannot be computed of these points ({why})' if known else 'is none'
      )
      raise ValueError(f'metrics: {name} {told}; possible: ' + ', '.join(able))
  if names:
    return tuple(names)
  found = {name: hindrance(name) for name in metrics.METRICS}
  for name, why in found.items():
    if why and metrics.METRICS[name].needs == 'factors':
      _LOG.warning('without %s: %s', name, why)
  # infomec_discrete is for those who know that their codes are.
  return tuple(
    name for name in found if not found[name] and name != 'infomec_discrete'
  )
