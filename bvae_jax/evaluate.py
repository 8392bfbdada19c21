"""Evaluation of a population: code tables, scores, the ELBO, results.

On a finite grid of factors every score needs only a table of codes: each image
is encoded once, for all members, and the metrics index the table.
"""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, losses, metrics, parallel, population, step
from bvae_jax import problem as problem_lib

_LOG = logging.getLogger(__name__)

BLOCK = 128  # images a call while encoding a grid
COLLAPSED = 0.01  # nats; a latent below it carries nothing


class Codes(NamedTuple):
  """Posterior parameters of every image of the grid, on the host."""

  mean: np.ndarray  # [M, N, D]
  logvar: np.ndarray  # [M, N, D]


def encode_grid(problem: problem_lib.Problem, params: Any) -> Codes:
  """Encodes each factor combination once, for all members.

  Args:
    problem: the run.
    params: parameters with leading axis M.
  """
  dataset = problem.dataset

  def encode(shared, index):
    arrays, params = shared
    images = dataset.images_fn(arrays, index)
    one = lambda p: problem.encode(p, images)
    return jax.tree.map(lambda x: x.swapaxes(0, 1), jax.lax.map(one, params))

  mapped = parallel.split_index(encode, dataset.num_images, BLOCK)
  mean, logvar = mapped((dataset.arrays, params))
  return Codes(mean.swapaxes(0, 1), logvar.swapaxes(0, 1))


def elbo(problem: problem_lib.Problem, params: Any) -> dict[str, np.ndarray]:
  """ELBO, nll, KL and KL per latent of each member, on a fixed sample.

  One posterior sample an image; `evaluation.num_elbo` images, the same for all
  members and all runs with this data set and seed.
  """
  settings, dataset = problem.config.evaluation, problem.dataset
  key = jax.random.key(settings.seed)
  chosen = data.sample_index(key, settings.num_elbo, dataset.num_images)

  def terms(shared, row):
    arrays, params = shared
    images = dataset.images_fn(arrays, chosen[row])
    noise = lambda i: jax.random.normal(
      jax.random.fold_in(key, i), (problem.config.num_latents,)
    )
    noise = jax.vmap(noise)(row)

    def one(p):
      mean, logvar = problem.encode(p, images)
      z = mean + jnp.exp(0.5 * logvar) * noise
      outputs = problem.decode(p, z)
      nll = problem.context.nll(p, outputs, images)
      return nll, losses.gaussian_kl(mean, logvar)

    return jax.tree.map(lambda x: x.swapaxes(0, 1), jax.lax.map(one, params))

  mapped = parallel.split_index(terms, settings.num_elbo, BLOCK)
  nll, kl = mapped((dataset.arrays, params))
  nll, kl_per_latent = nll.mean(0), kl.mean(0)
  total = kl_per_latent.sum(-1)
  return {'elbo': -nll - total, 'nll': nll, 'kl': total,
          'kl_per_latent': kl_per_latent}  # fmt: skip


def sample(problem: problem_lib.Problem, codes: Codes) -> metrics.Sample:
  """The points that the metrics look at, drawn once for all members."""
  settings, dataset = problem.config.evaluation, problem.dataset
  train_key, test_key = jax.random.split(jax.random.key(settings.seed))
  draw = lambda key, n: np.asarray(
    data.sample_index(key, n, dataset.num_images)
  )
  train = draw(train_key, settings.num_train)
  test = draw(test_key, settings.num_test)
  return metrics.Sample(
    codes=codes.mean[:, train],
    factors=dataset.factors(jnp.asarray(train)),
    test_codes=codes.mean[:, test],
    test_factors=dataset.factors(jnp.asarray(test)),
    code_table=codes.mean,
    logvar_table=codes.logvar,
  )


# Only the codes differ between members.
_MEMBER_AXES = metrics.Sample(0, None, 0, None, 0, 0)


def _over_members(function: Callable, problem: problem_lib.Problem) -> Callable:
  """`function(key, sample)` for all members, each with the same key."""
  settings = problem.config

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
  problem: problem_lib.Problem, points: metrics.Sample
) -> dict[str, Any]:
  """Every metric of the config, for all members.

  Returns:
    {metric: {'scores': {key: [M]}, 'errors': {key: [M]}, 'matrix': [M, D, K]}},
    errors where the config asks for resamples, a matrix where there is one.
  """
  config, sizes = problem.config, problem.dataset.factor_sizes
  resamples = config.evaluation.num_resamples
  key = jax.random.key(config.evaluation.seed)

  def compute(metric, key, sample):
    found = {}
    if resamples:
      found['scores'], found['errors'] = metrics.with_standard_error(
        metric, key, sample, sizes, resamples
      )
    else:
      found['scores'] = metric.compute(key, sample, sizes)
    if metric.matrix is not None:
      found['matrix'] = metric.matrix(key, sample, sizes)
    return found

  found = {}
  for i, name in enumerate(config.metrics):
    begin = time.monotonic()
    one = functools.partial(compute, metrics.METRICS[name])
    found[name] = jax.tree.map(
      np.asarray,
      _over_members(one, problem)(jax.random.fold_in(key, i), points),
    )
    _LOG.info('%s: %.1f s', name, time.monotonic() - begin)
  return found


def summarise(rows: list[dict]) -> dict[str, dict[str, float]]:
  """Mean and standard deviation over members of the flat scalars."""
  return {
    name: {
      'mean': float(np.mean([row[name] for row in rows])),
      'std': float(np.std([row[name] for row in rows])),
    }
    for name in rows[0]
  }


def _named(name: str, values: dict, m: int) -> dict[str, float]:
  """One member's scores: the main one as `name`, all as `name/key`."""
  flat = {f'{name}/{k}': float(v[m]) for k, v in values.items() if k != name}
  main = metrics.METRICS[name].main
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
    active = bounds['kl_per_latent'][m] > COLLAPSED
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
  problem: problem_lib.Problem,
  states: step.TrainState,
  members: list[population.Member],
) -> dict[str, Any]:
  """Scores a trained population.

  Args:
    problem: the run.
    states: the members' states, leading axis M.
    members: who they are.

  Returns:
    The results, as results.json holds them.
  """
  begin = time.monotonic()
  dataset = problem.dataset
  bounds = elbo(problem, states.params)
  codes = encode_grid(problem, states.params)
  _LOG.info(
    'encoded %d images for %d members: %.1f s',
    dataset.num_images,
    len(members),
    time.monotonic() - begin,
  )
  found = scores(problem, sample(problem, codes))
  entries = member_results(found, bounds, states, members)
  good = [e for e in entries if e['status'] == 'ok'] or entries
  scalars = [
    {k: v for k, v in e['elbo'].items() if np.ndim(v) == 0} for e in good
  ]
  return {
    'objective': problem.config.objective,
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
