"""The pure training step of one member.

`make_train_step` gives `train_step(state, key, hparams) -> (state, terms)`;
`chunk.make_chunk` runs it many times inside one compiled loop;
`parallel.Layout.compile` spreads that over members and devices.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from bvae_jax import parallel
from bvae_jax.losses import wiring
from bvae_jax.training import batches, optimizer, schedules, static
from bvae_jax.training import experiment as experiment_lib

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
  steps = state.step + 1.0
  weight = (1 - decay) / -jnp.expm1(steps * math.log(decay))  # in float32
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
    params[role.name] = _parameters(role.name, module, own_key, inputs)
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


@static.once
def init_all(experiment: experiment_lib.Experiment) -> Callable:
  """`init` of the members' keys [M]."""
  return jax.vmap(functools.partial(init, experiment))


def _parameters(
  name: str, module: nn.Module, key: jax.Array, inputs: jax.Array
) -> Any:
  """Those of a network, which keeps nothing else from batch to batch."""
  variables = module.init(key, inputs)
  kept = [*(variables.keys() - {'params', 'intermediates'})]
  if kept:
    raise ValueError(
      f'the {name} keeps {", ".join(kept)} beside its parameters, which is not '
      'trained: take nn.LayerNorm or nn.GroupNorm in place of nn.BatchNorm'
    )
  return variables['params']


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


def _checked(
  name: str, loss_fn: wiring.LossFn, memory: Mapping[str, float]
) -> wiring.LossFn:
  """A loss that tells, when it is traced, what an objective returns amiss."""

  def checked(*arguments: Any) -> wiring.Result:
    found = loss_fn(*arguments)
    pair = isinstance(found, tuple) and len(found) == 2
    if not (
      pair
      and isinstance(found[1], Mapping)
      and jnp.shape(found[0]) == ()
      and jnp.issubdtype(jnp.result_type(found[0]), jnp.floating)
    ):
      raise ValueError(
        f'objective {name} must return (loss, terms): one real number, and a '
        'dict of what is logged'
      )
    lost = sorted({*memory} - {*found[1]})
    if lost:
      raise ValueError(
        f'objective {name} must return {", ".join(lost)} among its terms, the '
        'next value of its memory'
      )
    return found

  return checked


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
  loss_fn = _checked(
    experiment.config.objective,
    experiment.objective.wire(nets, context),
    experiment.objective.memory,
  )
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
    grads, seen = spread.mean((grads, loss))  # all devices see one loss
    # A sum with a NaN or an infinity among its terms is not finite.
    healthy = (
      state.alive & jnp.isfinite(seen) & jnp.isfinite(optax.tree.sum(grads))
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
