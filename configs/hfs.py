"""Hausdorff factorised support (HFS; Roth et al. 2023, arXiv:2210.07347).

    python -m bvae_jax.main --config=configs/hfs.py:quick
    python -m bvae_jax.main --config=configs/hfs.py

Every combination of two latents' values should be a code; latents need not be
independent. Made for data whose factors are correlated:
`--config.dataset.correlated="('x','y')"`.

Quick's weights are not tuned and its scores not measured: a step takes three
times as long as that of a beta-VAE.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('hfs', preset)
  if preset == 'quick':
    config.hparams = {'beta': 4.0, 'gamma': 10.0, 'delta': 0.0}
  return config
