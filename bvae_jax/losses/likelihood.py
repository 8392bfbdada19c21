"""Negative log likelihoods of images, in nats, summed over pixels.

Sums, never means over pixels: a mean would rescale beta by H*W*C and make it
incomparable with the literature.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from bvae_jax import shipped
from bvae_jax.losses import checks


def bernoulli_nll(logits: jax.Array, images: jax.Array) -> jax.Array:
  """Negative Bernoulli log likelihood of images under logits.

  sum_p softplus(l_p) - x_p l_p, which equals -sum_p x_p log sigmoid(l_p) +
  (1 - x_p) log sigmoid(-l_p). Grey values in (0, 1) are read as probabilities.

  Args:
    logits: decoder outputs [B, ...].
    images: targets in [0, 1], [B, ...].

  Returns:
    [B], nats.

  Raises:
    ValueError: shapes differ, concrete targets leave [0, 1] by more than
      rounding, or integers under jit, where nobody sees their range.

  Source: Kingma & Welling 2014, appendix C.1, eq. 11.

  >>> nll = bernoulli_nll(jnp.zeros((1, 28, 28, 1)), jnp.ones((1, 28, 28, 1)))
  >>> bool(jnp.isclose(nll[0], 28 * 28 * math.log(2)))
  True
  """
  checks.check_unit_interval('images', images)
  logits, images = _checked(logits, images)
  logits, images = _flat(logits), _flat(images)
  return jnp.sum(jax.nn.softplus(logits) - images * logits, axis=1)


def gaussian_nll(
  mean: jax.Array, images: jax.Array, *, scale: float | jax.Array = 1.0
) -> jax.Array:
  """Negative Gaussian log likelihood, with its normalising constant.

  sum_p (x_p - m_p)^2 / (2 s^2) + log s + log(2 pi) / 2. A learned scale is
  `scale=jnp.exp(log_scale)`: the constant keeps it from running off.

  Args:
    mean: decoder outputs [B, ...].
    images: targets, any real numbers, [B, ...].
    scale: standard deviation s > 0, a scalar or broadcastable to the images.

  Returns:
    [B], nats.

  Raises:
    ValueError: shapes differ, a concrete target is not finite, a concrete
      scale is not positive, or integers under jit.

  Source: Kingma & Welling 2014, appendix C.2, eq. 12.
  """
  checks.check_finite('images', images)
  mean, images = _checked(mean, images)
  checks.check_positive('scale', scale)
  log_scale = jnp.log(jnp.asarray(scale, mean.dtype))
  log_scale = _flat(jnp.broadcast_to(log_scale, mean.shape))
  squared = jnp.square((_flat(images) - _flat(mean)) * jnp.exp(-log_scale))
  terms = 0.5 * squared + log_scale + 0.5 * math.log(2 * math.pi)
  return jnp.sum(terms, axis=1)


def _checked(
  outputs: jax.Array, images: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Both as one float type of at least 32 bits, after the guards."""
  checks.check_rank(jnp.ndim(outputs), outputs=outputs, images=images)
  shape = jnp.shape(images)
  if len(shape) < 2 or 0 in shape:
    raise ValueError(f'expected [B, ...] images, none empty, got {shape}')
  checks.check_scaled('images', images, '255')
  outputs, images = checks.at_least_float32(outputs, images)
  return outputs, images


def _flat(values: jax.Array) -> jax.Array:
  """[B, P] of [B, ...]: XLA on CPUs is slow at sums over an axis of size 1."""
  return values.reshape(values.shape[0], -1)


def _bernoulli(
  params: Mapping[str, Any], logits: jax.Array, images: jax.Array
) -> jax.Array:
  del params
  return bernoulli_nll(logits, images)


def _gaussian(
  params: Mapping[str, Any], logits: jax.Array, images: jax.Array
) -> jax.Array:
  """Unit scale, or the learned one of all pixels: params['likelihood']."""
  log_scale = params.get('likelihood', {'log_scale': 0.0})['log_scale']
  return gaussian_nll(jax.nn.sigmoid(logits), images, scale=jnp.exp(log_scale))


# What a config may name: (params, logits, images) -> [B]. A decoder gives
# logits under each of them: the mean of its images is their sigmoid.
LIKELIHOODS: dict[str, Callable[..., jax.Array]] = {
  'bernoulli': _bernoulli,
  'gaussian': _gaussian,
  'gaussian_learned': _gaussian,
}
shipped.keep(LIKELIHOODS)
