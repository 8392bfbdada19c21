"""What may change of a plan: it grows, and what has not begun is mended."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

from bvae_jax import config as config_lib
from bvae_jax import workdir as workdir_lib
from bvae_jax.workdir.locks import GLANCE, UNIT_LOCK, locked

Folders = Callable[[str], pathlib.Path]  # the run folder of a unit


def _has_begun(run: pathlib.Path) -> bool:
  """Whether a unit, or a job of it, has anything that a config belongs to."""
  return any([*run.glob('config.json'), *run.glob('parts/*/config.json')])


def differences(old: dict, new: dict, folders: Folders) -> list[str]:
  """What makes two plans different studies.

  More seeds, steps or settings of a unit, and more units, make none: the study
  grows.
  Neither does another config of a unit that has not begun, nor another title or
  page.
  """
  before, after = old['units'], new['units']
  found = config_lib.differing_keys(
    {**old, 'units': None}, {**new, 'units': None}, ('study', 'page')
  )
  for name, unit in before.items():
    if name not in after:
      found.append(f'units.{name} is gone')
    elif _has_begun(folders(name)):
      free = (*config_lib.FREE_KEYS, *config_lib.grown_keys(unit, after[name]))
      keys = config_lib.differing_keys(unit, after[name], free)
      found += [f'units.{name}.{key}' for key in keys]
  return found


def scores_alone(old: dict, changed: list[str]) -> bool:
  """Whether `differences` are of the scores that are asked for."""
  keys = tuple(
    f'units.{name}.{key}'
    for name in old['units']
    for key in config_lib.SCORE_KEYS
  )
  return all(one.startswith(keys) for one in changed)


@contextlib.contextmanager
def held(old: dict, new: dict, folders: Folders) -> Iterator[None]:
  """Holds the units whose configs change: no process runs one by the old plan.

  Raises:
    Busy: another process is running one.
  """
  with contextlib.ExitStack() as stack:
    for name, unit in old['units'].items():
      run = folders(name)
      if config_lib.differing_keys(unit, new['units'][name]):
        run.mkdir(parents=True, exist_ok=True)
        for path in (run, *run.glob('parts/*')):
          lock = locked(path / UNIT_LOCK, f'unit {name}', GLANCE)
          stack.enter_context(lock)
    yield


def grow(old: dict, new: dict, folders: Folders) -> None:
  """Makes those units that have begun, and now have more to do, 'todo' again.

  Raises:
    WorkdirError: their members lie in jobs of their own.
  """
  units = [name for name in old['units'] if _has_begun(folders(name))]
  grown = {
    name: config_lib.grown_keys(old['units'][name], new['units'][name])
    for name in units
  }
  begun = {name: keys for name, keys in grown.items() if keys}
  if begun and old.get('members_per_job'):
    name, keys = next(iter(begun.items()))
    raise workdir_lib.WorkdirError(
      f'unit {name} at {folders(name)} is split into jobs of members, which '
      f'cannot grow ({", ".join(keys)}); choose another --workdir for what is '
      'new'
    )
  for name in begun:  # all of them, or none
    run = workdir_lib.Workdir(folders(name))
    run.open(config_lib.as_config(new['units'][name]))
