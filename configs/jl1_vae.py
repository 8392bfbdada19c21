"""JL1-VAE on dSprites (Rhodes & Lee 2021, arXiv:2106.02923).

    python -m bvae_jax.main --config=configs/jl1_vae.py:quick
    python -m bvae_jax.main --config=configs/jl1_vae.py

The L1 norm of the decoder's Jacobian asks each latent to move few pixels; beta
and gamma rise over the first 100,000 steps, as in its authors' code, which
gives both in units of their own. Quick looks at one latent of each image at a
time, an unbiased estimate of the norm.

The norm trains the decoder alone, as there.

Expected of quick, medians over its three seeds: MIG 0.07, FactorVAE score
0.53, SAP 0.03, ELBO -44.9 nats. Its weights are not tuned.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('jl1_vae', preset)
  steps = 4000 if preset else 100_000
  config.schedules = common.ramp('beta', steps) | common.ramp('gamma', steps)
  if preset == 'quick':
    config.options.num_columns = 1
  return config
