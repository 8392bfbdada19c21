r"""Exercise 4: beta-TCVAE against beta-VAE over beta.

    python -m bvae_jax.main \
      --config=configs/exercises/tcvae_vs_beta_vae.py:quick
    python -m bvae_jax.main --config=configs/exercises/tcvae_vs_beta_vae.py

beta weighs the whole KL in one and the total correlation alone in the other
(Chen et al. 2018): scores, ELBO and total correlation of both against beta, in
one chart each. At beta 1 they are the same model. The quick
preset has 32x32 images, so that the same beta weighs four times as much as in
the paper: two seeds of 5,000 steps, three minutes on two cores. The bare
config has ten seeds.
"""

from configs import common


def get_config(preset: str = ''):
  """The same values of beta for both objectives."""
  units = {}
  for objective in ('beta_vae', 'beta_tcvae'):
    config = common.get(objective, preset)
    config.metrics = ('mig', 'factor_vae_score', 'sap')
    if preset:
      config.grid.beta = (1.0, 2.0, 4.0, 8.0)
      config.seeds = (0, 1)
      config.num_steps = 5000
    else:
      config.grid.beta = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0)
      config.seeds = tuple(range(10))
    units[objective] = config
  return common.study('beta-TCVAE against beta-VAE', 'comparison', units)
