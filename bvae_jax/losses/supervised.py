"""Supervision from a few labels: the first latents pinned to the factors."""

import math

import jax
import jax.numpy as jnp

from bvae_jax.losses import checks, objectives

KINDS = ('bce', 'l2')


def supervised_penalty(
  mean: jax.Array, labels: jax.Array, *, kind: str = 'bce'
) -> jax.Array:
  """Distance of the first K latents from K factors, each latent its own.

  'bce', the paper's: mean_b sum_k softplus(m_k) - v_k m_k, the cross entropy
  of sigmoid(m_k) from v_k. 'l2': mean_b sum_k (m_k - sqrt(12) (v_k - 1/2))^2,
  where uniform labels have been given the prior's mean 0 and variance 1.

  It is a mean over the labelled batch, as nll and KL are over theirs. The
  authors' code takes the sum, so that its weight gamma is gamma * L here; and
  its l2 learns a factor of the latents instead of scaling the labels.

  Args:
    mean: posterior means of labelled images [L, D].
    labels: factors, each scaled to [0, 1], [L, K] with K <= D.
    kind: 'bce' or 'l2'.

  Returns:
    A scalar.

  Raises:
    ValueError: not rank 2, L differs, K > D, no label, concrete labels that
      leave [0, 1], integers under jit, or unknown kind.

  Source: Locatello et al. 2020 (arXiv:1905.01258), section 4, R_s.
  """
  checks.check_choice('kind', kind, KINDS)
  checks.check_posterior(mean=mean)
  checks.check_posterior(labels=labels)
  shape, (num_labels, num_factors) = jnp.shape(mean), jnp.shape(labels)
  if num_labels != shape[0] or num_factors > shape[1]:
    raise ValueError(
      'expected labels [L, K] beside mean [L, D] with K <= D, got labels'
      f' {jnp.shape(labels)} beside mean {shape}; num_latents must be at least'
      ' the number of labelled factors'
    )
  checks.check_unit_interval('labels', labels)
  checks.check_scaled('labels', labels, 'their number of values, less 1')
  mean, labels = checks.at_least_float32(mean, labels)
  pinned = mean[:, :num_factors]
  if kind == 'bce':
    penalty = jax.nn.softplus(pinned) - labels * pinned
  else:
    penalty = jnp.square(pinned - math.sqrt(12) * (labels - 0.5))
  return jnp.mean(jnp.sum(penalty, axis=1))


def semi_supervised(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  beta: float | jax.Array,
  gamma_sup: float | jax.Array,
  labelled_mean: jax.Array,
  labels: jax.Array,
  kind: str = 'bce',
) -> objectives.Result:
  """The beta-VAE whose first latents are pinned to factors by a few labels.

  mean_b nll + beta * mean_b KL + gamma_sup * `supervised_penalty`. beta = 1
  and gamma_sup = 0 is the VAE.

  Args:
    nll: [B].
    z: samples of the posteriors [B, D].
    mean: [B, D].
    logvar: [B, D].
    beta: weight of the KL.
    gamma_sup: weight of the supervision.
    labelled_mean: posterior means of labelled images [L, D].
    labels: their factors scaled to [0, 1], [L, K].
    kind: 'bce' or 'l2'.

  Returns:
    (loss, terms), with `supervised_penalty` in terms.

  Raises:
    ValueError: wrong shapes, labels that leave [0, 1], or unknown kind.

  Source: Locatello et al. 2020 (arXiv:1905.01258), section 4.
  """
  checks.check_weights(gamma_sup=gamma_sup)
  loss, terms = objectives.beta_vae(nll, z, mean, logvar, beta=beta)
  penalty = supervised_penalty(labelled_mean, labels, kind=kind)
  terms['supervised_penalty'] = penalty
  return loss + gamma_sup * penalty, terms
