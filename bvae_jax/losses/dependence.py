"""The total correlation that is made to be read: one estimate, with its error.

Minibatch estimates of the total correlation serve as penalties, not as figures:
of 256 points with 10 latents that are independent, at a log-variance of -4, the
stratified one reads 6.9 nats, at 6 latents and -3 it reads -2.6; the form that
is free of the data size lacks (D - 1) log(N B) and is negative throughout.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bvae_jax import draws
from bvae_jax.losses import checks

# Which term of a log line to show, and what to say beside it.
SHOWN_TC = 'total_correlation_gaussian'
SHOWN_TC_NOTE = (
  'Total correlation of samples by their linear correlations (Gaussian): 0 for '
  'independent codes; dependence that is not linear is not seen.'
)
MINIBATCH_NOTE = (
  'The minibatch estimates of the log are penalties: data_free lacks the '
  'constant (D − 1) log(N B), of D latents and N images in batches of B, so it '
  'is negative; MWS and MSS are biased by nats where posteriors are narrow.'
)


class TotalCorrelation(NamedTuple):
  """An estimate and its standard error, scalars in nats."""

  estimate: jax.Array
  error: jax.Array


def gaussian_total_correlation(
  key: jax.Array, z: jax.Array, *, num_permutations: int = 16
) -> TotalCorrelation:
  """Total correlation of a Gaussian with the correlations of the samples.

  T(z) - mean_p T(permuted z), T = -log det(R) / 2, R the correlation matrix of
  the batch. Each latent is permuted over the batch on its own, which leaves the
  bias of a finite batch alone, near D (D - 1) / (4 B); the spread of
  T(permuted z) is the standard error where latents are independent. A latent
  that does not vary correlates with none; NaN gives NaN.

  Args:
    key: a PRNG key.
    z: samples of q(z) [B, D], B > D; those of the posteriors, one an image.
    num_permutations: P, at least 2.

  Returns:
    The estimate, and its error std_p sqrt(1 + 1 / P).

  Raises:
    ValueError: not rank 2, B no greater than D, or P under 2.

  Source: Locatello et al. 2019, appendix (Gaussian total correlation); Kim &
    Mnih 2018, algorithm 1 (permutation).

  >>> z = jax.random.normal(jax.random.key(0), (500, 4))
  >>> estimate, error = gaussian_total_correlation(jax.random.key(1), z)
  >>> bool(abs(estimate) < 4 * error)
  True
  """
  checks.check_count('num_permutations', num_permutations, 2)
  checks.check_rank(2, z=z)
  checks.check_posterior(z=z, min_batch=jnp.shape(z)[1] + 1)
  (z,) = checks.at_least_float32(z)
  centred = z - jnp.mean(z, axis=0, keepdims=True)
  rounding = (
    8 * jnp.finfo(z.dtype).eps * jnp.max(jnp.abs(z), axis=0, keepdims=True)
  )
  variance = jnp.mean(jnp.square(centred), axis=0, keepdims=True)
  # That a NaN is not above 0 must not hide it: it varies.
  varies = ~(variance <= jnp.square(rounding))
  # No gradient at 0, where a root has an infinite one.
  scale = jnp.sqrt(jnp.where(varies, variance, 1.0))
  unit = jnp.where(varies, centred / scale, 0.0)
  shuffle = lambda key: draws.shuffle(key, unit)
  permuted = jax.lax.map(shuffle, jax.random.split(key, num_permutations))
  # One matrix at a time: `memory.Compiled` says what a batch of them does.
  without = jax.lax.map(_gaussian, jax.vmap(_correlation)(permuted))
  error = jnp.std(without, ddof=1) * math.sqrt(1 + 1 / num_permutations)
  estimate = _gaussian(_correlation(unit)) - jnp.mean(without)
  return TotalCorrelation(estimate, error)


def _correlation(unit: jax.Array) -> jax.Array:
  """R [D, D] of columns [B, D] of mean 0 and variance 1, or 0."""
  correlation = jnp.matmul(unit.T, unit, precision=jax.lax.Precision.HIGHEST)
  correlation = correlation / unit.shape[0]
  off_diagonal = correlation - jnp.diag(jnp.diagonal(correlation))
  identity = jnp.eye(unit.shape[1], dtype=unit.dtype)
  return identity + off_diagonal


def _gaussian(correlation: jax.Array) -> jax.Array:
  """-log det(R) / 2."""
  return -0.5 * jnp.linalg.slogdet(correlation)[1]
