"""The plan of a study: plan.json, and the state of each of its units.

    plan.json  units/NAME/  units/NAME/parts/0/

A unit is one population in an ordinary run folder. Where the plan has
`members_per_job`, jobs `NAME@0`, `NAME@1`, ... train the members of a unit in
folders of their own, and the job NAME puts them together and scores them; else
the unit is one job. Whoever runs a job
holds its lock (`flock`, which the kernel drops when the holder dies), so none
is run twice at once, on all hosts that share the folder.
"""

import copy
import functools
import math
import os
import pathlib
import re

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import population
from bvae_jax import workdir as workdir_lib
from bvae_jax.studies import growth
from bvae_jax.workdir import locks

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._=,+-]*')

PathLike = str | os.PathLike


def as_study(
  config: ml_collections.ConfigDict, title: str
) -> ml_collections.ConfigDict:
  """A study as it is; a plain run as a study of one unit, `run`.

  Raises:
    ConfigError: it has units that are no dict, or is itself no ConfigDict.
  """
  if 'units' in config:
    whole = config, config['units']
    if not all(isinstance(x, ml_collections.ConfigDict) for x in whole):
      raise config_lib.ConfigError(
        'a study must be a ConfigDict, and its units one of {name: config}; '
        'make it with common.study, see configs/common.py'
      )
    return config
  return ml_collections.ConfigDict(
    {'study': title, 'page': '', 'units': {'run': config}}
  )


def _validate(config: ml_collections.ConfigDict) -> None:
  """One line on the first unit that cannot be run."""
  if not config.units:
    raise config_lib.ConfigError('units is empty; a study needs one at least')
  for key in ('study', 'page'):
    if not isinstance(config.get(key), str):
      raise config_lib.ConfigError(
        f'a study needs `{key}`, a text beside its units; see configs/common.py'
      )
  for name, unit in config.units.items():
    if not _NAME.fullmatch(name):
      raise config_lib.ConfigError(
        f'unit {name!r} must be a plain file name (letters, digits, ._=,+-)'
      )
    try:
      config_lib.validate(unit)
    except ValueError as error:
      raise config_lib.ConfigError(f'unit {name}: {error}') from error


def _read(path: pathlib.Path) -> dict:
  """A plan.json; WorkdirError where it holds no units."""
  found = workdir_lib.read_json(path)
  units = found.get('units')
  if not isinstance(units, dict) or not all(
    isinstance(unit, dict) for unit in units.values()
  ):
    raise workdir_lib.WorkdirError(
      f'{path} is damaged (it holds no units); put a copy of it back, or move '
      'it away and run the command again'
    )
  return found


def _complete(plan: dict) -> dict:
  """A plan of before with the defaults of keys that its units did not have."""
  units = {name: config_lib.complete(u) for name, u in plan['units'].items()}
  return {**plan, 'units': units}


def _check_same(folder: pathlib.Path, old: dict, new: dict) -> None:
  """Refuses a plan of another study than that in the folder."""
  units = functools.partial(unit_path, folder)
  changed = growth.differences(old, new, units)
  if changed:
    way = 'choose another --workdir, or give its config, which is in plan.json'
    if growth.scores_alone(old, changed):
      way = 'bvae main --mode=evaluate with them scores what is trained'
    raise workdir_lib.WorkdirError(
      f'workdir {folder} holds the plan of another config '
      f'({"; ".join(changed)}); {way}'
    )


def write_plan(config: ml_collections.ConfigDict, workdir: PathLike) -> None:
  """Writes plan.json, or checks that the folder holds this very plan.

  A plan with more seeds, steps, settings or units than that in the folder
  continues it, and units that have not begun may have another config.

  Args:
    config: a study; or a run, which is planned as a study of one unit.
    workdir: the study's folder; made when missing.

  Raises:
    ValueError: a unit cannot be run.
    WorkdirError: the folder cannot be used, or holds another plan or a run.
    Busy: what is to grow is running.
  """
  folder = workdir_lib.Folder(workdir).path
  config = as_study(config, folder.name)
  _validate(config)
  if (folder / 'config.json').exists():
    raise workdir_lib.WorkdirError(
      f'workdir {folder} holds a single run; choose another --workdir'
    )
  for path in (folder, folder / 'units'):
    workdir_lib.Folder(path).make()
  new = config_lib.plain(config.to_dict())
  text = workdir_lib.json_text(new)
  path = folder / workdir_lib.PLAN
  with locks.locked(folder / locks.RUN_LOCK, f'{path}', locks.PATIENCE):
    workdir_lib.sweep(folder, workdir_lib.PLAN, 'results.json', 'results.csv')
    if not path.exists():
      workdir_lib.replace_file(path, text)
      return
    old, now = _complete(_read(path)), _complete(new)
    _check_same(folder, old, now)
    folders = functools.partial(unit_path, folder)
    with growth.held(old, now, folders):
      _check_same(folder, old, now)  # one may have begun meanwhile
      growth.grow(old, now, folders)
      workdir_lib.replace_file(path, text)


def read_plan(workdir: PathLike) -> ml_collections.ConfigDict:
  """The study's config, as plan.json holds it.

  Raises:
    WorkdirError: there is no plan, or it is damaged.
  """
  path = workdir_lib.Folder(workdir).path / workdir_lib.PLAN
  if not path.exists():
    raise workdir_lib.WorkdirError(f'{path} is missing: no study lies there')
  return config_lib.as_config(_read(path))


def with_jobs(
  config: ml_collections.ConfigDict, members_per_job: int
) -> ml_collections.ConfigDict:
  """A study whose units are split into jobs of so many members at most."""
  if not members_per_job:
    return config
  units = {name: copy.deepcopy(unit) for name, unit in config.units.items()}
  for unit in units.values():
    # A job is one program, and the members of a unit are that many programs.
    unit.members_per_program = members_per_job
  return ml_collections.ConfigDict(
    {**dict(config), 'units': units, 'members_per_job': members_per_job}
  )


def jobs(config: ml_collections.ConfigDict) -> dict[str, list[str]]:
  """{unit: the jobs that train its parts, none where it is one job}."""
  found = {}
  for name, unit in config.units.items():
    count = len(population.members(unit))
    parts = math.ceil(count / (config.get('members_per_job') or count))
    found[name] = [f'{name}@{i}' for i in range(parts) if parts > 1]
  return found


def unit_path(workdir: PathLike, name: str) -> pathlib.Path:
  """The run folder of a unit, or of a job that trains a part of it."""
  unit, _, part = name.partition('@')
  folder = workdir_lib.Folder(workdir).path / 'units' / unit
  return folder / 'parts' / part if part else folder


def state(workdir: PathLike, name: str) -> str:
  """'done', 'running' (a process holds it), 'failed' or 'todo', of a job."""
  folder = unit_path(workdir, name)
  if '@' in name and (folder / 'training.json').exists():
    return 'done'
  if (folder / 'results.json').exists() and (folder / 'report.html').exists():
    return 'done'
  if not folder.exists():
    return 'todo'
  if locks.is_held(folder / locks.UNIT_LOCK):
    return 'running'
  return 'failed' if (folder / workdir_lib.FAILURE).exists() else 'todo'


def finished(workdir: PathLike) -> list[str]:
  """The units that are trained, scored and drawn."""
  units = read_plan(workdir).units
  return [name for name in units if state(workdir, name) == 'done']


def status(workdir: PathLike) -> dict[str, str]:
  """The state of every job of the plan.

  A unit whose parts are not all trained is 'waiting'.
  """
  found = {}
  for name, parts in jobs(read_plan(workdir)).items():
    found |= {part: state(workdir, part) for part in parts}
    trained = all(found[part] == 'done' for part in parts)
    found[name] = state(workdir, name) if trained else 'waiting'
  return found
