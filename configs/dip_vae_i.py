"""DIP-VAE-I on dSprites (Kumar et al. 2018, arXiv:1711.00848, eq. 6).

    python -m bvae_jax.main --config=configs/dip_vae_i.py:quick
    python -m bvae_jax.main --config=configs/dip_vae_i.py

Penalises the covariance of the posterior means.

Expected of quick, medians over its three seeds: MIG 0.04, FactorVAE score
0.57, SAP 0.02, ELBO -41.3 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('dip_vae_i', preset)
  if preset == 'quick':
    config.hparams.update({'lambda_od': 5.0, 'lambda_d': 50.0})
  return config
