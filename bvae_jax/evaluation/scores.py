"""Evaluation of a population: every score of every member, as results."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from bvae_jax import losses, metrics, population
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step

_LOG = logging.getLogger(__name__)

MEMBERS_AT_ONCE = 16  # members whose code tables are in memory together


# Only the codes differ between members.
_MEMBER_AXES = metrics.Sample(0, None, 0, None, 0, 0)


def _over_members(
  function: Callable, experiment: experiment_lib.Experiment
) -> Callable:
  """`function(key, sample)` for all members, each with the same key."""
  settings = experiment.config

  def mapped(key, points):
    codes = {
      name: leaf
      for name, leaf, axis in zip(points._fields, points, _MEMBER_AXES)
      if axis == 0
    }
    one = lambda c: function(key, points._replace(**c))
    if jax.default_backend() == 'cpu':
      return jax.lax.map(one, codes)
    return jax.lax.map(one, codes, batch_size=settings.member_batch or None)

  return jax.jit(mapped)


def scores(
  experiment: experiment_lib.Experiment, points: metrics.Sample
) -> dict[str, Any]:
  """Every metric of the config, for all members.

  Returns:
    {metric: {'scores': {key: [M]}, 'errors': {key: [M]}, 'matrix': [M, D, K]}},
    errors where the config asks for resamples, a matrix where there is one.
  """
  config, sizes = experiment.config, experiment.dataset.factor_sizes
  resamples = config.evaluation.num_resamples
  key = jax.random.key(config.evaluation.seed)

  def compute(metric, key, sample):
    errors = {}
    if resamples:
      scored, errors = metrics.with_standard_error(
        metric, key, sample, sizes, resamples
      )
    else:
      scored = metric.compute(key, sample, sizes)
    found = {'scores': scored.scores, 'errors': errors}
    if scored.matrix is not None:
      found['matrix'] = scored.matrix
    return found

  found = {}
  for i, name in enumerate(config.metrics):
    if metrics.METRICS[name].needs == 'population':
      continue
    begin = time.monotonic()
    one = functools.partial(compute, metrics.METRICS[name])
    found[name] = jax.tree.map(
      np.asarray,
      _over_members(one, experiment)(jax.random.fold_in(key, i), points),
    )
    _LOG.info('%s: %.1f s', name, time.monotonic() - begin)
  return found


def udr(
  codes: np.ndarray, kl: np.ndarray, members: list[population.Member]
) -> np.ndarray:
  """The UDR of each member among the seeds of its setting, [M].

  Args:
    codes: [M, N, D] of the same images; Duan et al. 2020 take N = 1000.
    kl: of each latent [M, D].
    members: who they are.

  Returns:
    [M]; NaN where a setting has one seed only.
  """
  found = np.full(len(members), np.nan)
  settings = [tuple(sorted(m.hparams.items())) for m in members]
  for setting in set(settings):
    rows = [m for m, other in enumerate(settings) if other == setting]
    if len(rows) > 1:
      found[rows] = metrics.udr(codes[rows], kl[rows])['udr']
  return found


def summarise(rows: list[dict]) -> dict[str, dict[str, float]]:
  """Median, mean and standard deviation over members of flat scalars."""
  return {
    name: {
      'median': float(np.median([row[name] for row in rows])),
      'mean': float(np.mean([row[name] for row in rows])),
      'std': float(np.std([row[name] for row in rows])),
    }
    for name in rows[0]
  }


def _named(name: str, values: dict, m: int) -> dict[str, float]:
  """One member's scores: the main one as `name`, all as `name/key`."""
  flat = {f'{name}/{k}': float(v[m]) for k, v in values.items() if k != name}
  known = metrics.METRICS.get(name)
  main = name if known is None else known.main
  return {name: float(values[main][m]), **flat} if values else {}


def member_results(found, bounds, states, members) -> list[dict]:
  """One entry of results.json a member."""
  entries = []
  for m, member in enumerate(members):
    flat, errors, matrices = {}, {}, {}
    for name, result in found.items():
      flat |= _named(name, result['scores'], m)
      errors |= _named(name, result.get('errors', {}), m)
      if 'matrix' in result:
        matrices[name] = result['matrix'][m]
    alive = bool(states.alive[m])
    active = bounds['kl_per_latent'][m] > losses.COLLAPSED
    entries.append(
      {
        'seed': member.seed,
        'hparams': member.hparams,
        'status': 'ok' if alive else 'stopped by a NaN',
        'steps': int(states.step[m]),
        'elbo': {k: v[m] for k, v in bounds.items()},
        'active_latents': int(active.sum()),
        'metrics': flat,
        'errors': errors,
        'matrices': matrices,
      }
    )
  return entries


def evaluate(
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  members: list[population.Member],
) -> dict[str, Any]:
  """Scores a trained population.

  Args:
    experiment: the run.
    states: the members' states, leading axis M.
    members: who they are.

  Returns:
    The results, as results.json holds them.
  """
  dataset = experiment.dataset
  blocks = []
  for first in range(0, len(members), MEMBERS_AT_ONCE):
    rows = slice(first, first + MEMBERS_AT_ONCE)
    params = population.select(states.params, rows)
    begin = time.monotonic()
    bounds = codes_lib.elbo(experiment, params)
    codes = codes_lib.encode_grid(experiment, params)
    _LOG.info(
      'encoded %d images for %d members: %.1f s',
      dataset.num_images,
      len(codes.mean),
      time.monotonic() - begin,
    )
    points = codes_lib.sample(experiment, codes)
    blocks.append((bounds, scores(experiment, points), points.codes[:, :1000]))
  bounds, found, points = population.concatenate(blocks)
  if 'udr' in experiment.config.metrics:
    kl = bounds['kl_per_latent']
    found['udr'] = {'scores': {'udr': udr(points, kl, members)}}
  found = {name: found[name] for name in experiment.config.metrics}
  entries = member_results(found, bounds, states, members)
  good = [e for e in entries if e['status'] == 'ok'] or entries
  scalars = [
    {k: v for k, v in e['elbo'].items() if np.ndim(v) == 0} for e in good
  ]
  return {
    'objective': experiment.config.objective,
    'dataset': {
      'name': dataset.name,
      'description': dataset.description,
      'factor_names': dataset.factor_names,
      'factor_sizes': dataset.factor_sizes,
      'image_shape': dataset.image_shape,
      'num_images': dataset.num_images,
    },
    'training': {'device': jax.devices()[0].device_kind},
    'summary': {
      'metrics': summarise([e['metrics'] for e in good]),
      'elbo': summarise(scalars),
    },
    'members': entries,
  }


def table(results: dict[str, Any]) -> str:
  """The members and their main scores, one a line."""
  entries = results['members']
  varying = [
    name
    for name in entries[0]['hparams']
    if len({e['hparams'][name] for e in entries}) > 1
  ]
  names = [k for k in entries[0]['metrics'] if '/' not in k]
  head = ['seed', *varying, 'elbo', 'nll', 'kl', 'active', *names, 'status']
  show = lambda x: '-' if x is None else f'{x:.4g}'
  rows = [
    [
      str(e['seed']),
      *(show(e['hparams'][n]) for n in varying),
      *(show(e['elbo'][n]) for n in ('elbo', 'nll', 'kl')),
      str(e['active_latents']),
      *(show(e['metrics'][n]) for n in names),
      e['status'],
    ]
    for e in entries
  ]
  widths = [max(map(len, column)) for column in zip(head, *rows)]
  return '\n'.join(
    '  '.join(cell.rjust(w) for cell, w in zip(row, widths))
    for row in (head, *rows)
  )
