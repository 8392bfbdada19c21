"""Presets that the objectives' configs share.

The bare config is the 2019 study's protocol (Locatello et al.,
arXiv:1811.12359): 64x64 images, batch 64, Adam 1e-4, 300,000 steps, one seed.
"""

from collections.abc import Sequence

import ml_collections

from bvae_jax import catalogue
from bvae_jax import config as config_lib


def quick(config: ml_collections.ConfigDict) -> None:
  """Three seeds of a small network on 32x32 images: minutes on two cores.

  The whole grid of dSprites, its 64x64 frames pooled to 32x32; a dense network
  of 256 and 128 units, Adam at 1e-3, 8,000 steps.
  """
  config.seeds = (0, 1, 2)
  config.encoder = config.decoder = 'mlp_small'
  config.dataset.image_size = 32
  config.learning_rate = 1e-3
  config.num_steps = 8000
  config.log_every = 400
  config.checkpoint_every = 2000


PRESETS = {'': lambda config: None, 'quick': quick}


# Scores of codes that take a few values.
DISCRETE = (
  'mig',
  'factor_vae_score',
  'sap',
  'infomec_discrete',
  'unsupervised',
)

RAMP = 6500  # steps of the quick preset over which a capacity opens


def sweep(config: ml_collections.ConfigDict, rows: Sequence[dict]) -> None:
  """Sweeps settings that are listed one by one, each {name: value}."""
  for name in rows[0]:
    config.grid[name] = tuple(row[name] for row in rows)
  config.tied = tuple(rows[0]) if len(rows[0]) > 1 else ()


def ramp(name: str, steps: int, start: float = 0.0) -> dict:
  """A schedule that moves one hyperparameter linearly to its value."""
  return {name: {'kind': 'linear', 'start': start, 'steps': steps}}


def get(objective: str, preset: str) -> ml_collections.ConfigDict:
  """The config of an objective under one of the presets."""
  if preset not in PRESETS:
    names = ', '.join(repr(p) for p in sorted(PRESETS) if p)
    near = catalogue.did_you_mean(preset, PRESETS)
    raise ValueError(f'unknown preset {preset!r}; valid: {names}{near}')
  config = config_lib.default_config(objective)
  PRESETS[preset](config)
  return config


def study(title: str, page: str, units: dict) -> ml_collections.ConfigDict:
  """Several runs as one config.

  Args:
    title: the heading of the study's page.
    page: which figures it shows, a name in `bvae_jax.report.study.PAGES`.
    units: {name: config of a run}; each is one population in one program.
  """
  return ml_collections.ConfigDict(
    {'study': title, 'page': page, 'units': units}
  )
