"""Exercise 6: what a few labels, or pairs of images, are worth.

    python -m bvae_jax.main --config=configs/exercises/labels.py:quick
    python -m bvae_jax.main --config=configs/exercises/labels.py

Models that see labels of 100 or 1,000 images, whole, binned, noisy or partial
(Locatello et al. 2020, arXiv:1905.01258); that see pairs of images which differ
in a known or an unknown number of factors (arXiv:2002.02886); and models that
see neither, of which UDR chooses one, or the MIG of a few labels. The quick
preset has three seeds of 2,700 steps on 32x32 images; the bare config has ten
seeds. NAME or NAME-quick for another data set.
"""

from bvae_jax import data
from configs import common

_METRICS = ('mig', 'factor_vae_score', 'sap', 'few_labels', 'udr')
_LABELS = ('perfect', 'binned', 'noisy', 'partial')
_PAIRS = {'known': '1', 'unknown': 'uniform'}  # how many factors change


def _units(preset: str) -> dict:
  """A unit a kind of supervision."""
  units = {'beta_tcvae': common.get('beta_tcvae', preset)}
  units['beta_tcvae'].grid.beta = (2.0, 4.0) if preset else (1.0, 4.0, 8.0)
  for count in (100, 1000):
    for kind in _LABELS if count == 1000 else _LABELS[:1]:
      name = 'semi_supervised'
      unit = units[f'labels_{count}_{kind}'] = common.get(name, preset)
      unit.options.num_labels, unit.options.labels = count, kind
  for objective in ('ada_gvae', 'ada_ml_vae'):
    for name, changed in _PAIRS.items():
      unit = units[f'{objective}_{name}'] = common.get(objective, preset)
      unit.options.num_changed = changed
  return units


def get_config(preset: str = ''):
  """Ten kinds of supervision, one of them none."""
  quick = 'quick' if preset.endswith('quick') else ''
  dataset = preset.removesuffix('quick').removesuffix('-') or 'dsprites'
  if dataset not in data.DATASETS:
    raise ValueError(
      f'unknown preset {preset!r}; valid: quick, a data set, or a data set and '
      f'-quick; data sets: {", ".join(sorted(data.DATASETS))}'
    )
  units = _units(quick)
  for unit in units.values():
    unit.dataset.name, unit.metrics = dataset, _METRICS
    if quick:
      unit.num_steps = 2700
    else:
      unit.seeds = tuple(range(10))
  return common.study(f'Labels and pairs, {dataset}', 'labels', units)
