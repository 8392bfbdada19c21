"""The objectives of the family, each a pure function of arrays, and OBJECTIVES.

All take nll [B] and z, mean, logvar [B, D] of a batch and return
`(loss, terms)`: the loss a scalar in nats, to be minimised, and `terms` a dict
that holds the batch means `nll`, `kl` and `elbo`, `kl_per_latent` [D], and the
objective's own. Hyperparameters may be traced.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bvae_jax.losses import checks, divergence, programs
from bvae_jax.losses import total_correlation as tc

Result = tuple[jax.Array, dict[str, jax.Array]]


def vae(
  nll: jax.Array, z: jax.Array, mean: jax.Array, logvar: jax.Array
) -> Result:
  """The negative evidence lower bound.

  mean_b nll + mean_b sum_d KL.

  Raises:
    ValueError: nll is not [B], or z, mean, logvar not [B, D] alike.

  Source: Kingma & Welling 2014, eq. 10.
  """
  terms = _terms(nll, z, mean, logvar)
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

  Source: Higgins et al. 2017, eq. 4.
  """
  terms = _terms(nll, z, mean, logvar)
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

  Source: Burgess et al. 2018, eq. 8.
  """
  terms = _terms(nll, z, mean, logvar)
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

  Source: Chen et al. 2018, eq. 4; gamma and C from Burgess et al. 2018, eq. 8.
  """
  loss, terms = annealed_vae(
    nll, z, mean, logvar, gamma=gamma, capacity=capacity
  )
  valid = ('data_free', *tc.ESTIMATORS)
  checks.check_choice('estimator', estimator, valid)
  if estimator == 'data_free':
    correlation = tc.total_correlation(z, mean, logvar)
  else:
    correlation = tc.kl_decomposition(
      z, mean, logvar, dataset_size=dataset_size, estimator=estimator
    ).total_correlation
  terms['total_correlation'] = correlation
  return loss + (beta - 1) * correlation, terms


def _terms(
  nll: jax.Array, z: jax.Array, mean: jax.Array, logvar: jax.Array
) -> dict[str, jax.Array]:
  """What every objective logs, after the guards that all share."""
  checks.check_posterior(nll=nll, z=z, mean=mean, logvar=logvar)
  kl_per_latent = jnp.mean(divergence.gaussian_kl(mean, logvar), axis=0)
  nll, kl = jnp.mean(nll), jnp.sum(kl_per_latent)
  return {
    'nll': nll,
    'kl': kl,
    'elbo': -(nll + kl),
    'kl_per_latent': kl_per_latent,
  }


class Objective(NamedTuple):
  """An entry of OBJECTIVES.

  Attributes:
    loss: the public pure function.
    hparams: its traced hyperparameters, with the paper's values.
    options: static choices of the loss, the program and the sampler.
    networks: the names of the networks that it trains.
    batch: what the sampler draws: 'images'; 'two_batches' (with an independent
      'second_images'); 'pairs' (with 'pair_images', some factors changed);
      'labelled' (with 'labelled_images' [L, ...], 'labels' [L, K] in [0, 1]).
    program: wires the loss to the networks.
  """

  loss: Callable[..., Result]
  hparams: Mapping[str, float] = {}
  options: Mapping[str, Any] = {}
  networks: tuple[str, ...] = ('encoder', 'decoder')
  batch: str = 'images'
  program: Callable[..., Result] = programs.vae


OBJECTIVES: dict[str, Objective] = {
  'vae': Objective(vae),
  'beta_vae': Objective(beta_vae, {'beta': 4.0}),
  'annealed_vae': Objective(annealed_vae, {'gamma': 1000.0, 'capacity': 25.0}),
  'beta_tcvae': Objective(
    beta_tcvae,
    {'beta': 6.0, 'gamma': 1.0, 'capacity': 0.0},
    {'estimator': 'data_free'},
    program=programs.tcvae,
  ),
}
