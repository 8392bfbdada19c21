"""The pure training step of one member, and the compiled loop around it.

`make_train_step` gives `train_step(state, key, hparams) -> (state, terms)`;
`make_chunk` runs it many times inside one compiled loop;
`parallel.Layout.run` spreads that over members and devices.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax
from jax import lax

from bvae_jax import batches, data, losses, models, parallel

PROBE_SIZE = 256  # images in the KL decomposition of a log line
INIT, TRAIN, PROBE = range(3)  # what a member's key is folded with


class TrainState(NamedTuple):
  """One member. A member that met a NaN is frozen at its last good step."""

  step: jax.Array  # steps taken
  alive: jax.Array  # False once a loss or a gradient was not finite
  params: dict[str, Any]
  opt_state: Any


class Problem(NamedTuple):
  """All that is static about a run, built from its config."""

  config: ml_collections.ConfigDict
  dataset: data.Dataset
  objective: losses.Objective
  modules: Mapping[str, Any]
  nets: Mapping[str, Callable]
  context: losses.Context
  optimizer: optax.GradientTransformation
  batch: parallel.Batch


def make_optimizer(objective: losses.Objective) -> optax.GradientTransformation:
  """Adam directions; the adversary's with Kim & Mnih's momenta.

  The learning rate is a traced hyperparameter and is applied by the step.
  """
  kinds = {
    n: 'adversary' if n in ('discriminator', 'critic') else 'model'
    for n in (*objective.networks, 'likelihood')
  }
  return optax.multi_transform(
    {
      'model': optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8),
      'adversary': optax.scale_by_adam(b1=0.5, b2=0.9, eps=1e-8),
    },
    lambda params: {name: kinds[name] for name in params},
  )


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
  weights = {
    name: (
      s.get('start', 0.0),
      s.get('delay', 0),
      kinds[s.get('kind', 'linear')](s.get('steps', 1)),
    )
    for name, s in config.schedules.items()
  }

  def at(hparams, step):
    moved = {
      name: start
      + (hparams[name] - start) * weight(jnp.maximum(step - delay, 0))
      for name, (start, delay, weight) in weights.items()
    }
    return {**hparams, **moved}

  return at


def make_modules(config, names, image_shape) -> dict[str, Any]:
  """The Flax modules of the networks that an objective names."""
  makers = {
    'encoder': lambda: models.make_encoder(
      config.encoder, config.num_latents, image_shape
    ),
    'critic': lambda: models.make_critic(
      config.encoder, config.num_latents, image_shape
    ),
    'decoder': lambda: models.make_decoder(config.decoder, image_shape),
    'discriminator': lambda: models.make_discriminator(config.discriminator),
  }
  return {name: makers[name]() for name in names}


def build(
  config: ml_collections.ConfigDict,
  dataset: data.Dataset | None = None,
  batch: parallel.Batch = parallel.Batch(),  # noqa: B008 (immutable)
) -> Problem:
  """Networks, data, optimiser and loss of a config.

  Args:
    config: a validated config.
    dataset: the data set; loaded from the config when not given.
    batch: how each batch is spread over devices.

  Raises:
    ValueError: networks and images that do not fit.
  """
  objective = losses.OBJECTIVES[config.objective]
  dataset = data.load(config.dataset) if dataset is None else dataset
  modules = make_modules(config, objective.networks, dataset.image_shape)
  nets = {
    name: lambda params, x, m=module: m.apply({'params': params}, x)
    for name, module in modules.items()
  }
  context = losses.Context(
    nll=losses.LIKELIHOODS[config.likelihood],
    dataset_size=dataset.num_images,
    batch_size=config.batch_size,
    options=config.options.to_dict(),
    gather=batch.gather,
    shard=batch.shard,
  )
  return Problem(config, dataset, objective, modules, nets, context,
                 make_optimizer(objective), batch)  # fmt: skip


def init(problem: Problem, key: jax.Array) -> TrainState:
  """The state of one member before its first step."""
  inputs = {
    'encoder': jnp.zeros((1, *problem.dataset.image_shape)),
    'critic': jnp.zeros((1, *problem.dataset.image_shape)),
    'decoder': jnp.zeros((1, problem.config.num_latents)),
    'discriminator': jnp.zeros((1, problem.config.num_latents)),
  }
  key = jax.random.fold_in(key, INIT)
  params = {
    name: module.init(jax.random.fold_in(key, i), inputs[name])['params']
    for i, (name, module) in enumerate(problem.modules.items())
  }
  if problem.config.likelihood == 'gaussian_learned':
    params['likelihood'] = {'log_scale': jnp.zeros(())}
  return TrainState(
    jnp.zeros((), jnp.int32), jnp.ones((), bool), params,
    problem.optimizer.init(params),
  )  # fmt: skip


def make_train_step(problem: Problem, images: Callable) -> Callable:
  """The pure step of one member.

  Args:
    problem: the static parts.
    images: `images(index [B]) -> [B, H, W, C]`, the data set's pure function.

  Returns:
    `train_step(state, key, hparams) -> (state, terms)`; `key` is the member's
    own key, `hparams` its traced scalars with `learning_rate` among them.
  """
  at = scheduled(problem.config)
  objective, context = problem.objective, problem.context

  def train_step(state, key, hparams):
    key = jax.random.fold_in(jax.random.fold_in(key, TRAIN), state.step)
    batch_key, loss_key = jax.random.split(key)
    values = at(hparams, state.step)
    batch = batches.draw(batch_key, objective, problem.dataset, images, context)
    rates = dict(values)
    rate = rates.pop('learning_rate')
    loss = lambda params: objective.program(
      objective, problem.nets, params, batch, loss_key, rates, context
    )
    grads, terms = jax.grad(loss, has_aux=True)(state.params)
    grads = problem.batch.mean(grads)
    updates, opt_state = problem.optimizer.update(
      grads, state.opt_state, state.params
    )
    params = jax.tree.map(lambda p, u: p - rate * u, state.params, updates)
    healthy = state.alive & jnp.isfinite(optax.tree.norm(grads, squared=True))
    taken = TrainState(state.step + 1, healthy, params, opt_state)
    frozen = state._replace(alive=healthy)
    return jax.tree.map(
      lambda new, old: jnp.where(healthy, new, old), taken, frozen
    ), terms

  return train_step


def probe(problem: Problem, params, key, images) -> dict[str, jax.Array]:
  """The KL decomposition on PROBE_SIZE fresh images, for the log.

  The images and the noise depend on the member's seed alone, so that the
  curves of a member do not jump from line to line.
  """
  index_key, noise_key = jax.random.split(jax.random.fold_in(key, PROBE))
  index = data.sample_index(index_key, PROBE_SIZE, problem.dataset.num_images)
  mean, logvar = problem.nets['encoder'](params['encoder'], images(index))
  z = losses.reparameterize(noise_key, mean, logvar)
  parts = losses.kl_decomposition(
    z, mean, logvar, dataset_size=problem.dataset.num_images, estimator='mss'
  )
  return {f'{name}_mss': value for name, value in parts._asdict().items()}


def make_chunk(problem: Problem) -> Callable:
  """Many steps of one member in one compiled loop.

  Returns:
    `chunk(arrays, state, key, hparams, n) -> (state, terms)`: n steps (traced)
    on the data set's `arrays`; terms are means over the n steps, with the KL
    decomposition of the last state beside them.
  """

  def chunk(arrays, state, key, hparams, n):
    images = lambda index: problem.dataset.images_fn(arrays, index)
    train_step = make_train_step(problem, images)

    def body(_, carry):
      state, total = carry
      state, terms = train_step(state, key, hparams)
      return state, jax.tree.map(jnp.add, total, terms)

    shapes = jax.eval_shape(train_step, state, key, hparams)[1]
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    state, total = lax.fori_loop(0, n, body, (state, zeros))
    terms = jax.tree.map(lambda t: t / n, total)
    return state, {**terms, **probe(problem, state.params, key, images)}

  return chunk
