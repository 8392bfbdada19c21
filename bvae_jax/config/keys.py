"""Keys of a config that a command line sets, of a run or a study's units."""

import re
from collections.abc import Sequence
from typing import Any

import ml_collections
from absl import flags
from ml_collections import config_flags

from bvae_jax import config as config_lib
from bvae_jax import losses

_EVERY = 'config.every.'
_PLACE = re.compile(r'config\.(?P<unit>every\.|units\.[^.]+\.)?(?P<path>.*)')
_UNKNOWN = re.compile(r"Unknown command line flag '(\w+)'")
_OF_SCALARS = ('grid', 'schedules')  # their keys are names of scalars
# What a flag's parser says of a value, and what a user is told.
_TOLD = {
  r'invalid literal for int\(\).*': 'must be a whole number, like 1000',
  r'could not convert string to float.*': 'must be a number, like 0.5',
  r"\('Non-boolean argument.*": 'must be true or false',
  r'Failed to parse .* as a ConfigDict.*': (
    """must be a dict, like "{'NAME': VALUE}", its names in quotes"""
  ),
  r'Error while parsing string: .* as tuple.*': (
    """must be a tuple, like "(0, 1)" or "('a', 'b')", words in quotes"""
  ),
}


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


def elsewhere(missing: str, argv: Sequence[str]) -> str:
  """Where a key lies that is not where the command line has it.

  Args:
    missing: its name, in quotes.
    argv: of the command line.
  """
  name = missing.strip("'")
  for word in argv:
    found = _PLACE.fullmatch(_key(word))
    if found is None or name not in found['path'].split('.'):
      continue
    unit, path = found['unit'] or '', found['path']
    of_a_run = name in config_lib.default_config('vae')
    if of_a_run and not unit and path.split('.')[0] == name:
      return f'; of all units of a study: --{_EVERY}{path}'
    homes = _homes(name)
    if homes and path not in homes:
      return f'; did you mean --config.{unit}{homes[0]}?'
  return ''


def of_flag(line: str, argv: Sequence[str]) -> str:
  """The key, if an error's unknown flag is one of the config that is given."""
  flag = _UNKNOWN.fullmatch(line)
  given = any(_key(word) == 'config' for word in argv)
  homes = _homes(flag[1]) if flag and given else []
  return f'; did you mean --config.{homes[0]}?' if homes else ''


def _homes(name: str) -> list[str]:
  """The keys, of any config, that end in a name."""
  return sorted(key for key in _known() if key.split('.')[-1] == name)


def _known() -> set[str]:
  """The keys of all configs of an objective, `hparams.beta`, but a scalar's."""
  every = map(config_lib.default_config, losses.OBJECTIVES)
  keys = {key for run in every for key in config_lib.flat(run.to_dict())}
  return {key for key in keys if key.split('.')[0] not in _OF_SCALARS}


def below_a_value(argv: Sequence[str]) -> str:
  """`config.encoder` of `--config.encoder.features=4`; '' if there is none."""
  known = _known()
  for word in argv:
    found = _PLACE.fullmatch(_key(word))
    above = found['path'].rpartition('.')[0] if found else ''
    while above and above not in known:
      above = above.rpartition('.')[0]
    if found and above:
      return f'config.{found["unit"] or ""}{above}'
  return ''


def plainly(line: str) -> str:
  """What is wrong with a value, in words that tell which would be right."""
  for pattern, told in _TOLD.items():
    line = re.sub(pattern, told, line)
  return line


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
