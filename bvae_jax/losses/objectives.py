"""The objectives of the family, each a pure function of arrays.

All take nll [B] and z, mean, logvar [B, D] of a batch and return
`(loss, terms)`: the loss a scalar in nats, to be minimised, and `terms` a dict
that holds the batch means `nll`, `kl` and `elbo`, `kl_per_latent` [D], and the
objective's own. Hyperparameters are one number each, and may be traced: an
array of them, or what is no number, is a ValueError too.
"""

import jax
import jax.numpy as jnp

from bvae_jax.losses import adversarial, checks, covariance, divergence
from bvae_jax.losses.total_correlation import (
  ESTIMATORS,
  kl_decomposition,
  total_correlation,
)

Result = tuple[jax.Array, dict[str, jax.Array]]


def vae(
  nll: jax.Array, z: jax.Array, mean: jax.Array, logvar: jax.Array
) -> Result:
  """The negative evidence lower bound.

  mean_b nll + mean_b sum_d KL.

  Raises:
    ValueError: nll is not [B], or z, mean, logvar not [B, D] alike.

  Source: Kingma & Welling 2014 (arXiv:1312.6114), eq. 10.
  """
  terms = base_terms(nll, z, mean, logvar)
  return -terms['elbo'], terms


def beta_vae(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  beta: float | jax.Array,
) -> Result:
  """The evidence lower bound with a weighted KL.

  mean_b nll + beta * mean_b KL.

  Raises:
    ValueError: nll is not [B], or z, mean, logvar not [B, D] alike.

  Source: Higgins et al. 2017 (openreview Sy2fzU9gl), eq. 4.

  >>> nll, mean, logvar = jnp.ones(3), jnp.ones((3, 2)), jnp.zeros((3, 2))
  >>> loss, terms = beta_vae(nll, mean, mean, logvar, beta=4.0)
  >>> float(loss), float(terms['kl']), float(terms['elbo'])
  (5.0, 1.0, -2.0)
  """
  terms = base_terms(nll, z, mean, logvar)
  checks.check_weights(beta=beta)
  return terms['nll'] + beta * terms['kl'], terms


def annealed_vae(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  gamma: float | jax.Array,
  capacity: float | jax.Array,
) -> Result:
  """A channel held at a capacity, to be opened by a schedule.

  mean_b nll + gamma * | mean_b KL - C |, C in nats: the absolute value of the
  mean, not the mean of absolute values. gamma = 1, C = 0 is the VAE.

  Raises:
    ValueError: nll is not [B], or z, mean, logvar not [B, D] alike.

  Source: Burgess et al. 2018 (arXiv:1804.03599), eq. 8.
  """
  terms = base_terms(nll, z, mean, logvar)
  checks.check_weights(gamma=gamma, capacity=capacity)
  return terms['nll'] + gamma * jnp.abs(terms['kl'] - capacity), terms


def beta_tcvae(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  beta: float | jax.Array,
  gamma: float | jax.Array = 1.0,
  capacity: float | jax.Array = 0.0,
  estimator: str = 'data_free',
  dataset_size: int | None = None,
) -> Result:
  """The VAE with a weighted total correlation.

  mean_b nll + gamma * | mean_b KL - C | + (beta - 1) * TC. With gamma = 1 and
  C = 0 it is the paper's, nll + MI + beta TC + sum_d KL_d, its KL in closed
  form; gamma and C, as in the annealed VAE, let a narrow channel open slowly
  under the total correlation. beta = 1 besides is the VAE.

  Args:
    nll: [B].
    z: samples of the posteriors [B, D].
    mean: [B, D].
    logvar: [B, D].
    beta: weight of the total correlation.
    gamma: weight of the KL's distance from the capacity.
    capacity: C, nats.
    estimator: 'data_free', 'mws' or 'mss'; the first two have one gradient.
    dataset_size: N, for 'mws' and 'mss'.

  Returns:
    (loss, terms), with the estimate as `total_correlation` in terms.

  Raises:
    ValueError: wrong shapes, B = 1, unknown estimator, or a dataset_size that
      'mws' or 'mss' miss.

  Source: Chen et al. 2018 (arXiv:1802.04942), eq. 4; gamma and C from Burgess
  et al. 2018, eq. 8.
  """
  loss, terms = annealed_vae(
    nll, z, mean, logvar, gamma=gamma, capacity=capacity
  )
  valid = ('data_free', *ESTIMATORS)
  checks.check_choice('estimator', estimator, valid)
  if estimator == 'data_free':
    correlation = total_correlation(z, mean, logvar)
  else:
    correlation = kl_decomposition(
      z, mean, logvar, dataset_size=dataset_size, estimator=estimator
    ).total_correlation
  terms['total_correlation'] = correlation
  checks.check_weights(beta=beta)
  return loss + (beta - 1) * correlation, terms


def factor_vae(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  gamma: float | jax.Array,
  kl_weight: float | jax.Array = 1.0,
  capacity: float | jax.Array = 0.0,
  joint_logits: jax.Array,
) -> Result:
  """The VAE with the total correlation that a discriminator sees.

  mean_b nll + kl_weight * | mean_b KL - C | + gamma * mean_b (l_0 - l_1). The
  discriminator's own loss is `discriminator_loss`. kl_weight = 1 and C = 0 is
  the paper's objective, and gamma = 0 besides the VAE.

  Args:
    nll: [B].
    z: samples of the posteriors [B, D].
    mean: [B, D].
    logvar: [B, D].
    gamma: weight of the total correlation.
    kl_weight: weight of the KL's distance from the capacity.
    capacity: C, nats.
    joint_logits: discriminator of z [B, 2], differentiable in z and constant in
      the discriminator's parameters.

  Returns:
    (loss, terms), with the estimate as `total_correlation` in terms.

  Raises:
    ValueError: wrong shapes.

  Source: Kim & Mnih 2018 (arXiv:1802.05983), eq. 2 and 3; C from Burgess et al.
  2018, eq. 8.
  """
  checks.check_weights(kl_weight=kl_weight, gamma=gamma)
  loss, terms = annealed_vae(
    nll, z, mean, logvar, gamma=kl_weight, capacity=capacity
  )
  checks.check_batch(joint_logits=joint_logits, z=z)
  correlation = adversarial.density_ratio_tc(joint_logits)
  terms['total_correlation'] = correlation
  return loss + gamma * correlation, terms


def dip_vae(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  lambda_od: float | jax.Array,
  lambda_d: float | jax.Array,
  kl_weight: float | jax.Array = 1.0,
  capacity: float | jax.Array = 0.0,
  kind: str,
) -> Result:
  """The VAE with a penalty on the covariance of the aggregate posterior.

  mean_b nll + kl_weight * | mean_b KL - C | + `covariance_penalty`, C in nats.
  kl_weight = 1 and C = 0 is the paper's objective, and both lambdas 0 besides
  the VAE.

  Raises:
    ValueError: wrong shapes, B = 1, or unknown kind.

  Source: Kumar et al. 2018 (arXiv:1711.00848), eq. 6 (kind 'i') and 7 (kind
  'ii'); C from Burgess et al. 2018, eq. 8.
  """
  checks.check_weights(kl_weight=kl_weight)
  loss, terms = annealed_vae(
    nll, z, mean, logvar, gamma=kl_weight, capacity=capacity
  )
  penalty = covariance.covariance_penalty(
    mean, logvar, lambda_od=lambda_od, lambda_d=lambda_d, kind=kind
  )
  terms['covariance_penalty'] = penalty
  return loss + penalty, terms


def base_terms(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  kl: jax.Array | None = None,
) -> dict[str, jax.Array]:
  """What every objective logs; the KL [B, D] is the Gaussian's by default."""
  checks.check_posterior(nll=nll, z=z, mean=mean, logvar=logvar)
  (nll,) = checks.at_least_float32(nll)
  kl = divergence.gaussian_kl(mean, logvar) if kl is None else kl
  kl_per_latent = jnp.mean(kl, axis=0)
  nll, kl = jnp.mean(nll), jnp.sum(kl_per_latent)
  return {
    'nll': nll,
    'kl': kl,
    'elbo': -(nll + kl),
    'kl_per_latent': kl_per_latent,
  }
