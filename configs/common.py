"""Presets that the objectives' configs share.

The bare config is the 2019 study's protocol (Locatello et al.,
arXiv:1811.12359): 64x64 images, batch 64, Adam 1e-4, 300,000 steps.
"""

import ml_collections

from bvae_jax import config as config_lib


def quick(config: ml_collections.ConfigDict) -> None:
  """Three seeds of a small network on pooled images: minutes on two cores."""
  config.seeds = (0, 1, 2)
  config.encoder = config.decoder = 'mlp_small'
  config.dataset.image_size = 32
  config.learning_rate = 1e-3
  config.num_steps = 8000
  config.log_every = 400
  config.checkpoint_every = 2000


def ramp(name: str, steps: int, start: float = 0.0) -> dict:
  """A schedule that moves one hyperparameter linearly to its value."""
  return {name: {'kind': 'linear', 'start': start, 'steps': steps}}


PRESETS = {'': lambda config: None, 'quick': quick}


def get(objective: str, preset: str) -> ml_collections.ConfigDict:
  """The config of an objective under one of the presets."""
  if preset not in PRESETS:
    names = ', '.join(repr(p) for p in sorted(PRESETS) if p)
    raise ValueError(f'unknown preset {preset!r}; valid: {names}')
  config = config_lib.default_config(objective)
  PRESETS[preset](config)
  return config
