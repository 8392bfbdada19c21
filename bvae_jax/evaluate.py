"""Evaluation of a population: code tables, scores, the ELBO, results.

On a finite grid of factors every score needs only a table of codes: each image
is encoded once, for all members, and the metrics index the table.
"""

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
    errors and matrix where there are any.
  """
  config, sizes = problem.config, problem.dataset.factor_sizes
  key = jax.random.key(config.evaluation.seed)
  found = {}
  for i, name in enumerate(config.metrics):
    begin = time.monotonic()
    metric, key_i = metrics.METRICS[name], jax.random.fold_in(key, i)
    run = lambda f, k=key_i: _over_members(
      lambda key, s: f(key, s, sizes), problem
    )(k, points)
    found[name] = {'scores': run(metric.compute)}
    if metric.matrix is not None:
      found[name]['matrix'] = run(metric.matrix)
    found[name] = jax.tree.map(np.asarray, found[name])
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


def member_results(problem, found, bounds, states, members) -> list[dict]:
  """One entry of results.json a member."""
  entries = []
  for m, member in enumerate(members):
    flat, matrices = {}, {}
    for name, result in found.items():
      values = {k: float(v[m]) for k, v in result['scores'].items()}
      flat[name] = values[metrics.METRICS[name].main]
      flat |= {f'{name}/{k}': v for k, v in values.items() if k != name}
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
        'matrices': matrices,
      }
    )
  return entries


def evaluate(problem: problem_lib.Problem, states: step.TrainState,
             members: list[population.Member]) -> dict[str, Any]:  # fmt: skip
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
    dataset.num_images, len(members), time.monotonic() - begin,
  )  # fmt: skip
  found = scores(problem, sample(problem, codes))
  entries = member_results(problem, found, bounds, states, members)
  good = [e for e in entries if e['status'] == 'ok'] or entries
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
    'summary': {
      'metrics': summarise([e['metrics'] for e in good]),
      'elbo': summarise(
        [{k: v for k, v in e['elbo'].items() if k != 'kl_per_latent'}
         for e in good]
      ),
    },
    'members': entries,
    'evaluation': {'seconds': time.monotonic() - begin},
  }  # fmt: skip
