"""Every method at its preset, on five seeds that tune none.

    python -m bvae_jax.main --config=configs/methods.py:quick
    python -m bvae_jax.main --config=configs/methods.py

A unit a method, each as its own config file has it, on seeds 0 to 4: no seed of
`configs/tuning.py` is among them. docs/tuning.md prints its table.
"""

from configs import (
  ada_gvae,
  ada_ml_vae,
  annealed_vae,
  beta_vae,
  common,
  dip_vae_i,
  dip_vae_ii,
  factor_vae,
  infogan,
  semi_supervised,
  tcvae,
  vae,
)

_MODULES = (
  vae,
  beta_vae,
  annealed_vae,
  tcvae,
  factor_vae,
  dip_vae_i,
  dip_vae_ii,
  infogan,
  ada_gvae,
  ada_ml_vae,
  semi_supervised,
)
METRICS = ('mig', 'factor_vae_score', 'dci', 'sap', 'unsupervised', 'udr')


def get_config(preset: str = ''):
  """Five seeds of each method."""
  units = {}
  for module in _MODULES:
    config = module.get_config(preset)
    config.seeds = tuple(range(5))
    config.metrics = METRICS
    units[config.objective] = config
  return common.study('Every method at its preset', 'study', units)
