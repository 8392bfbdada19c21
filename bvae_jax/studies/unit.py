"""One unit of a study, run by whoever comes first."""

import json
import os
import pathlib
import shutil
import traceback

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import run as run_lib
from bvae_jax import workdir as workdir_lib
from bvae_jax.config import own
from bvae_jax.studies.plan import PathLike, jobs, read_plan, state, unit_path
from bvae_jax.workdir import locks


def fail(workdir: PathLike, name: str, message: str) -> None:
  """Records that a unit has failed, and why."""
  folder = unit_path(workdir, name)
  folder.mkdir(parents=True, exist_ok=True)
  workdir_lib.replace_file(
    folder / workdir_lib.FAILURE, message.rstrip() + '\n'
  )


def _check(config: ml_collections.ConfigDict) -> None:
  """Refuses what whoever made the plan could run, and this process cannot."""
  try:
    config_lib.validate(config)
  except config_lib.ConfigError as error:
    raise config_lib.ConfigError(f'{error}; {own.HINT}') from None


def _merge(folder: pathlib.Path, parts: list[pathlib.Path]) -> None:
  """Moves checkpoints and logs of trained parts where an unsplit run has them.

  A part is one program of the population, so that the folder then holds a run
  that is trained and not yet scored. Called again, it goes on.

  Args:
    folder: the unit's.
    parts: those of its parts, in order.
  """
  (folder / 'checkpoints').mkdir(parents=True, exist_ok=True)
  for part in parts:
    for group in sorted(part.glob('checkpoints/group_*')):
      os.replace(group, folder / 'checkpoints' / group.name)
  if (parts[0] / 'traversals').is_dir():
    shutil.copytree(
      parts[0] / 'traversals', folder / 'traversals', dirs_exist_ok=True
    )
  logs = [(part / 'metrics.jsonl').read_text() for part in parts]
  workdir_lib.replace_file(folder / 'metrics.jsonl', ''.join(logs))
  notes = [workdir_lib.read_json(part / 'training.json') for part in parts]
  seconds = 'seconds_from_first_to_last_line'
  total = round(sum(note[seconds] or 0 for note in notes), 1)
  text = json.dumps({**notes[0], seconds: total})
  workdir_lib.replace_file(folder / 'training.json', text + '\n')


def run_unit(workdir: PathLike, name: str) -> None:
  """Runs, or resumes, one job of a plan; returns at once when it is done.

  Args:
    workdir: the study's folder.
    name: a unit, or a part of one (see `plan.jobs`).

  Raises:
    ValueError: the plan has no such unit, or its config cannot be run.
    Busy: another process is running it.
    Interrupted: a signal stopped it; it is checkpointed.
    WorkdirError: it ran, and its folder does not hold what a finished run has.
    Exception: whatever the run raises, written to its error.txt as well.
  """
  config = read_plan(workdir)
  parts = jobs(config)
  valid = [job for unit, own in parts.items() for job in (*own, unit)]
  if name not in valid:
    raise ValueError(f'no unit {name!r} in the plan; valid: {", ".join(valid)}')
  unit, _, part = name.partition('@')
  folder = unit_path(workdir, name)
  folder.mkdir(parents=True, exist_ok=True)
  with locks.locked(folder / locks.UNIT_LOCK, f'unit {name}', locks.GLANCE):
    (folder / workdir_lib.FAILURE).unlink(missing_ok=True)
    config = read_plan(workdir)  # it may have been mended meanwhile
    try:
      _check(config.units[unit])
      if part:
        run_lib.train_part(config.units[unit], folder, int(part))
      else:
        if parts[unit]:
          _merge(folder, [unit_path(workdir, n) for n in parts[unit]])
        run_lib.train_and_evaluate(config.units[unit], folder)
    except run_lib.Interrupted:
      raise
    except Exception:
      fail(workdir, name, traceback.format_exc())
      raise
  if state(workdir, name) == 'todo':  # or whoever waits for it tries for ever
    lost = f'{folder}: the unit ended, but files that it wrote are not there'
    fail(workdir, name, lost)
    raise workdir_lib.WorkdirError(lost)
