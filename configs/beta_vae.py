"""beta-VAE on dSprites (Higgins et al. 2017).

    python -m bvae_jax.main --config=configs/beta_vae.py:quick
    python -m bvae_jax.main --config=configs/beta_vae.py

The quick preset has a quarter of the pixels, so that its beta of 4 weighs the
KL as 16 does at 64x64.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('beta_vae', preset)
