"""The L1 norm of the decoder's Jacobian: latents that each move few pixels."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from bvae_jax.losses import checks, objectives, wiring
from bvae_jax.losses.wiring import Context, Loss, LossFn, Nets


def jacobian_norm(
  decode: Callable[[jax.Array], jax.Array], z: jax.Array, latents: jax.Array
) -> jax.Array:
  """sum_d sum_p |d x_p / d z_d|, estimated from some of the latents.

  By forward differentiation, a pass of the decoder a latent: D / k times the
  sum over k latents that were drawn uniformly has the norm as its mean, and its
  gradient that of the norm.

  Args:
    decode: z [b, D] -> images [b, ...].
    z: [b, D].
    latents: int [k, b], whose columns are looked at; all D of them for the norm
      itself.

  Returns:
    [b].

  Raises:
    ValueError: not [b, D] and [k, b], k = 0, latents that are no integers or,
      where concrete, none of 0 to D - 1.

  Source: Rhodes & Lee 2021 (arXiv:2106.02923), whose norm is of all latents.
  """
  checks.check_posterior(z=z)
  (z,) = checks.at_least_float32(z)
  latents = _checked(latents, z)
  num_latents = z.shape[1]

  def column(latent: jax.Array) -> jax.Array:
    along = jax.nn.one_hot(latent, num_latents, dtype=z.dtype)
    _, slope = jax.jvp(decode, (z,), (along,))
    return jnp.sum(jnp.abs(slope), axis=tuple(range(1, slope.ndim)))

  found = jax.vmap(column)(latents)
  return num_latents * jnp.mean(found, axis=0)


def _checked(latents: jax.Array, z: jax.Array) -> jax.Array:
  """Which columns of `jacobian_norm`, int [k, b], after the guards."""
  latents = jnp.asarray(latents)
  batch, num_latents = z.shape
  if latents.shape[1:] != (batch,) or not latents.size:
    raise ValueError(
      f'expected latents [k, b] beside z [b, D], k of 1 or more, got'
      f' {latents.shape} beside {z.shape}'
    )
  if not jnp.issubdtype(latents.dtype, jnp.integer):
    raise ValueError(f'latents must be integers, got {latents.dtype}')
  checks.check_indices('latents', latents, num_latents)
  return latents


def jl1_vae(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  beta: float | jax.Array,
  gamma: float | jax.Array,
  norm: jax.Array,
) -> objectives.Result:
  """The beta-VAE with the L1 norm of the decoder's Jacobian.

  mean_b nll + beta * mean_b KL + gamma * mean_b norm. beta = 1, gamma = 0 is
  the VAE.

  Args:
    nll: [B].
    z: [B, D].
    mean: [B, D].
    logvar: [B, D].
    beta: weight of the KL.
    gamma: weight of the norm.
    norm: `jacobian_norm` of the decoder at z [B].

  Raises:
    ValueError: wrong shapes.

  Source: Rhodes & Lee 2021 (arXiv:2106.02923).
  """
  checks.check_weights(gamma=gamma)
  checks.check_vector(norm=norm)
  checks.check_batch(norm=norm, z=z)
  (norm,) = checks.at_least_float32(norm)
  loss, terms = objectives.beta_vae(nll, z, mean, logvar, beta=beta)
  terms['jacobian_norm'] = jnp.mean(norm)
  return loss + gamma * terms['jacobian_norm'], terms


def wire(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """The VAE, with the Jacobian of its mean images at the sampled latents.

  The norm trains the decoder alone, as in the authors' code: the encoder is not
  drawn to where images hardly change.

  Option `num_columns`: of how many latents, drawn for each image, the norm is
  estimated; 0: of all, as in the paper.
  """
  num_columns = context.options['num_columns']

  def loss_fn(params, batch, key, hparams):
    key, column_key = jax.random.split(key)
    images = batch['images']
    mean, logvar = nets['encoder'](params['encoder'], images)
    posterior = wiring.decode(nets, params, images, mean, logvar, key, context)
    num_latents = mean.shape[1]
    checks.check_most(
      num_latents, 'the number of latents', num_columns=num_columns
    )
    shape = (context.batch_size, num_columns)
    drawn = jax.random.randint(column_key, shape, 0, num_latents)
    latents = context.shard(drawn).T
    if not num_columns:
      every = jnp.arange(num_latents)
      latents = jnp.tile(every[:, None], (1, images.shape[0]))
    decode = lambda z: jax.nn.sigmoid(nets['decoder'](params['decoder'], z))
    norm = jacobian_norm(decode, lax.stop_gradient(posterior.z), latents)
    posterior, norm = context.gather((posterior, norm))
    return loss(*posterior, **hparams, norm=norm)

  return loss_fn
