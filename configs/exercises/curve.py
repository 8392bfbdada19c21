"""Exercise 3: what disentanglement costs in reconstruction.

    python -m bvae_jax.main --config=configs/exercises/curve.py:quick
    python -m bvae_jax.main --config=configs/exercises/curve.py

One population of beta-VAEs over beta, in one program; its page draws the
reconstruction against each score, a point a member and a line through the
means. The quick preset has 32x32 images, a quarter of the pixels, so that its
beta of 0.25 to 4 weighs the KL as 1 to 16 do at 64x64: two seeds of 6,000
steps, two minutes and a half on two cores. The bare config has ten seeds.
"""

from configs import common

_BETA = (1.0, 2.0, 4.0, 6.0, 8.0, 16.0)


def get_config(preset: str = ''):
  """Six values of beta times the seeds."""
  config = common.get('beta_vae', preset)
  config.grid.beta = tuple(b / 4 for b in _BETA) if preset else _BETA
  config.seeds = (0, 1) if preset else tuple(range(10))
  config.metrics = ('mig', 'factor_vae_score', 'sap')
  if preset:
    config.num_steps = 6000
  return common.study(
    'Reconstruction against disentanglement', 'curve', {'beta_vae': config}
  )
