"""DIP-VAE-II on dSprites (Kumar et al. 2018, arXiv:1711.00848, eq. 7).

    python -m bvae_jax.main --config=configs/dip_vae_ii.py:quick
    python -m bvae_jax.main --config=configs/dip_vae_ii.py

Penalises the covariance of the aggregate posterior: that of the means, plus
the mean of the variances.

Expected of quick, medians over its three seeds: MIG 0.08, FactorVAE score
0.57, SAP 0.04, ELBO -38.3 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('dip_vae_ii', preset)
  if preset == 'quick':
    config.hparams.update({'lambda_od': 5.0, 'lambda_d': 5.0})
  return config
