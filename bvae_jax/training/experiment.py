"""All that is static about a run: its data, networks, likelihood, optimiser."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax

from bvae_jax import data, losses, models, parallel


class Experiment(NamedTuple):
  """All that is static about a run, built from its config."""

  config: ml_collections.ConfigDict
  dataset: data.Dataset
  objective: losses.Objective
  modules: Mapping[str, Any]
  nets: Mapping[str, Callable]  # name -> apply(params of the network, x)
  num_inputs: int  # of the decoder: the latents, and InfoGAN's noise
  context: losses.Context
  optimizer: optax.GradientTransformation
  batch: parallel.Batch

  def encode(self, params: Any, images: jax.Array) -> tuple[jax.Array, ...]:
    """The mean and log-variance [B, D] of one member's posterior."""
    own = params.get('encoder', params.get('critic'))
    return self.nets['encoder'](own, images)

  def decode(self, params: Any, z: jax.Array) -> jax.Array:
    """One member's decoder outputs [B, H, W, C] of latents [B, D]."""
    return self.nets['decoder'](params['decoder'], z)


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


def make_nets(modules: dict[str, Any], num_inputs: int) -> dict[str, Callable]:
  """The networks as pure functions of their parameters.

  An InfoGAN has an encoder as well, the Q head of its critic; and a decoder
  that is given latents alone takes its noise to be zero.
  """
  nets = {
    name: lambda params, x, m=module: m.apply({'params': params}, x)
    for name, module in modules.items()
  }
  if 'critic' in nets:
    nets['encoder'] = lambda params, x: nets['critic'](params, x)[1:]
  generate = nets['decoder']
  nets['decoder'] = lambda params, z: generate(
    params, jnp.pad(z, ((0, 0), (0, num_inputs - z.shape[1])))
  )
  return nets


def build(
  config: ml_collections.ConfigDict,
  dataset: data.Dataset | None = None,
  batch: parallel.Batch = parallel.Batch(),  # noqa: B008 (immutable)
) -> Experiment:
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
  num_inputs = config.num_latents + config.options.get('num_noise', 0)
  context = losses.Context(
    nll=losses.LIKELIHOODS[config.likelihood],
    dataset_size=dataset.num_images,
    batch_size=config.batch_size,
    options=config.options.to_dict(),
    gather=batch.gather,
    shard=batch.shard,
  )
  return Experiment(
    config=config,
    dataset=dataset,
    objective=objective,
    modules=modules,
    nets=make_nets(modules, num_inputs),
    num_inputs=num_inputs,
    context=context,
    optimizer=make_optimizer(objective),
    batch=batch,
  )
