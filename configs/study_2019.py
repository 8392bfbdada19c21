"""The study of Locatello et al. 2019 (arXiv:1811.12359): six methods compared.

    python -m bvae_jax.main --config=configs/study_2019.py:quick
    python -m bvae_jax.main --config=configs/study_2019.py
    python -m bvae_jax.main --config=configs/study_2019.py:NAME

Six values of the main hyperparameter a method and 50 seeds: 1,800 models on one
data set, by default dSprites, else the one that is NAMEd (NAME-quick for both).
A unit is a method: one population in one program. The paper spent 2.52 years of
a P100 on 12,600 models, about 1.75 hours on each. `launch/` spreads the units
over machines.

The quick preset has two values and three seeds a method on each of three drawn
sets, 108 models in 40 minutes on two cores; dsprites-quick, a third of them,
takes eleven. The page holds the paper's claims beside these models' figures.
They have a quarter of the pixels (those in colour a sixteenth), so that their
values weigh like four times (in colour sixteen times) as much in the paper.
"""

from bvae_jax import data
from configs import common

_DIP = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_GRID = {
  'beta_vae': ('beta', (1.0, 2.0, 4.0, 6.0, 8.0, 16.0)),
  'annealed_vae': ('capacity', (5.0, 10.0, 25.0, 50.0, 75.0, 100.0)),
  'factor_vae': ('gamma', (10.0, 20.0, 30.0, 40.0, 50.0, 100.0)),
  'dip_vae_i': ('lambda_od', _DIP),
  'dip_vae_ii': ('lambda_od', _DIP),
  'beta_tcvae': ('beta', (1.0, 2.0, 4.0, 6.0, 8.0, 10.0)),
}
_QUICK_GRID = {
  'beta_vae': ('beta', (1.0, 4.0)),
  'annealed_vae': ('capacity', (6.0, 12.0)),
  'factor_vae': ('gamma', (5.0, 20.0)),
  'dip_vae_i': ('lambda_od', (1.0, 5.0)),
  'dip_vae_ii': ('lambda_od', (1.0, 5.0)),
  'beta_tcvae': ('beta', (2.0, 4.0)),
}
# Of the quick preset, and their image sizes: 16x16 pixels in colour are about
# as many numbers as 32x32 grey ones, so that a beta weighs alike.
_SETS = {'dsprites': 32, 'dsprites_color': 16, 'scene3d': 16}
_LAMBDA_D = {'dip_vae_i': 10.0, 'dip_vae_ii': 1.0}  # in units of lambda_od

_CHEAP = (
  'mig',
  'factor_vae_score',
  'sap',
  'modularity_explicitness',
  'unsupervised',
  'udr',
)
_ALL = ('beta_vae_score', *_CHEAP[:-1], 'dci', 'irs', 'downstream', 'udr')


def _unit(objective: str, preset: str, dataset: str):
  """One population under the study's protocol."""
  config = common.get(objective, preset)
  config.dataset.name = dataset
  config.metrics = _CHEAP if preset else _ALL
  if preset:
    config.num_steps = 6000
    config.discriminator = 'mlp_small'
  else:
    config.seeds = tuple(range(50))
  if objective == 'annealed_vae':
    config.hparams.gamma = 30.0 if preset else 1000.0
    steps = 5000 if preset else 100_000
    config.schedules = common.ramp('capacity', steps=steps)
  return config


def _units(preset: str, dataset: str) -> dict:
  """A unit a method."""
  units = {}
  grid = _QUICK_GRID if preset else _GRID
  for objective, (name, values) in grid.items():
    unit = units[objective] = _unit(objective, preset, dataset)
    unit.grid[name] = values
    if objective in _LAMBDA_D:
      unit.grid.lambda_d = tuple(_LAMBDA_D[objective] * v for v in values)
      unit.tied = (name, 'lambda_d')
    if preset and dataset in _SETS:
      unit.dataset.image_size = _SETS[dataset]
    if preset and dataset == 'scene3d':
      unit.dataset.factor_stride = (2, 2, 2, 1, 1, 1)
  return units


def get_config(preset: str = ''):
  """1,800 models of a data set; 36 small ones; or those of three sets."""
  if preset == 'quick':
    units = {
      f'{objective}-{dataset}': unit
      for dataset in _SETS
      for objective, unit in _units(preset, dataset).items()
    }
    return common.study('The 2019 study on three sets, quick', 'study', units)
  dataset = preset.removesuffix('-quick') or 'dsprites'
  if dataset not in data.DATASETS:
    raise ValueError(
      f'unknown preset {preset!r}; valid: quick, a data set, or a data set and '
      f'-quick; data sets: {", ".join(sorted(data.DATASETS))}'
    )
  quick = 'quick' if preset.endswith('-quick') else ''
  title = f'The 2019 study on {dataset}' + (', quick' if quick else '')
  return common.study(title, 'study', _units(quick, dataset))
