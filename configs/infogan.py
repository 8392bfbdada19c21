"""InfoGAN on dSprites (Chen et al. 2016, arXiv:1606.03657).

    python -m bvae_jax.main --config=configs/infogan.py:quick
    python -m bvae_jax.main --config=configs/infogan.py

The GAN of the comparison; its Q head is its encoder, so that codes, scores and
traversals read like those of the others.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('infogan', preset)
