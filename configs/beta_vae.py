"""beta-VAE on dSprites (Higgins et al. 2017).

    python -m bvae_jax.main --config=configs/beta_vae.py:quick
    python -m bvae_jax.main --config=configs/beta_vae.py

The quick preset has a quarter of the pixels, so that its beta of 6 weighs the
KL as 24 does at 64x64; it is the best of eight on seeds 100 and 101
(docs/tuning.md).

Expected of quick, medians over its three seeds: MIG 0.13, FactorVAE score
0.56, SAP 0.02, ELBO -45.0 nats; one to two minutes on two cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('beta_vae', preset)
  if preset == 'quick':
    config.hparams = {'beta': 6.0}
  return config
