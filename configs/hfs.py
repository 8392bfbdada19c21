"""Hausdorff factorised support (HFS; Roth et al. 2023, arXiv:2210.07347).

    python -m bvae_jax.main --config=configs/hfs.py:quick
    python -m bvae_jax.main --config=configs/hfs.py

Every combination of two latents' values should be a code; latents need not be
independent. Made for data whose factors are correlated:
`--config.dataset.correlated="('x','y')"`.

Quick's weights are the best of four settings on seed 100: MIG 0.09, FactorVAE
score 0.57, ELBO -43.1 nats, about what a beta-VAE has; with a hundred times the
weight of the support and none of the spread, codes shrink and nothing is
learned. A step takes three times as long as that of a beta-VAE.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('hfs', preset)
  if preset == 'quick':
    config.hparams = {'beta': 4.0, 'gamma': 0.1, 'delta': 1.0}
  return config
