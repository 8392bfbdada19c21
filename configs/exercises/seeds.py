"""Exercise 5: how much of a score is luck.

    python -m bvae_jax.main --config=configs/exercises/seeds.py:quick
    python -m bvae_jax.main --config=configs/exercises/seeds.py

Many seeds at a few values of beta: the distribution of each score, and the
share of its variance that is due to the seed (Locatello et al. 2019, section
5.3). The quick preset has ten seeds of 3,000 steps on 32x32 images, where beta
weighs four times as much as at 64x64: three minutes on two cores. The bare
config has the study's 50 seeds.
"""

from configs import common


def get_config(preset: str = ''):
  """Three values of beta times the seeds, in one program."""
  config = common.get('beta_vae', preset)
  config.metrics = ('mig', 'factor_vae_score', 'sap', 'udr')
  if preset:
    config.grid.beta = (0.5, 1.0, 4.0)
    config.seeds = tuple(range(10))
    config.num_steps = 3000
  else:
    config.grid.beta = (1.0, 4.0, 16.0)
    config.seeds = tuple(range(50))
  return common.study('The share of the seed', 'seeds', {'beta_vae': config})
