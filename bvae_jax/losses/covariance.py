"""The moments of the aggregate posterior, pulled towards the prior's."""

import jax
import jax.numpy as jnp

from bvae_jax.losses import checks

KINDS = ('i', 'ii')


def covariance_penalty(
  mean: jax.Array,
  logvar: jax.Array,
  *,
  lambda_od: float | jax.Array,
  lambda_d: float | jax.Array,
  kind: str,
) -> jax.Array:
  """Squared distance of a covariance from the identity.

  lambda_od * sum_{i != j} C_ij^2 + lambda_d * sum_i (C_ii - 1)^2, where
  kind 'i' takes C = Cov_x[mean(x)] and kind 'ii' the covariance of z itself,
  C = E_x[diag variance(x)] + Cov_x[mean(x)]. Cov_x is that of the batch, over
  B and not B - 1.

  Args:
    mean: [B, D].
    logvar: [B, D], log of the variance; 'i' does not look at it.
    lambda_od: weight off the diagonal.
    lambda_d: weight on the diagonal.
    kind: 'i' or 'ii'.

  Returns:
    A scalar.

  Raises:
    ValueError: not rank 2, shapes differ, B = 1, or unknown kind.

  Source: Kumar et al. 2018, eq. 6 (i) and 7 (ii).
  """
  checks.check_posterior(mean=mean, logvar=logvar, min_batch=2)
  checks.check_choice('kind', kind, KINDS)
  checks.check_weights(lambda_od=lambda_od, lambda_d=lambda_d)
  mean, logvar = checks.at_least_float32(mean, logvar)
  centred = mean - jnp.mean(mean, axis=0, keepdims=True)
  covariance = jnp.matmul(
    centred.T, centred, precision=jax.lax.Precision.HIGHEST
  )
  covariance = covariance / mean.shape[0]
  diagonal = jnp.diagonal(covariance)
  off_diagonal = covariance - jnp.diag(diagonal)
  if kind == 'ii':
    diagonal = diagonal + jnp.mean(jnp.exp(logvar), axis=0)
  return lambda_od * jnp.sum(jnp.square(off_diagonal)) + lambda_d * jnp.sum(
    jnp.square(diagonal - 1)
  )
