"""Every metric on representations whose quality is known."""

import concurrent.futures
import functools
import logging
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import draws, metrics, parallel, population
from bvae_jax.evaluation import inference, records, scores, selection
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evidence import representations
from bvae_jax.evidence.representations import KINDS

# They look at codes of the whole grid.
_OF_TABLES = 'beta_vae_score', 'factor_vae_score', 'mig_sampled', 'fairness'
_LOG = logging.getLogger(__name__)

SEEDS = (0, 1, 2)
# What grows many trees, looking at the first seed of each level alone.
ONCE = ('dci', 'downstream', 'fairness')
NUM_TRAIN, NUM_TEST = 1000, 500
FACTORS = tuple(f'factor {k + 1}' for k in range(len(representations.SIZES)))


class Suspect(NamedTuple):
  """One representation on trial."""

  kind: str
  level: float
  seed: int


def suspects(kinds: Sequence[str], seeds: Sequence[int]) -> list[Suspect]:
  """All levels and seeds of the kinds."""
  return [
    Suspect(kind, level, seed)
    for kind in kinds
    for level in KINDS[kind].levels
    for seed in seeds
  ]


def _sample(
  chosen: Sequence[Suspect], seed: int
) -> tuple[metrics.Sample, np.ndarray]:
  """The points of all suspects [M, ...], and what latents carry [M, D]."""
  drawn = [representations.draw(*suspect) for suspect in chosen]
  mean, logvar, kl = (np.stack(x) for x in zip(*drawn))
  mean, logvar = jnp.asarray(mean), jnp.asarray(logvar)
  labels = jnp.stack([representations.factors(s.kind) for s in chosen])
  order = np.random.default_rng(seed).permutation(labels.shape[1])
  train, test = order[:NUM_TRAIN], order[NUM_TRAIN : NUM_TRAIN + NUM_TEST]
  points = metrics.Sample(
    codes=mean[:, train],
    factors=labels[:, train],
    test_codes=mean[:, test],
    test_factors=labels[:, test],
    code_table=mean,
    logvar_table=logvar,
  )
  return points, kl


def _found(name, points, kl, chosen, key) -> scores.Found:
  """A metric of all suspects, leaves [M, ...]."""
  metric = metrics.METRICS[name]
  if metric.needs == 'population':
    kinds = list(KINDS)
    members = [
      population.Member(s.seed, {'kind': kinds.index(s.kind), 'level': s.level})
      for s in chosen
    ]
    codes = np.asarray(points.codes[:, : scores.UDR_POINTS])
    good = np.ones(len(members), bool)
    return scores.over_seeds(metric, codes, kl, members, good)
  first = chosen[0].seed
  rows = np.array([name not in ONCE or s.seed == first for s in chosen])
  one = lambda p: metric.compute(key, p, representations.SIZES)
  mapped = jax.jit(lambda p: jax.lax.map(one, p))
  found = mapped(jax.tree.map(lambda x: x[rows], points))

  def spread(values: jax.Array) -> np.ndarray:
    every = np.full((len(chosen), *values.shape[1:]), np.nan)
    every[rows] = values
    return every

  return scores.Found(jax.tree.map(spread, found), {})


def run(
  kinds: Sequence[str] = tuple(KINDS),
  names: Sequence[str] = tuple(metrics.METRICS),
  seeds: Sequence[int] = SEEDS,
  seed: int = 0,
) -> dict[str, results_lib.Results]:
  """Puts metrics on trial.

  Args:
    kinds: of `KINDS`.
    names: of `metrics.METRICS`.
    seeds: of the representations; the UDR needs two.
    seed: of the points that are looked at, the same for all.

  Returns:
    {kind: its results}, a member a level and seed.

  Raises:
    ValueError: a metric is unknown.
  """
  unknown = [name for name in names if name not in metrics.METRICS]
  if unknown:
    raise ValueError(
      f'unknown metric(s): {", ".join(unknown)}; valid: '
      f'{", ".join(metrics.METRICS)}'
    )
  chosen = suspects(kinds, seeds)
  points, kl = _sample(chosen, seed)

  def judge(place: int, name: str) -> scores.Found:
    begin = time.monotonic()
    key = jax.random.fold_in(draws.key(seed), place)
    found = _found(name, points, kl, chosen, key)
    _LOG.info('%s: %.1f s', name, time.monotonic() - begin)
    return found

  # Programs of many short steps leave cores idle: some run side by side.
  with concurrent.futures.ThreadPoolExecutor(parallel.cores()) as pool:
    found = dict(zip(names, pool.map(judge, range(len(names)), names)))
  members: dict[str, list] = {kind: [] for kind in kinds}
  for m, suspect in enumerate(chosen):
    able = {
      name: of
      for name, of in found.items()
      if name not in _OF_TABLES or not KINDS[suspect.kind].copied
    }
    flat, _, matrices = scores.flat_scores(able, m, FACTORS)
    members[suspect.kind].append(_member(suspect, kl[m], flat, matrices))
  return {kind: _results(kind, own) for kind, own in members.items()}


def _member(suspect, kl, flat, matrices) -> results_lib.Member:
  level = KINDS[suspect.kind].level
  return results_lib.Member(
    seed=suspect.seed,
    hparams={level: suspect.level} if level else {},
    status=records.OK,
    steps=0,
    elbo={},
    active_latents=int(kl.sum()),
    metrics=config_lib.plain(flat),
    matrices=config_lib.plain(matrices),
  )


def _results(kind, members) -> results_lib.Results:
  sizes = representations.SIZES
  return results_lib.Results(
    objective=kind,
    dataset=results_lib.DatasetFacts(
      name='factors',
      description='all combinations of factors of '
      f'{", ".join(map(str, sizes))} values, no images',
      factor_names=FACTORS,
      factor_sizes=sizes,
      image_shape=(),
      num_images=len(representations.GRID),
      complete_grid=not KINDS[kind].copied,
    ),
    provenance=_here(),
    members=tuple(members),
    evaluation={'num_train': NUM_TRAIN, 'num_test': NUM_TEST},
  )


_here = functools.cache(results_lib.Provenance.here)


class Cell(NamedTuple):
  """A score of one kind and level over the seeds.

  Attributes:
    mean: over the seeds.
    low, high: ends of its 95 % interval (`inference.estimate`); NaN of one
      seed.
    seen: the share of the way from the perfect codes' mean to the random ones'
      that it has gone, in [0, 1]; NaN where those two are alike.
  """

  mean: float
  low: float
  high: float
  seen: float


def cells(
  results: Mapping[str, results_lib.Results],
) -> dict[tuple[str, float], dict[str, Cell]]:
  """{(kind, level): {score: what it came to}} of a trial.

  Scores of a factor are among them, as `METRIC/SCORE/FACTOR`.
  """
  groups = {
    (kind, next(iter(setting.hparams.values()), 0.0)): setting.members
    for kind, found in results.items()
    for setting in selection.settings(found.members)
  }
  stacked = {}
  for who, own in groups.items():
    values = {name: [m.metrics[name] for m in own] for name in own[0].metrics}
    known = {n: [x for x in of if x is not None] for n, of in values.items()}
    stacked[who] = {n: inference.estimate(n, x) for n, x in known.items() if x}
  best, worst = (stacked.get((kind, 0.0), {}) for kind in ('perfect', 'random'))
  table = {}
  for who, found in stacked.items():
    table[who] = {}
    for name, of in found.items():
      top, floor = (
        x[name].mean if name in x else np.nan for x in (best, worst)
      )
      apart = abs(top - floor) > 0.02
      seen = (top - of.mean) / (top - floor) if apart else np.nan
      table[who][name] = Cell(
        of.mean, of.low, of.high, float(np.clip(seen, 0.0, 1.0))
      )
  return table
