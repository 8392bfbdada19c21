"""The pure training step of one member, and the compiled loop around it.

`make_train_step` gives `train_step(state, key, hparams) -> (state, terms)`;
`make_chunk` runs it many times inside one compiled loop;
`parallel.Layout.run` spreads that over members and devices.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from bvae_jax import config as config_lib
from bvae_jax import data, losses, parallel
from bvae_jax.training import batches, optimizer, schedules
from bvae_jax.training import experiment as experiment_lib

PROBE_SIZE = 256  # images in the KL decomposition of a log line
INIT, TRAIN, PROBE, OWN = range(4)  # what a member's key is folded with


class TrainState(NamedTuple):
  """One member, frozen at its last good state once it meets a NaN."""

  step: jax.Array  # steps taken
  alive: jax.Array  # False once a state had no finite loss or gradient
  params: dict[str, Any]
  opt_state: Any
  average: Any = None  # of the parameters over the steps, where it is kept


def evaluated(states: TrainState) -> TrainState:
  """States whose parameters are those to be used: their average, if any."""
  if states.average is None:
    return states
  return states._replace(params=states.average)


def _averaged(decay: float, state: TrainState, params: Any) -> Any:
  """The moving average after a step, without the bias of its start.

  a_t = a_{t-1} + w_t (p_t - a_{t-1}), w_t = (1 - decay) / (1 - decay^t).
  """
  weight = (1 - decay) / (1 - decay ** (state.step + 1.0))
  move = lambda a, p: a + weight * (p - a)
  return jax.tree.map(move, state.average, params)


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
  if experiment.objective.memory:
    params['memory'] = {
      name: jnp.full((), value)
      for name, value in experiment.objective.memory.items()
    }
  opt_state = experiment.optimizer.init(params)
  return TrainState(
    jnp.zeros((), jnp.int32),
    jnp.ones((), bool),
    params,
    opt_state,
    params if experiment.config.ema_decay else None,
  )


def step_keys(
  key: jax.Array, at: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """A member's own key, and those of the batch and the loss of a step."""
  own_key = jax.random.fold_in(key, OWN)
  key = jax.random.fold_in(jax.random.fold_in(key, TRAIN), at)
  batch_key, loss_key = jax.random.split(key)
  return own_key, batch_key, loss_key


def _products(precision: str) -> contextlib.AbstractContextManager:
  if precision == 'default':
    return contextlib.nullcontext()
  return jax.default_matmul_precision(precision)


def make_train_step(
  experiment: experiment_lib.Experiment,
  images: Callable,
  spread: parallel.Spread = parallel.WHOLE,
  fed: Callable | None = None,
) -> Callable:
  """The pure step of one member.

  Args:
    experiment: the static parts.
    images: `images(index [B]) -> [B, H, W, C]`, the data set's pure function.
    spread: how each batch is spread over devices.
    fed: `fed(step, name, places)` in place of `images`, where the host has
      gathered the batches.

  Returns:
    `train_step(state, key, hparams) -> (state, terms)`; `key` is the member's
    own key, `hparams` its traced scalars with `learning_rate` among them. A
    state without a finite loss and gradient comes back as it is, not alive;
    `take=False` looks at the state alone.
  """
  at = schedules.scheduled(experiment.config)
  decay = experiment.config.ema_decay or None
  context = experiment.context._replace(
    gather=spread.gather, shard=spread.shard
  )
  nets = experiment_lib.make_nets(
    experiment.modules, experiment.config.precision
  )
  loss_fn = experiment.objective.wire(nets, context)
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
    own_key, batch_key, loss_key = step_keys(key, state.step)
    values = at(hparams, state.step)
    own = source(
      own_key,
      fed=fed and functools.partial(fed, state.step),
      noise=jax.random.fold_in(batch_key, 0),
    )
    batch = batches.look_up(draw(batch_key, own), own)
    rates = {
      name: values.pop(name) for name in optimizer.RATES if name in values
    }
    memory = state.params.get('memory', {})
    with _products(experiment.config.matmul_precision):
      (loss, terms), grads = jax.value_and_grad(loss_fn, has_aux=True)(
        state.params, batch, loss_key, {**values, **memory}
      )
    grads = spread.mean(grads)
    # A sum with a NaN or an infinity among its terms is not finite.
    healthy = (
      state.alive & jnp.isfinite(loss) & jnp.isfinite(optax.tree.sum(grads))
    )
    take &= healthy
    updates, opt_state = experiment.optimizer.update(
      grads, state.opt_state, state.params, take=take
    )
    params = optimizer.move(experiment.roles, state.params, updates, rates)
    if memory:
      params['memory'] = {name: terms[name] for name in memory}
    average = decay and _averaged(decay, state, params)
    params, average = jax.tree.map(
      lambda new, old: jnp.where(take, new, old),
      (params, average),
      (state.params, state.average),
    )
    moved = state.step + take
    return TrainState(moved, healthy, params, opt_state, average), terms

  return train_step


def probe_index(
  experiment: experiment_lib.Experiment, key: jax.Array
) -> jax.Array:
  """Which images the KL decomposition of a member looks at, int32 [P]."""
  index_key, _ = jax.random.split(jax.random.fold_in(key, PROBE))
  dataset = experiment.dataset
  return dataset.sample_train(index_key, min(PROBE_SIZE, dataset.num_train))


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
  index = probe_index(experiment, key)
  key = jax.random.fold_in(key, PROBE)
  _, noise_key = jax.random.split(key)
  size = experiment.dataset.num_train
  mean, logvar = experiment.encode(params, images(index))
  categories = {'num_categories': experiment.num_categories}
  z = experiment.sample(noise_key, mean, logvar)
  terms = {}
  for estimator in () if experiment.objective.points else losses.ESTIMATORS:
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


class Feed(NamedTuple):
  """Stored images of one member that the host has gathered for some steps."""

  first: Any  # the step of the first batch
  batches: dict[str, Any]  # {images of the batch: [steps, B, *row]}
  probe: Any  # [P, *row]


class Running(NamedTuple):
  """One member between two of its log lines."""

  state: TrainState
  total: dict[str, jax.Array]  # sums of the terms since the last log line


def _look(
  dataset: data.Dataset,
  arrays: Any,
  index: jax.Array,
  keys: jax.Array | None = None,
) -> jax.Array:
  """Images of indices, with the noise of keys where they are given."""
  if keys is None or dataset.noisy_fn is None:
    return dataset.images_fn(arrays, index)
  return dataset.noisy_fn(arrays, index, keys)


def term_shapes(experiment: experiment_lib.Experiment) -> dict[str, Any]:
  """The shapes of the terms of one step."""

  def one_step(key: jax.Array) -> dict[str, jax.Array]:
    hparams = config_lib.scalars(experiment.config)
    shape = experiment.dataset.image_shape
    blank = lambda index, *_: jnp.zeros((*index.shape, *shape))
    train_step = make_train_step(experiment, blank)
    return train_step(init(experiment, key), key, hparams)[1]

  return jax.eval_shape(one_step, jax.random.key(0))


def make_chunk(
  experiment: experiment_lib.Experiment,
  spread: parallel.Spread,
  alone: bool = False,
) -> Callable:
  """Many steps of one member in one compiled loop.

  Args:
    experiment: the static parts.
    spread: how each batch is spread over devices.
    alone: whether members run one by one, so that one that trains no more costs
      nothing; together, under vmap, they have one count of steps.

  Returns:
    `chunk(arrays, running, key, hparams, plan, feed) -> (running, terms)` on
    the data set's `arrays`, or on the `feed` where the host has them. `plan` is
    (steps, count), traced: `count` > 0 ends a log line of that many steps: the
    terms are means over them, with the KL decomposition of the last state
    beside them, and the sums start anew. Otherwise they are 0.
    However steps are cut into chunks, the results are the same.

  A state whose loss or gradient is not finite is found by the step that it is
  to take; the last state of a chunk takes one more that only looks. Such a
  member goes back to the last good state, and stays there: the chunk is run
  again from its beginning up to there, which costs less than a copy a step.
  """

  def chunk(
    arrays: Any,
    running: Running,
    key: jax.Array,
    hparams: Mapping[str, jax.Array],
    plan: jax.Array,
    feed: Feed | None = None,
  ) -> tuple[Running, dict[str, jax.Array]]:
    steps, count = plan
    look_up = experiment.dataset.images_fn
    images: Callable = functools.partial(_look, experiment.dataset, arrays)
    fed: Callable | None = None
    if feed is not None:
      images = lambda index: look_up(feed.probe, jnp.arange(len(index)))

      def gathered_of(at: jax.Array, name: str, places: jax.Array) -> jax.Array:
        gathered = feed.batches[name]
        # A frozen member stays at a step that is gone; nobody sees its batch.
        row = jnp.clip(at - feed.first, 0, len(gathered) - 1)
        return look_up(gathered[row], places)

      fed = gathered_of

    train_step = make_train_step(experiment, images, spread, fed)

    first, trains = running, running.state.alive

    def run(carry: tuple) -> tuple:
      _, end, tries = carry

      def body(i: jax.Array, carry: Running) -> Running:
        after, terms = train_step(carry.state, key, hparams, i < end)
        total = jax.tree.map(
          lambda t, x: t + jnp.where(i < end, x, 0), carry.total, terms
        )
        return Running(after, total)

      until = steps + 1
      if alone:  # no `lax.cond`: XLA gives what is in one no threads on CPUs
        until = jnp.where(trains, end + 1, 0)
      ran = lax.fori_loop(0, until, body, first)
      taken = ran.state.step - first.state.step
      return ran, jnp.maximum(taken - 1, 0), tries + 1

    def failed(carry: tuple) -> jax.Array:
      ran, _, tries = carry
      return (tries == 0) | (tries == 1) & trains & ~ran.state.alive

    ran, _, tries = lax.while_loop(failed, run, (first, steps, 0))
    alive = ran.state.alive & (tries == 1)
    running = ran._replace(state=ran.state._replace(alive=alive))
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
