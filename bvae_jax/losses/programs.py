"""How an objective is wired to its networks: the inside of a train step.

A program is

    program(objective, nets, params, batch, key, hparams, context)
      -> (loss, terms)

nets and params: one entry a network: nets[name](params[name], inputs), where
  encoder: images -> mean, logvar; decoder: z -> logits, whose sigmoid is the
  image; discriminator: z -> logits [b, 2]; critic: images -> logit [b], mean,
  logvar.
batch: arrays of this device, [b, ...].
hparams: the objective's traced scalars.

One gradient of the loss over all of `params` trains every network: where two
oppose each other, `stop_gradient` gives each its own loss, and what both
compute alike XLA merges. Networks see this device's share of the batch; what
couples the batch sees the gathered whole, and noise is drawn for the whole and
shared out, so that the mean over n devices of their gradients is the gradient
that one device would find. Loss and terms are the global batch's on each.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from bvae_jax.losses import adversarial, checks, weak

Result = tuple[jax.Array, dict[str, jax.Array]]

PERMUTATIONS = ('independent', 'same')


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


def vae(objective, nets, params, batch, key, hparams, context) -> Result:
  """Encode, sample, decode; all options go to the loss."""
  images = batch['images']
  mean, logvar = nets['encoder'](params['encoder'], images)
  posterior = _decode(nets, params, images, mean, logvar, key, context)
  posterior = context.gather(posterior)
  return objective.loss(*posterior, **hparams, **context.options)


def tcvae(objective, nets, params, batch, key, hparams, context) -> Result:
  """The VAE, with the data size for the estimators that need it."""
  size = {'dataset_size': context.dataset_size}
  context = context._replace(options={**context.options, **size})
  return vae(objective, nets, params, batch, key, hparams, context)


def factor_vae(objective, nets, params, batch, key, hparams, context) -> Result:
  """The VAE against a discriminator of its aggregate posterior.

  Option `permutation`: whose latents are permuted, those of an 'independent'
  batch (the paper) or of the 'same' (the code of the 2019 study). Both
  players step at once; in the paper, one after the other.
  """
  permutation = context.options['permutation']
  checks.check_choice('permutation', permutation, PERMUTATIONS)
  key, other_key, permute_key = jax.random.split(key, 3)
  frozen, images = lax.stop_gradient(params), batch['images']
  mean, logvar = nets['encoder'](params['encoder'], images)
  posterior = _decode(nets, params, images, mean, logvar, key, context)

  z = other = lax.stop_gradient(posterior.z)
  if permutation == 'independent':
    second = nets['encoder'](frozen['encoder'], batch['second_images'])
    other = _sample(other_key, *second, context)
  permuted = adversarial.permute_dims(permute_key, context.gather(other))

  discriminator, learner = nets['discriminator'], params['discriminator']
  posterior, joint_logits, *logits = context.gather(
    (
      posterior,
      discriminator(frozen['discriminator'], posterior.z),
      discriminator(learner, z),
      discriminator(learner, context.shard(permuted)),
    )
  )
  loss, terms = objective.loss(*posterior, **hparams, joint_logits=joint_logits)
  own_loss = adversarial.discriminator_loss(*logits)
  terms['discriminator_loss'] = own_loss
  terms['discriminator_accuracy'] = adversarial.discriminator_accuracy(*logits)
  return loss + own_loss, terms


def weak_vae(objective, nets, params, batch, key, hparams, context) -> Result:
  """The VAE on pairs, each pair's shared latents having one posterior.

  Option `kind`: 'gvae' or 'mlvae'. The two images of a pair are neighbours in
  one batch of 2b, so that nll and KL are means over both.
  """
  images = _interleave(batch['images'], batch['pair_images'])
  mean, logvar = nets['encoder'](params['encoder'], images)
  pair = weak.aggregate_pair(
    mean[::2],
    logvar[::2],
    mean[1::2],
    logvar[1::2],
    kind=context.options['kind'],
  )
  mean = _interleave(pair.mean, pair.pair_mean)
  logvar = _interleave(pair.logvar, pair.pair_logvar)
  twice = context._replace(batch_size=2 * context.batch_size)
  posterior = _decode(nets, params, images, mean, logvar, key, twice)
  posterior, shared = context.gather((posterior, pair.shared))
  loss, terms = objective.loss(*posterior, **hparams)
  terms['shared_latents'] = jnp.mean(jnp.sum(shared, axis=1))
  return loss, terms


def semi_supervised(
  objective, nets, params, batch, key, hparams, context
) -> Result:
  """The VAE, whose encoder also sees images with labels."""
  images = batch['images']
  every = jnp.concatenate([images, batch['labelled_images']])
  mean, logvar = nets['encoder'](params['encoder'], every)
  mean, labelled_mean = jnp.split(mean, [images.shape[0]])
  logvar = logvar[: images.shape[0]]
  posterior = _decode(nets, params, images, mean, logvar, key, context)
  posterior, labelled_mean, labels = context.gather(
    (posterior, labelled_mean, batch['labels'])
  )
  return objective.loss(
    *posterior,
    **hparams,
    labelled_mean=labelled_mean,
    labels=labels,
    kind=context.options['kind'],
  )


def _decode(nets, params, images, mean, logvar, key, context) -> Posterior:
  """Samples the posterior and scores its reconstruction, on this device."""
  z = _sample(key, mean, logvar, context)
  outputs = nets['decoder'](params['decoder'], z)
  return Posterior(context.nll(params, outputs, images), z, mean, logvar)


def _sample(
  key: jax.Array, mean: jax.Array, logvar: jax.Array, context: Context
) -> jax.Array:
  """A reparameterized sample of this device's share."""
  noise = batch_noise(key, context, mean.shape[1])
  return mean + jnp.exp(0.5 * logvar) * noise


def batch_noise(key: jax.Array, context: Context, *shape: int) -> jax.Array:
  """Noise [b, *shape], the same whatever the number of devices."""
  return context.shard(jax.random.normal(key, (context.batch_size, *shape)))


def _interleave(first: jax.Array, second: jax.Array) -> jax.Array:
  """[b, ...] twice -> [2b, ...], in turns."""
  return jnp.stack([first, second], axis=1).reshape(-1, *first.shape[1:])
