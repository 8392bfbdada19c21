"""Autoencoders: codes that are points, with no posterior, KL or bound.

They take nll [B] and codes [B, D], and return `(loss, terms)` as the
objectives do; the terms hold `nll` and `variance_per_latent` [D], that of the
batch, in place of the KL.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from bvae_jax.losses import checks
from bvae_jax.losses.wiring import Context, Loss, LossFn, Nets, Params, Result


def ae(nll: jax.Array, z: jax.Array) -> Result:
  """The reconstruction alone: mean_b nll.

  What regularises it is the optimiser's weight decay.

  Args:
    nll: [B].
    z: codes [B, D], for the terms alone.

  Raises:
    ValueError: nll is not [B], or z not [B, D].

  Source: Hsu et al. 2023 (arXiv:2305.18378), the plain
  autoencoder that it compares with.
  """
  terms = base_terms(nll, z)
  return terms['nll'], terms


def qlae(
  nll: jax.Array,
  z: jax.Array,
  quantized: jax.Array,
  *,
  quantization: float | jax.Array,
  commitment: float | jax.Array,
) -> Result:
  """The reconstruction from quantised codes, and what holds both together.

  mean_b nll + quantization * mean_b |sg(z) - q|^2
  + commitment * mean_b |z - sg(q)|^2, sums over latents: the first moves the
  codebooks, the second the encoder.

  Args:
    nll: [B] of images decoded from `straight_through(z, quantized)`.
    z: continuous codes [B, D].
    quantized: the nearest values of the codebooks [B, D].
    quantization: weight of the codebooks' distance.
    commitment: weight of the encoder's distance.

  Raises:
    ValueError: wrong shapes.

  Source: Hsu et al. 2023 (arXiv:2305.18378), latent quantisation, where nll is
  averaged over the subpixels of an image and these distances over the latents.
  """
  checks.check_weights(quantization=quantization, commitment=commitment)
  checks.check_rank(2, z=z, quantized=quantized)
  terms = base_terms(nll, quantized)
  z, quantized = checks.at_least_float32(z, quantized)
  own = distance(lax.stop_gradient(z), quantized)
  committed = distance(z, lax.stop_gradient(quantized))
  terms['quantization_error'] = committed
  return terms['nll'] + quantization * own + commitment * committed, terms


def straight_through(z: jax.Array, quantized: jax.Array) -> jax.Array:
  """The value of `quantized` with the gradient of z: z + sg(q - z), [B, D].

  Source: Bengio et al. 2013 (arXiv:1308.3432), the straight-through estimator.
  """
  return z + lax.stop_gradient(quantized - z)


def distance(one: jax.Array, other: jax.Array) -> jax.Array:
  """mean_b |one - other|^2 of codes [B, D]."""
  return jnp.mean(jnp.sum(jnp.square(one - other), axis=1))


def base_terms(nll: jax.Array, z: jax.Array) -> dict[str, jax.Array]:
  """What every objective of points logs."""
  checks.check_posterior(nll=nll, z=z)
  nll, z = checks.at_least_float32(nll, z)
  return {'nll': jnp.mean(nll), 'variance_per_latent': jnp.var(z, axis=0)}


def wire_ae(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """Encode and decode; all options go to the loss."""

  def loss_fn(params, batch, key, hparams):
    del key
    images = batch['images']
    z = nets['coder'](params['coder'], images)
    outputs = nets['decoder'](params['decoder'], z)
    nll = context.nll(params, outputs, images)
    return loss(*context.gather((nll, z)), **hparams, **context.options)

  return loss_fn


def wire_qlae(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """Encode, quantise each latent by its own codebook, decode.

  Option: `num_values` of each codebook, at least 2.
  """
  checks.check_least(2, num_values=context.options['num_values'])

  def loss_fn(params, batch, key, hparams):
    del key
    images = batch['images']
    z = nets['coder'](params['coder'], images)
    quantized = nets['codebooks'](params['codebooks'], z)
    code = straight_through(z, quantized)
    outputs = nets['decoder'](params['decoder'], code)
    nll = context.nll(params, outputs, images)
    return loss(*context.gather((nll, z, quantized)), **hparams)

  return loss_fn


def learned_codebook(
  params: Params, num_latents: int, options: Mapping[str, Any]
) -> jax.Array:
  """The values of QLAE's codebooks [D, V]."""
  del num_latents, options
  return params['codebooks']['values']
