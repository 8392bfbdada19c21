"""The diagonal Gaussian posterior: its density, its KL, its samples."""

import math

import jax
import jax.numpy as jnp

from bvae_jax.losses import checks

COLLAPSED = 0.01  # nats; a latent with a mean KL under it carries nothing


def gaussian_kl(mean: jax.Array, logvar: jax.Array) -> jax.Array:
  """KL of each latent's posterior from the standard normal prior.

  KL(N(m, e^v) || N(0, 1)) = (m^2 + e^v - 1 - v) / 2.

  Args:
    mean: [B, D].
    logvar: [B, D], log of the variance.

  Returns:
    [B, D], nats; sum over the last axis for the KL of a point.

  Raises:
    ValueError: not rank 2, or shapes differ.

  Source: Kingma & Welling 2014, appendix B.
  """
  checks.check_posterior(mean=mean, logvar=logvar)
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
    [B, D].

  Raises:
    ValueError: not rank 2, or shapes differ.

  Source: Kingma & Welling 2014, section 2.4.
  """
  checks.check_posterior(mean=mean, logvar=logvar)
  noise = jax.random.normal(key, mean.shape, mean.dtype)
  return mean + jnp.exp(0.5 * logvar) * noise


def gaussian_log_density(
  z: jax.Array, mean: jax.Array | float = 0.0, logvar: jax.Array | float = 0.0
) -> jax.Array:
  """log N(z; mean, e^logvar) of each entry, broadcasting; the prior's bare."""
  squared = jnp.square(z - mean) * jnp.exp(-logvar)
  return -0.5 * (squared + logvar + math.log(2 * math.pi))
