"""Tripod on dSprites (Hsu et al. 2024, arXiv:2404.10282).

    python -m bvae_jax.main --config=configs/tripod.py:quick
    python -m bvae_jax.main --config=configs/tripod.py

An autoencoder whose latents each take one of twelve fixed values, with a
penalty of their dependence and one of what they do to an image together. The
weights are the authors' on 3D Shapes; on other sets theirs go down to a
millionth of these. On dSprites, whose likelihood weighs less, the Hessian's
leaves one latent active of ten at 0.001 (beside a multiinformation of 1e-5),
three at 1e-5 and all at 1e-7 (seed 100, `--config.grid.hessian`).
The paper's networks, whose decoder gives each latent a layer of its own, are
not here.

Expected of quick: one seed in three learns nothing but the mean image (nll 141,
no latent active), without penalties too: its codes start in one cell of the
grid and stay there. The other two of seeds 0 to 2 have 4 and 3 latents active,
MIG 0.04 and 0.01, FactorVAE score 0.46 and 0.29, nll 29.4 and 34.2 nats; seed
100, on which the weights were chosen by nll, MIG 0.04, 0.56 and 22.0. QLAE,
whose values move, is the better choice here.
"""

from configs import common


def get_config(preset: str = ''):
  """Adam at 2e-4; or a quick one."""
  config = common.get('tripod', preset)
  config.metrics = common.DISCRETE
  if preset:
    config.decoder = 'mlp_small_tanh'
    config.hparams = {'multiinformation': 3.0, 'hessian': 0.001}
  else:
    config.learning_rate = 2e-4
  return config
