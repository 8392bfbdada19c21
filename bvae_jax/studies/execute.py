"""A study: a plan of independent runs, its units, in one folder.

    plan.json  units/NAME/  results.csv  results.json  report.html

Any number of processes, on any number of hosts that share the folder, may run
the same study at once or one after another: no unit is run twice and none is
lost; one whose process was killed is resumed from its checkpoint by the next
process that comes.
"""

import logging
import pathlib
import time
from collections.abc import Callable

import ml_collections

from bvae_jax import population
from bvae_jax import run as run_lib
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import tables
from bvae_jax.evaluation.results import Results
from bvae_jax.studies import plan, unit
from bvae_jax.training import progress
from bvae_jax.workdir import locks

_LOG = logging.getLogger(__name__)
_POLL = 5.0  # seconds between looks at units that run elsewhere

Executor = Callable[[plan.PathLike, list[str]], dict[str, str]]


class Unfinished(RuntimeError):
  """The study has ended, some of its units have not been done."""


def gather(workdir: plan.PathLike) -> dict[str, Results]:
  """Collects the results of the units that are done.

  Returns:
    {unit: its results}, as results.json holds them; results.csv is the table.
  """
  folder = workdir_lib.Folder(workdir).path
  results = {
    name: Results.read(plan.unit_path(workdir, name) / 'results.json')
    for name in plan.finished(workdir)
  }
  with locks.locked(folder / locks.RUN_LOCK, f'{folder}', locks.PATIENCE):
    found = {name: result.to_json() for name, result in results.items()}
    text = workdir_lib.json_text(found)
    workdir_lib.replace_file(folder / 'results.json', text)
    text = tables.csv_text(results)
    workdir_lib.replace_file(folder / 'results.csv', text)
  return results


def in_process(workdir: plan.PathLike, names: list[str]) -> dict[str, str]:
  """The plainest executor: one unit after the other, in this process."""
  failures = {}
  units = plan.read_plan(workdir).units
  left = {}  # what the time of each goes with: members times steps
  for name in names:
    config = units[name.partition('@')[0]]
    left[name] = len(population.members(config)) * config.num_steps
  begin, done = time.monotonic(), 0
  for number, name in enumerate(names, 1):
    steps = left.pop(name)
    if plan.state(workdir, name) != 'todo':  # another process was faster
      continue
    seconds = (time.monotonic() - begin) / done if done else 0.0
    _LOG.info(
      'unit %s (%d of %d)%s',
      name,
      number,
      len(names),
      f', {progress.clock(seconds * (steps + sum(left.values())))} left of all'
      if done
      else '',
    )
    done += steps
    try:
      unit.run_unit(workdir, name)
    except run_lib.Interrupted:
      raise
    except Exception as error:
      failures[name] = f'{type(error).__name__}: {error}'
      _LOG.error('unit %s: %s', name, failures[name])
  return failures


def _forgive(workdir: plan.PathLike) -> None:
  """Units that failed before are to be done again."""
  for name, found in plan.status(workdir).items():
    if found == 'failed':
      (plan.unit_path(workdir, name) / workdir_lib.FAILURE).unlink(
        missing_ok=True
      )


def _mend(workdir: plan.PathLike) -> None:
  """Units whose results or pages are damaged are to be done again.

  Raises:
    WorkdirError: the folder of one holds a run of another config.
  """
  units = plan.read_plan(workdir).units
  for name in plan.finished(workdir):
    folder = plan.unit_path(workdir, name)
    busy = [folder / lock for lock in (locks.UNIT_LOCK, locks.RUN_LOCK)]
    if any(lock.exists() and locks.is_held(lock) for lock in busy):
      continue  # its last pages are being drawn
    if not run_lib.is_finished(units[name], folder):
      (folder / 'report.html').unlink(missing_ok=True)


def _finish(workdir: plan.PathLike) -> dict[str, Results]:
  """Gathers what is done, and draws the study's page of it."""
  from bvae_jax.report import study as page  # the libraries of pages

  results = gather(workdir)
  if results:
    page.write(workdir, plan.read_plan(workdir), results)
    _LOG.info('%s: open it in a browser', pathlib.Path(workdir) / 'report.html')
  return results


def evaluate_again(
  config: ml_collections.ConfigDict, workdir: plan.PathLike
) -> dict[str, Results]:
  """Scores the units that are done anew, perhaps with other metrics.

  Args:
    config: the study; `metrics` and `evaluation` of its units may differ.
    workdir: the study's folder.

  Returns:
    {unit: its results}.

  Raises:
    WorkdirError: there is no study, or none of its units is done.
  """
  workdir = workdir_lib.Folder(workdir).path
  members_per_job = plan.read_plan(workdir).get('members_per_job', 0)
  config = plan.with_jobs(config, members_per_job)
  units = [name for name in plan.finished(workdir) if name in config.units]
  if not units:
    raise workdir_lib.WorkdirError(
      f'{workdir}: no unit is done; run the same command without '
      '--mode=evaluate first'
    )
  for name in units:
    _LOG.info('unit %s', name)
    run_lib.evaluate_again(config.units[name], plan.unit_path(workdir, name))
  return _finish(workdir)


def run(
  config: ml_collections.ConfigDict,
  workdir: plan.PathLike,
  execute: Executor = in_process,
  members_per_job: int = 0,
) -> dict[str, Results]:
  """Runs what is not yet done of a study, then gathers it and draws its page.

  A unit that fails does not stop the others. It is tried once more by the next
  command, not by those that run already. Units that run elsewhere are waited
  for, and taken over when their process dies.

  Args:
    config: a study, or a run (a study of one unit).
    workdir: the study's folder; made when missing.
    execute: `execute(workdir, names) -> {name: what went wrong}` runs jobs.
    members_per_job: splits units of more members into jobs; 0 splits none. The
      results are those of a unit that is not split.

  Returns:
    {unit: its results}.

  Raises:
    ValueError, WorkdirError: as `write_plan` does; the page is unknown; a
      unit's folder holds the run of another config.
    Interrupted: a signal stopped the study; what ran is checkpointed.
    Unfinished: units failed; the others are done and gathered.
  """
  from bvae_jax.report import study as page  # the libraries of pages

  page.find_page(config.get('page', ''))  # before hours of training
  workdir = workdir_lib.Folder(workdir).path
  config = plan.as_study(config, workdir.name)
  config = plan.with_jobs(config, members_per_job)
  plan.write_plan(config, workdir)
  _forgive(workdir)
  _mend(workdir)
  failures = {}
  while True:
    now = plan.status(workdir)
    names = [n for n, s in now.items() if s == 'todo' and n not in failures]
    counts = {s: list(now.values()).count(s) for s in sorted({*now.values()})}
    _LOG.info('units: %s', ', '.join(f'{n} {s}' for s, n in counts.items()))
    if names:
      found = execute(workdir, names)
      for name, why in found.items():
        left = plan.state(workdir, name)
        if left == 'todo':  # its process is gone and left no error.txt
          unit.fail(workdir, name, why)
        if left in ('todo', 'failed'):
          failures[name] = why
    elif 'running' in counts:
      time.sleep(_POLL)
    else:
      break
  results = _finish(workdir)
  failures.update(
    (name, workdir_lib.failure(plan.unit_path(workdir, name)))
    for name, found in plan.status(workdir).items()
    if found == 'failed' and name not in failures
  )
  if failures:
    lines = '; '.join(f'{n} ({why})' for n, why in failures.items())
    rest = '; the rest is done' if len(failures) < len(now) else ''
    raise Unfinished(
      f'{len(failures)} of {len(now)} unit(s) failed: {lines}{rest}'
    )
  return results
