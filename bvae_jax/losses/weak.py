"""Weak supervision from pairs of images that share some of their factors.

Without supervision of any kind disentanglement cannot be identified
(Locatello et al. 2019, theorem 1); from such pairs it can, under the
assumptions of Locatello et al. 2020 (arXiv:2002.02886).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bvae_jax.losses import checks, divergence

KINDS = ('gvae', 'mlvae')


class PairPosterior(NamedTuple):
  """Posteriors of both images, equal where `shared`; all [B, D]."""

  mean: jax.Array
  logvar: jax.Array
  pair_mean: jax.Array
  pair_logvar: jax.Array
  shared: jax.Array


def aggregate_pair(
  mean: jax.Array,
  logvar: jax.Array,
  pair_mean: jax.Array,
  pair_logvar: jax.Array,
  *,
  kind: str,
) -> PairPosterior:
  """Finds the latents that a pair shares, and gives them one posterior.

  delta_d = KL(q(z_d | x) || q(z_d | x')); latent d is shared where delta_d <
  (min delta + max delta) / 2 of its pair. Its posterior becomes, by `kind`:
  'gvae', N of the mean of both means and the mean of both variances;
  'mlvae', the product of both densities: precisions add up, and the mean is
  weighted by them, as in the ML-VAE of Bouchacourt et al. 2018 (the authors'
  code doubles that variance).

  Args:
    mean: [B, D].
    logvar: [B, D], log of the variance.
    pair_mean: [B, D], of the other image.
    pair_logvar: [B, D].
    kind: 'gvae' or 'mlvae'.

  Returns:
    A PairPosterior. No gradient flows through the choice of the shared.

  Raises:
    ValueError: not rank 2, shapes differ, or unknown kind.

  Source: Locatello et al. 2020 (arXiv:2002.02886), Ada-GVAE and
  Ada-ML-VAE.
  """
  checks.check_posterior(
    mean=mean, logvar=logvar, pair_mean=pair_mean, pair_logvar=pair_logvar
  )
  checks.check_choice('kind', kind, KINDS)
  mean, logvar, pair_mean, pair_logvar = checks.at_least_float32(
    mean, logvar, pair_mean, pair_logvar
  )
  ratio = logvar - pair_logvar
  shift = divergence.scaled_square(mean - pair_mean, pair_logvar)
  delta = 0.5 * (jnp.expm1(ratio) - ratio + shift)
  low = jnp.min(delta, axis=1, keepdims=True)
  high = jnp.max(delta, axis=1, keepdims=True)
  shared = delta < 0.5 * (low + high)
  if kind == 'gvae':
    weight = 0.5
    both_logvar = jnp.logaddexp(logvar, pair_logvar) - math.log(2)
  else:
    weight = jax.nn.sigmoid(-ratio)
    both_logvar = -jnp.logaddexp(-logvar, -pair_logvar)
  both_mean = weight * mean + (1 - weight) * pair_mean
  return PairPosterior(
    jnp.where(shared, both_mean, mean),
    jnp.where(shared, both_logvar, logvar),
    jnp.where(shared, both_mean, pair_mean),
    jnp.where(shared, both_logvar, pair_logvar),
    shared,
  )
