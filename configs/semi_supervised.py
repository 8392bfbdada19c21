"""Semi-supervised VAE on dSprites (Locatello et al. 2020, arXiv:1905.01258).

    python -m bvae_jax.main --config=configs/semi_supervised.py:quick
    python -m bvae_jax.main --config=configs/semi_supervised.py

`options.num_labels` labelled images (100 or 1000) pin the first latents to the
factors.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('semi_supervised', preset)
