"""The diagonal Gaussian posterior: its density, its KL, its samples."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from bvae_jax import draws
from bvae_jax.losses import checks

COLLAPSED = 0.01  # nats; a latent with a mean KL under it carries nothing


def gaussian_kl(mean: jax.Array, logvar: jax.Array) -> jax.Array:
  """KL of each latent's posterior from the standard normal prior.

  KL(N(m, e^v) || N(0, 1)) = (m^2 + e^v - 1 - v) / 2.

  Args:
    mean: [B, D].
    logvar: [B, D], log of the variance.

  Returns:
    [B, D], nats, at least float32; sum over the last axis for that of a point.

  Raises:
    ValueError: not rank 2, or shapes differ.

  Source: Kingma & Welling 2014, appendix B.

  >>> gaussian_kl(jnp.array([[0.0, 2.0]]), jnp.zeros((1, 2))).tolist()
  [[0.0, 2.0]]
  """
  checks.check_posterior(mean=mean, logvar=logvar)
  mean, logvar = checks.at_least_float32(mean, logvar)
  # expm1 keeps the digits of a collapsed latent, where e^v - 1 cancels.
  return 0.5 * (jnp.square(mean) + jnp.expm1(logvar) - logvar)


def reparameterize(
  key: jax.Array, mean: jax.Array, logvar: jax.Array
) -> jax.Array:
  """A sample of the posterior through which gradients flow.

  z = m + e^(v/2) * eps, eps ~ N(0, 1).

  Args:
    key: a PRNG key.
    mean: [B, D].
    logvar: [B, D], log of the variance.

  Returns:
    [B, D], of at least float32.

  Raises:
    ValueError: not rank 2, or shapes differ.

  Source: Kingma & Welling 2014, section 2.4.
  """
  checks.check_posterior(mean=mean, logvar=logvar)
  mean, logvar = checks.at_least_float32(mean, logvar)
  noise = draws.normal(key, mean.shape, mean.dtype)
  return mean + jnp.exp(0.5 * logvar) * noise


def gaussian_log_density(
  z: jax.Array, mean: jax.Array | float = 0.0, logvar: jax.Array | float = 0.0
) -> jax.Array:
  """log N(z; mean, e^logvar) of each entry, broadcasting; the prior's bare."""
  squared = scaled_square(z - mean, logvar)
  return -0.5 * (squared + logvar + math.log(2 * math.pi))


def scaled_square(distance: jax.Array, logvar: jax.Array | float) -> jax.Array:
  """distance^2 e^-logvar, finite however small the variance, broadcasting.

  Where e^-logvar would overflow, its root goes to the distance first; and a
  distance whose square would overflow is held, its density being 0 all the
  same. Elsewhere both change no bit.
  """
  largest = math.log(float(jnp.finfo(distance.dtype).max))
  limit = largest - 12
  still = lax.stop_gradient(jnp.asarray(logvar, distance.dtype))
  clipped = jnp.maximum(still, -limit)
  root = jnp.exp(0.5 * jnp.minimum(clipped - still, limit))
  bound = jnp.exp(0.5 * (largest - 2 + clipped))
  distance = jnp.clip(distance * root, -bound, bound)
  # The value of `clipped`, the gradient of `logvar`.
  return jnp.square(distance) * jnp.exp(-(logvar + (clipped - still)))
