"""Pure functions of arrays: likelihoods, divergences, objectives.

Nats; B batch, D latents; hyperparameters are keyword-only and may be traced.
"""

from bvae_jax.losses.adversarial import (
  density_ratio_tc,
  discriminator_accuracy,
  discriminator_loss,
  gan_discriminator_loss,
  gan_generator_loss,
  permute_dims,
)
from bvae_jax.losses.control import control_vae
from bvae_jax.losses.covariance import covariance_penalty
from bvae_jax.losses.dependence import (
  MINIBATCH_NOTE,
  SHOWN_TC,
  SHOWN_TC_NOTE,
  TotalCorrelation,
  gaussian_total_correlation,
)
from bvae_jax.losses.divergence import COLLAPSED, gaussian_kl, reparameterize
from bvae_jax.losses.gridded import (
  hessian_share,
  latent_multiinformation,
  tripod,
)
from bvae_jax.losses.information import (
  code_entropy,
  code_kl,
  code_nll,
  infogan,
  sample_posterior,
  sample_prior,
)
from bvae_jax.losses.jacobian import jacobian_norm, jl1_vae
from bvae_jax.losses.likelihood import LIKELIHOODS, bernoulli_nll, gaussian_nll
from bvae_jax.losses.objectives import (
  annealed_vae,
  beta_tcvae,
  beta_vae,
  dip_vae,
  factor_vae,
  vae,
)
from bvae_jax.losses.points import ae, qlae
from bvae_jax.losses.registry import OBJECTIVES, Objective, Role
from bvae_jax.losses.supervised import semi_supervised, supervised_penalty
from bvae_jax.losses.support import factorised_support, hfs
from bvae_jax.losses.total_correlation import (
  ESTIMATORS,
  KLDecomposition,
  kl_decomposition,
  total_correlation,
)
from bvae_jax.losses.weak import PairPosterior, aggregate_pair
from bvae_jax.losses.wiring import Context

__all__ = [
  'COLLAPSED',
  'ESTIMATORS',
  'LIKELIHOODS',
  'OBJECTIVES',
  'Context',
  'KLDecomposition',
  'MINIBATCH_NOTE',
  'Objective',
  'PairPosterior',
  'Role',
  'SHOWN_TC',
  'SHOWN_TC_NOTE',
  'TotalCorrelation',
  'ae',
  'aggregate_pair',
  'annealed_vae',
  'bernoulli_nll',
  'beta_tcvae',
  'beta_vae',
  'code_entropy',
  'code_kl',
  'code_nll',
  'control_vae',
  'covariance_penalty',
  'density_ratio_tc',
  'dip_vae',
  'discriminator_accuracy',
  'discriminator_loss',
  'factor_vae',
  'factorised_support',
  'gan_discriminator_loss',
  'gan_generator_loss',
  'gaussian_kl',
  'gaussian_nll',
  'gaussian_total_correlation',
  'hessian_share',
  'hfs',
  'infogan',
  'jacobian_norm',
  'jl1_vae',
  'kl_decomposition',
  'latent_multiinformation',
  'permute_dims',
  'qlae',
  'reparameterize',
  'sample_posterior',
  'sample_prior',
  'semi_supervised',
  'supervised_penalty',
  'total_correlation',
  'tripod',
  'vae',
]
