"""Pure functions of arrays: likelihoods, divergences, objectives.

Nats; B batch, D latents; hyperparameters are keyword-only and may be traced.
"""

from bvae_jax.losses.divergence import gaussian_kl, reparameterize
from bvae_jax.losses.likelihood import (
  LIKELIHOODS,
  bernoulli_nll,
  gaussian_nll,
)
from bvae_jax.losses.objectives import (
  OBJECTIVES,
  Objective,
  annealed_vae,
  beta_tcvae,
  beta_vae,
  vae,
)
from bvae_jax.losses.programs import Context
from bvae_jax.losses.total_correlation import (
  KLDecomposition,
  kl_decomposition,
  total_correlation,
)

__all__ = [
  'LIKELIHOODS',
  'OBJECTIVES',
  'Context',
  'KLDecomposition',
  'Objective',
  'annealed_vae',
  'bernoulli_nll',
  'beta_tcvae',
  'beta_vae',
  'gaussian_kl',
  'gaussian_nll',
  'kl_decomposition',
  'reparameterize',
  'total_correlation',
  'vae',
]
