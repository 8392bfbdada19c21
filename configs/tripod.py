"""Tripod on dSprites (Hsu et al. 2024, arXiv:2404.10282).

    python -m bvae_jax.main --config=configs/tripod.py:quick
    python -m bvae_jax.main --config=configs/tripod.py

An autoencoder whose latents each take one of twelve fixed values, with a
penalty of their dependence and one of what they do to an image together. The
weights are the authors' on 3D Shapes; on other sets theirs go down to a
millionth of these. On dSprites, whose likelihood weighs less, they leave one or
two latents active: quick has a hundredth of both, which was not tried yet. The
paper's networks, whose decoder gives each latent a layer of its own, are not
here.
"""

from configs import common


def get_config(preset: str = ''):
  """Adam at 2e-4; or a quick one."""
  config = common.get('tripod', preset)
  config.metrics = common.DISCRETE
  if preset:  # a hundredth of the weights of 64x64 pixels, for 32x32
    config.hparams = {'multiinformation': 0.001, 'hessian': 0.1}
  else:
    config.learning_rate = 2e-4
  return config
