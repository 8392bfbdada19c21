"""The pure training step of one member, and the compiled loop around it.

`make_train_step` gives `train_step(state, key, hparams) -> (state, terms)`;
`make_chunk` runs it many times inside one compiled loop;
`parallel.Layout.run` spreads that over members and devices.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax
from jax import lax

from bvae_jax import data, losses, parallel
from bvae_jax.training import batches
from bvae_jax.training import experiment as experiment_lib

PROBE_SIZE = 256  # images in the KL decomposition of a log line
INIT, TRAIN, PROBE, OWN = range(4)  # what a member's key is folded with


class TrainState(NamedTuple):
  """One member, frozen at its last good state once it meets a NaN."""

  step: jax.Array  # steps taken
  alive: jax.Array  # False once a state had no finite loss or gradient
  params: dict[str, Any]
  opt_state: Any


def scheduled(config: ml_collections.ConfigDict) -> Callable:
  """Returns `at(hparams, step)`: hyperparameters on their schedules.

  A schedule moves a hyperparameter from `start` to its own value v:
  v_t = start + (v - start) w(t), where w rises from 0 to 1 over `steps` steps
  after `delay` steps (kinds 'linear', 'cosine', and 'step': a jump at
  delay + steps); v itself may differ between members.
  """
  kinds = {
    'constant': lambda steps: optax.constant_schedule(1.0),
    'linear': lambda steps: optax.linear_schedule(0.0, 1.0, steps),
    'cosine': lambda steps: (
      lambda t: 1.0 - optax.cosine_decay_schedule(1.0, steps)(t)
    ),
    'step': lambda steps: lambda t: jnp.where(t < steps, 0.0, 1.0),
  }
  schedules: Any = config.schedules
  weights = {
    name: (
      s.get('start', 0.0),
      s.get('delay', 0),
      kinds[s.get('kind', 'linear')](s.get('steps', 1)),
    )
    for name, s in schedules.items()
  }

  def at(
    hparams: Mapping[str, jax.Array], step: jax.Array
  ) -> dict[str, jax.Array]:
    moved = {
      name: start
      + (hparams[name] - start) * weight(jnp.maximum(step - delay, 0))
      for name, (start, delay, weight) in weights.items()
    }
    return {**hparams, **moved}

  return at


def init(experiment: experiment_lib.Experiment, key: jax.Array) -> TrainState:
  """The state of one member before its first step."""
  key = jax.random.fold_in(key, INIT)
  params = {}
  for i, role in enumerate(experiment.roles):
    inputs = jnp.zeros(
      role.example(experiment.config, experiment.dataset.image_shape)
    )
    module, own_key = experiment.modules[role.name], jax.random.fold_in(key, i)
    params[role.name] = module.init(own_key, inputs)['params']
  if experiment.config.likelihood == 'gaussian_learned':
    params['likelihood'] = {'log_scale': jnp.zeros(())}
  opt_state = experiment.optimizer.init(params)
  return TrainState(
    jnp.zeros((), jnp.int32), jnp.ones((), bool), params, opt_state
  )


def make_train_step(
  experiment: experiment_lib.Experiment,
  images: Callable,
  spread: parallel.Spread = parallel.WHOLE,
) -> Callable:
  """The pure step of one member.

  Args:
    experiment: the static parts.
    images: `images(index [B]) -> [B, H, W, C]`, the data set's pure function.
    spread: how each batch is spread over devices.

  Returns:
    `train_step(state, key, hparams) -> (state, terms)`; `key` is the member's
    own key, `hparams` its traced scalars with `learning_rate` among them. A
    state without a finite loss and gradient comes back as it is, not alive;
    `take=False` looks at the state alone.
  """
  at = scheduled(experiment.config)
  context = experiment.context._replace(
    gather=spread.gather, shard=spread.shard
  )
  loss_fn = experiment.objective.wire(experiment.nets, context)
  draw = batches.DRAWS[experiment.objective.batch]
  source = functools.partial(
    batches.Source, experiment.dataset, images, context
  )

  def train_step(
    state: TrainState,
    key: jax.Array,
    hparams: Mapping[str, jax.Array],
    take: jax.Array | bool = True,
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    own_key = jax.random.fold_in(key, OWN)
    key = jax.random.fold_in(jax.random.fold_in(key, TRAIN), state.step)
    batch_key, loss_key = jax.random.split(key)
    values = at(hparams, state.step)
    own = source(own_key)
    batch = batches.look_up(draw(batch_key, own), own)
    rates = dict(values)
    rate = rates.pop('learning_rate')
    (loss, terms), grads = jax.value_and_grad(loss_fn, has_aux=True)(
      state.params, batch, loss_key, rates
    )
    grads = spread.mean(grads)
    updates, opt_state = experiment.optimizer.update(
      grads, state.opt_state, state.params
    )
    params = jax.tree.map(lambda p, u: p - rate * u, state.params, updates)
    # A sum with a NaN or an infinity among its terms is not finite.
    healthy = (
      state.alive & jnp.isfinite(loss) & jnp.isfinite(optax.tree.sum(grads))
    )
    taken = TrainState(state.step + 1, healthy, params, opt_state)
    frozen = state._replace(alive=healthy)
    return _where(healthy & take, taken, frozen), terms

  return train_step


def _where(condition: jax.Array, one: Any, other: Any) -> Any:
  return jax.tree.map(functools.partial(jnp.where, condition), one, other)


def probe(
  experiment: experiment_lib.Experiment,
  params: dict[str, Any],
  key: jax.Array,
  images: Callable[[jax.Array], jax.Array],
) -> dict[str, jax.Array]:
  """The KL in its parts on PROBE_SIZE images, by each estimator, for the log.

  Chen et al.'s three terms, and the second of Hoffman & Johnson's two (their
  first is the mutual information); and `losses.SHOWN_TC` with its error, left
  out where there are no more images than latents.

  The images and the noise depend on the member's seed alone, so that the
  curves of a member do not jump from line to line.
  """
  key = jax.random.fold_in(key, PROBE)
  index_key, noise_key = jax.random.split(key)
  size = experiment.dataset.num_images
  index = data.sample_index(index_key, min(PROBE_SIZE, size), size)
  mean, logvar = experiment.encode(params, images(index))
  categories = {'num_categories': experiment.num_categories}
  z = experiment.sample(noise_key, mean, logvar)
  terms = {}
  for estimator in losses.ESTIMATORS:
    parts = losses.kl_decomposition(
      z, mean, logvar, dataset_size=size, estimator=estimator, **categories
    )
    named = {**parts._asdict(), 'marginal_kl': parts.marginal_kl}
    terms |= {f'{name}_{estimator}': value for name, value in named.items()}
  continuous = z[:, : z.shape[1] - experiment.num_categories]
  if len(index) > continuous.shape[1]:
    shown = losses.gaussian_total_correlation(
      jax.random.fold_in(key, 0), continuous
    )
    terms |= {
      losses.SHOWN_TC: shown.estimate,
      f'{losses.SHOWN_TC}_error': shown.error,
    }
  return terms


class Running(NamedTuple):
  """One member between two of its log lines."""

  state: TrainState
  before: tuple  # the params and the step that the last step was taken from
  total: dict[str, jax.Array]  # sums of the terms since the last log line


def term_shapes(experiment: experiment_lib.Experiment) -> dict[str, Any]:
  """The shapes of the terms of one step."""

  def one_step(key: jax.Array) -> dict[str, jax.Array]:
    hparams = {**experiment.config.hparams, 'learning_rate': 0.0}
    train_step = make_train_step(experiment, experiment.dataset.images)
    return train_step(init(experiment, key), key, hparams)[1]

  return jax.eval_shape(one_step, jax.random.key(0))


def make_chunk(
  experiment: experiment_lib.Experiment, spread: parallel.Spread
) -> Callable:
  """Many steps of one member in one compiled loop.

  Args:
    experiment: the static parts.
    spread: how each batch is spread over devices.

  Returns:
    `chunk(arrays, running, key, hparams, plan) -> (running, terms)` on the data
    set's `arrays`. `plan` is (steps, look, count), traced: `look` = 1 checks
    the last state as well, which takes no step; `count` > 0 ends a log line of
    that many steps: the terms are means over them, with the KL decomposition of
    the last state beside them, and the sums start anew. Otherwise they are 0.
    However steps are cut into chunks, the results are the same.
  """

  def chunk(
    arrays: Any,
    running: Running,
    key: jax.Array,
    hparams: Mapping[str, jax.Array],
    plan: jax.Array,
  ) -> tuple[Running, dict[str, jax.Array]]:
    steps, look, count = plan
    images = lambda index: experiment.dataset.images_fn(arrays, index)
    train_step = make_train_step(experiment, images, spread)

    def body(i: jax.Array, carry: Running) -> Running:
      state, before, total = carry
      after, terms = train_step(state, key, hparams, i < steps)
      # The step into a state is undone where that state has no finite loss.
      failed = state.alive & ~after.alive
      params, at = _where(failed, before, (after.params, after.step))
      total = jax.tree.map(
        lambda t, x: t + jnp.where(i == steps, 0, x), total, terms
      )
      after = after._replace(params=params, step=at)
      return Running(after, (state.params, state.step), total)

    running = lax.fori_loop(0, steps + look, body, running)
    means = jax.tree.map(lambda t: t / jnp.maximum(count, 1), running.total)
    look_at = functools.partial(
      probe, experiment, running.state.params, key, images
    )
    parts = lax.cond(
      count > 0,
      look_at,
      lambda: jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(look_at)
      ),
    )
    total = jax.tree.map(
      lambda t: jnp.where(count > 0, 0, t).astype(t.dtype), running.total
    )
    return running._replace(total=total), {**means, **parts}

  return chunk
