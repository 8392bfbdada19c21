"""How an objective is wired to its networks: the inside of a train step.

A program is `program(objective, nets, params, batch, key, hparams, context) ->
(loss, terms)`. One gradient of its loss over all of `params` trains every
network: where two networks oppose each other, `stop_gradient` gives each its
own loss. Networks see this device's share of the batch; what couples the batch
sees the gathered whole, so that n devices compute what one would.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Arrays = Mapping[str, Any]
Nets = Mapping[str, Callable[..., Any]]
Result = tuple[jax.Array, dict[str, jax.Array]]


def _identity(x: Any) -> Any:
  return x


class Context(NamedTuple):
  """What a program must know of the run; all of it static.

  Attributes:
    nll: (params, decoder outputs, images) -> [b], the likelihood.
    dataset_size: number of images that the batch was drawn from.
    batch_size: of the global batch, over all devices.
    options: the objective's static choices.
    gather: this device's part of a batch, as a tree -> the global batch.
    shard: a global array -> this device's part.
  """

  nll: Callable[..., jax.Array]
  dataset_size: int
  batch_size: int
  options: Mapping[str, Any] = {}
  gather: Callable[[Any], Any] = _identity
  shard: Callable[[jax.Array], jax.Array] = _identity


class Posterior(NamedTuple):
  """What every objective reads: nll [B], and z, mean, logvar [B, D]."""

  nll: jax.Array
  z: jax.Array
  mean: jax.Array
  logvar: jax.Array


def vae(
  objective: Any,
  nets: Nets,
  params: Arrays,
  batch: Arrays,
  key: jax.Array,
  hparams: Arrays,
  context: Context,
) -> Result:
  """Encode, sample, decode; all options go to the loss."""
  images = batch['images']
  mean, logvar = nets['encoder'](params['encoder'], images)
  posterior = _decode(nets, params, images, mean, logvar, key, context)
  posterior = context.gather(posterior)
  return objective.loss(*posterior, **hparams, **context.options)


def tcvae(
  objective: Any,
  nets: Nets,
  params: Arrays,
  batch: Arrays,
  key: jax.Array,
  hparams: Arrays,
  context: Context,
) -> Result:
  """The vae program, with the data size for the estimators that need it."""
  size = {'dataset_size': context.dataset_size}
  context = context._replace(options={**context.options, **size})
  return vae(objective, nets, params, batch, key, hparams, context)


def _decode(
  nets: Nets,
  params: Arrays,
  images: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  key: jax.Array,
  context: Context,
) -> Posterior:
  """Samples the posterior and scores its reconstruction, on this device."""
  z = _sample(key, mean, logvar, context)
  outputs = nets['decoder'](params['decoder'], z)
  return Posterior(context.nll(params, outputs, images), z, mean, logvar)


def _sample(
  key: jax.Array, mean: jax.Array, logvar: jax.Array, context: Context
) -> jax.Array:
  """A reparameterized sample whose noise no device count changes."""
  shape = (context.batch_size, mean.shape[-1])
  noise = context.shard(jax.random.normal(key, shape, mean.dtype))
  return mean + jnp.exp(0.5 * logvar) * noise
