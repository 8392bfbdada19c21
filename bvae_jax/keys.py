"""Keys of a config that a command line sets, of a run or a study's units."""

from collections.abc import Sequence
from typing import Any

import ml_collections
from absl import flags
from ml_collections import config_flags

from bvae_jax import config as config_lib

_EVERY = 'config.every.'


def _key(word: str) -> str:
  """`config.seeds` of the argument `--config.seeds=(4,5)`."""
  return word.lstrip('-').partition('=')[0]


def check_words(argv: Sequence[str]) -> None:
  """Keys without a config; one given twice, which would join two tuples.

  Raises:
    flags.Error: keys of a config that is not given, or a key twice.
  """
  words = [_key(word) for word in argv[1:]]
  keys = [word for word in words if word.startswith('config.')]
  twice = next((key for key in keys if keys.count(key) > 1), None)
  if twice:
    raise flags.Error(f'--{twice} is given twice; give it once')
  if keys and 'config' not in words:
    raise flags.Error(
      f'--{keys[0]} changes a key of a config; give --config=FILE[:PRESET] too'
    )


def check_swept(
  config: ml_collections.ConfigDict,
  argv: Sequence[str],
  flag: str = 'config.',
  told: str = 'config.',
) -> None:
  """That the grid gives no member another value of a key than the one given.

  Args:
    config: with the values of the command line.
    argv: of the command line.
    flag: what its keys begin with.
    told: what they began with.

  Raises:
    flags.Error: it does: the key would have no effect.
  """
  for key in map(_key, argv):
    if not key.startswith(flag):
      continue
    *path, name = key.removeprefix(flag).split('.')
    path = path[:-1] if path[-1:] == ['hparams'] else path
    run: Any = config
    for part in path:
      run = run[part]
    values = run.get('grid', {}).get(name) if 'objective' in run else ()
    if values:
      grid = '.'.join([*path, 'grid', name])
      raise flags.Error(
        f'--{told}{key.removeprefix(flag)} has no effect: the config sweeps '
        f'{name} over {tuple(values)}; give --{told}{grid} instead'
      )


def of_schedule(missing: str, argv: Sequence[str]) -> str:
  """How a schedule is given, if it is what the config misses."""
  for word in argv:
    flag, schedules, rest = _key(word).partition('.schedules.')
    name = rest.partition('.')[0]
    if schedules and missing == repr(name):
      whole = f"{{'{name}': {{'kind': 'linear', 'start': 0., 'steps': 1000}}}}"
      return (
        '; a schedule that the config lacks is given whole, for instance '
        f'--{flag}.schedules="{whole}"'
      )
  return ''


def of_units(missing: str) -> str:
  """How a key of a run is given, if it is what the config misses: a study."""
  name = missing.strip("'")
  known = name in config_lib.default_config('vae')
  return f'; of all units of a study: --{_EVERY}{name}' if known else ''


def split_every(argv: list[str]) -> tuple[list[str], list[str]]:
  """The arguments, and those of `--config.every.KEY=VALUE` as `--unit.KEY`."""
  every = [word for word in argv if word.lstrip('-').startswith(_EVERY)]
  for word in every:
    if '=' not in word:
      raise flags.Error(f'{word} needs its value after an equals sign')
  rest = [word for word in argv if word not in every]
  return rest, [f'--unit.{word.lstrip("-")[len(_EVERY) :]}' for word in every]


def override_units(config: ml_collections.ConfigDict, words: list[str]) -> None:
  """Sets keys of all units of a study alike.

  Args:
    config: the study.
    words: as `split_every` gives them.

  Raises:
    flags.Error: the config is no study, or a unit sweeps what is set.
    AttributeError: a unit has no such key.
  """
  if words and 'units' not in config:
    raise flags.Error(
      f'--{_EVERY}KEY is for the units of a study; give --config.KEY'
    )
  for unit in config.units.values() if words else ():
    values = flags.FlagValues()
    line = ['unit', *words]
    config_flags.DEFINE_config_dict(
      'unit', unit, flag_values=values, sys_argv=line
    )
    values(line)
    check_swept(unit, words, 'unit.', _EVERY)
