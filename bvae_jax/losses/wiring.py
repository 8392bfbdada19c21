"""How an objective is wired to its networks: the inside of a train step.

A wiring is

    wiring(loss, nets, context) -> loss_fn(params, batch, key, hparams)
      -> (loss, terms)

loss: the objective's pure function.
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

from bvae_jax import draws
from bvae_jax.losses import adversarial, checks, weak

Result = tuple[jax.Array, dict[str, jax.Array]]
Arrays = Mapping[str, jax.Array]
Nets = Mapping[str, Callable[..., Any]]
Params = Mapping[str, Any]
Loss = Callable[..., Result]
LossFn = Callable[[Params, Arrays, jax.Array, Arrays], Result]

PERMUTATIONS = ('independent', 'same')


def _identity(x: Any) -> Any:
  return x


class Context(NamedTuple):
  """What a wiring must know of the run; all of it static.

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


Wiring = Callable[[Loss, Nets, Context], LossFn]


class Posterior(NamedTuple):
  """What every objective reads: nll [B], and z, mean, logvar [B, D]."""

  nll: jax.Array
  z: jax.Array
  mean: jax.Array
  logvar: jax.Array


def vae(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """Encode, sample, decode; all options go to the loss."""

  def loss_fn(params, batch, key, hparams):
    images = batch['images']
    mean, logvar = nets['encoder'](params['encoder'], images)
    posterior = decode(nets, params, images, mean, logvar, key, context)
    posterior = context.gather(posterior)
    return loss(*posterior, **hparams, **context.options)

  return loss_fn


def tcvae(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """The VAE, with the data size for the estimators that need it."""
  size = {'dataset_size': context.dataset_size}
  return vae(loss, nets, context._replace(options={**context.options, **size}))


def factor_vae(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """The VAE against a discriminator of its aggregate posterior.

  Option `permutation`: whose latents are permuted, those of an 'independent'
  batch (the paper) or of the 'same' (the code of the 2019 study). Both
  players step at once; in the paper, one after the other.

  Raises:
    ValueError: unknown permutation.
  """
  permutation = context.options['permutation']
  checks.check_choice('permutation', permutation, PERMUTATIONS)
  discriminator = nets['discriminator']

  def loss_fn(params, batch, key, hparams):
    key, other_key, permute_key = jax.random.split(key, 3)
    frozen, images = lax.stop_gradient(params), batch['images']
    mean, logvar = nets['encoder'](params['encoder'], images)
    posterior = decode(nets, params, images, mean, logvar, key, context)

    z = other = lax.stop_gradient(posterior.z)
    if permutation == 'independent':
      mean_2, logvar_2 = nets['encoder'](
        frozen['encoder'], batch['second_images']
      )
      other = _sample(other_key, mean_2, logvar_2, context)
    permuted = adversarial.permute_dims(permute_key, context.gather(other))

    learner = params['discriminator']
    posterior, joint_logits, *logits = context.gather(
      (
        posterior,
        discriminator(frozen['discriminator'], posterior.z),
        discriminator(learner, z),
        discriminator(learner, context.shard(permuted)),
      )
    )
    value, terms = loss(*posterior, **hparams, joint_logits=joint_logits)
    own = adversarial.discriminator_loss(*logits)
    terms['discriminator_loss'] = own
    terms['discriminator_accuracy'] = adversarial.discriminator_accuracy(
      *logits
    )
    return value + own, terms

  return loss_fn


def weak_vae(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """The VAE on pairs, each pair's shared latents having one posterior.

  Option `kind`: 'gvae' or 'mlvae'. The two images of a pair are neighbours in
  one batch of 2b, so that nll and KL are means over both.
  """
  kind = context.options['kind']
  twice = context._replace(batch_size=2 * context.batch_size)

  def loss_fn(params, batch, key, hparams):
    images = _interleave(batch['images'], batch['pair_images'])
    mean, logvar = nets['encoder'](params['encoder'], images)
    pair = weak.aggregate_pair(
      mean[::2], logvar[::2], mean[1::2], logvar[1::2], kind=kind
    )
    mean = _interleave(pair.mean, pair.pair_mean)
    logvar = _interleave(pair.logvar, pair.pair_logvar)
    posterior = decode(nets, params, images, mean, logvar, key, twice)
    posterior, shared = context.gather((posterior, pair.shared))
    value, terms = loss(*posterior, **hparams)
    terms['shared_latents'] = jnp.mean(jnp.sum(shared, axis=1))
    return value, terms

  return loss_fn


def semi_supervised(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """The VAE, whose encoder also sees images with labels.

  Options: `kind` of the loss; `num_labels`, how many images have any, drawn
  with replacement.
  """
  kind = context.options['kind']
  num_labels = context.options['num_labels']
  checks.check_least(1, num_labels=num_labels)
  checks.check_most(
    context.dataset_size, 'the images to train on', num_labels=num_labels
  )

  def loss_fn(params, batch, key, hparams):
    images = batch['images']
    every = jnp.concatenate([images, batch['labelled_images']])
    mean, logvar = nets['encoder'](params['encoder'], every)
    mean, labelled_mean = jnp.split(mean, [images.shape[0]])
    logvar = logvar[: images.shape[0]]
    posterior = decode(nets, params, images, mean, logvar, key, context)
    posterior, labelled_mean, labels = context.gather(
      (posterior, labelled_mean, batch['labels'])
    )
    return loss(
      *posterior,
      **hparams,
      labelled_mean=labelled_mean,
      labels=labels,
      kind=kind,
    )

  return loss_fn


def decode(
  nets: Nets,
  params: Params,
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
  """A reparameterized sample of this device's share."""
  noise = batch_noise(key, context, mean.shape[1])
  return mean + jnp.exp(0.5 * logvar) * noise


def batch_noise(key: jax.Array, context: Context, *shape: int) -> jax.Array:
  """Noise [b, *shape], the same whatever the number of devices."""
  noise = draws.normal(key, (context.batch_size, *shape))
  return context.shard(noise)


def _interleave(first: jax.Array, second: jax.Array) -> jax.Array:
  """[b, ...] twice -> [2b, ...], in turns."""
  return jnp.stack([first, second], axis=1).reshape(-1, *first.shape[1:])
