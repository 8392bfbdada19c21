"""Checks of the objective's scalars: hyperparameters, grid and schedules."""

from collections.abc import Mapping

import ml_collections
import numpy as np

from bvae_jax import losses
from bvae_jax.config import checks, defaults
from bvae_jax.training import optimizer, roles

SCHEDULES = ('constant', 'linear', 'cosine', 'step')


def _validate_tied(config: ml_collections.ConfigDict) -> None:
  swept = defaults.grid(config)
  checks.subset('tied', config.tied, swept)
  counts = {name: len(swept[name]) for name in config.tied}
  checks.require(
    len(config.tied) != 1 and len(set(counts.values())) <= 1,
    f'tied={tuple(config.tied)} must name two or more entries of grid of one '
    f'length; they have {counts}',
  )
  rows = list(zip(*(map(np.float32, swept[name]) for name in config.tied)))
  checks.require(
    len(set(rows)) == len(rows),
    f'tied={tuple(config.tied)}: the values of grid repeat a setting (of '
    'float32)',
  )


def _validate_points(name: str, schedule: Mapping) -> None:
  """A schedule through points (step, share of the scalar's own value)."""
  key, points = f'schedules.{name}', schedule['points']
  checks.subset(key, schedule, ('kind', 'points'))
  checks.choice(f'{key}.kind', schedule.get('kind', 'linear'), SCHEDULES[1:])
  pairs = isinstance(points, tuple | list) and all(
    isinstance(p, tuple | list) and len(p) == 2 for p in points
  )
  checks.require(
    pairs and len(points) > 1,
    f'{key}.points={points!r} must be two or more pairs (step, share)',
  )
  for step, share in points:
    checks.integer(f'{key}.points: step', step, 0)
    checks.finite(f'{key}.points: share', share, signed=False)
  steps = [step for step, _ in points]
  checks.require(
    steps == sorted(set(steps)), f'{key}.points={points}: steps must ascend'
  )


def _validate_schedule(name: str, schedule: Mapping) -> None:
  key = f'schedules.{name}'
  checks.fields(key, schedule)
  if 'points' in schedule:
    _validate_points(name, schedule)
    return
  checks.subset(key, schedule, ('kind', 'start', 'steps', 'delay'))
  checks.choice(f'{key}.kind', schedule.get('kind', 'linear'), SCHEDULES)
  checks.finite(f'{key}.start', schedule.get('start', 0.0), signed=False)
  checks.integer(f'{key}.steps', schedule.get('steps', 1), 1)
  checks.integer(f'{key}.delay', schedule.get('delay', 0), 0)


def _validate_end(
  config: ml_collections.ConfigDict, name: str, schedule: Mapping
) -> None:
  """That a scalar which is 0 can be moved as its schedule says."""
  if name in defaults.grid(config):
    return
  value = {**config.hparams, **config}[name]
  checks.require(
    value or not ('points' in schedule or name == 'discriminator_rate'),
    f'schedules.{name} moves {name}, which is 0 and so would stay, or end, '
    f'there; give {name} a value',
  )


def _validate_grid(config: ml_collections.ConfigDict) -> None:
  checks.subset('grid', config.grid, defaults.traced_names(config))
  for name, values in config.grid.items():
    key = f'grid.{name}'
    checks.require(
      isinstance(values, tuple | list),
      f'{key}={values!r} must be a tuple of values',
    )
    rate = name in ('learning_rate', 'discriminator_rate')
    for value in values:
      if rate:
        checks.positive(key, value)
      else:
        checks.finite(key, value, signed=False)
    checks.require(
      name in config.tied or len({*map(np.float32, values)}) == len(values),
      f'{key}={values} repeats a value (of float32)',
    )
  _validate_tied(config)


def _validate_options(config: ml_collections.ConfigDict) -> None:
  options = losses.OBJECTIVES[config.objective].options
  checks.subset('options', config.options, options)
  for name, value in config.options.items():
    default = options[name]
    if isinstance(default, int) and not isinstance(default, bool):
      checks.integer(f'options.{name}', value, 0, checks.MOST_IMAGES)
    else:
      checks.require(
        isinstance(value, type(default)),
        f'options.{name}={value!r} must be like its default, {default!r}',
      )


def _validate_rates(config: ml_collections.ConfigDict) -> None:
  """That the optimiser's scalars have a meaning here."""
  checks.require(
    config.optimizer != 'adamw' or 'weight_decay' in defaults.scalars(config),
    "optimizer='adamw' without a weight_decay is 'adam'; give "
    'weight_decay=0.01, say',
  )
  networks = roles.of(losses.OBJECTIVES[config.objective])
  checks.require(
    'discriminator_rate' not in defaults.scalars(config)
    or any(role.optimizer == 'adversary' for role in networks),
    f'discriminator_rate is given, but {config.objective} has no adversary',
  )


def validate(config: ml_collections.ConfigDict) -> None:
  """Checks what the objective is given: scalars, options, their grid."""
  entry = losses.OBJECTIVES[config.objective]
  taken = sorted({*entry.hparams} & {*optimizer.RATES})
  checks.require(
    not taken,
    f'objective {config.objective}: a hyperparameter may not be called '
    f'{", ".join(taken)}, which is of the optimizer; give it another name',
  )
  checks.subset('hparams', config.hparams, entry.hparams)
  _validate_options(config)
  for key, names in (('hparams', entry.hparams), ('options', entry.options)):
    missing = sorted({*names} - {*config[key]})
    checks.require(not missing, f'{key} lacks {", ".join(missing)}')
  for name, value in config.hparams.items():
    checks.finite(f'hparams.{name}', value, signed=False)
  _validate_grid(config)
  checks.subset('schedules', config.schedules, defaults.traced_names(config))
  for name, schedule in config.schedules.items():
    _validate_schedule(name, schedule)
    _validate_end(config, name, schedule)
  _validate_rates(config)
