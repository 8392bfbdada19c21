"""How far all units of a study have come, now and then."""

import pathlib
import re
import threading
import time

from bvae_jax import workdir as workdir_lib
from bvae_jax.studies import plan
from bvae_jax.training import progress as progress_lib
from launch import common

_SECONDS = 20.0  # between two lines
_TAIL = 2**20  # bytes of a log that hold its last line
_LINE = re.compile(rb'"group": (\d+), "step": (\d+), "time"')


def _last(path: pathlib.Path) -> tuple[int, int]:
  """The program and the step of a log's last line; (0, 0) where it has none."""
  if not path.exists():
    return 0, 0
  with path.open('rb') as file:
    file.seek(max(0, path.stat().st_size - _TAIL))
    found = _LINE.findall(file.read())
  return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


class Watch:
  """Tells of all units while it is entered, in a thread of its own.

  Args:
    workdir: the study's folder.
  """

  def __init__(self, workdir: plan.PathLike) -> None:
    self._workdir = workdir
    config = plan.read_plan(workdir)
    self._units, self._totals = config.units, {}
    for name, parts in plan.jobs(config).items():
      steps = config.units[name].num_steps
      self._totals |= {part: steps for part in parts}
      self._totals[name] = 0 if parts else steps
    self._begin, self._start = time.monotonic(), self._done()[0]
    self._ended = threading.Event()
    self._thread = threading.Thread(target=self._tell, daemon=True)

  def _taken(self, name: str) -> float:
    """The steps in a job's log, the mean of programs that train in turns.

    None of a job that puts parts together: their logs are its own by then.
    """
    if not self._totals[name]:
      return 0.0
    folder = workdir_lib.Workdir(plan.unit_path(self._workdir, name))
    group, step = _last(folder.log_path)
    if '@' in name:  # one of the programs of its unit
      return step
    cohorts = folder.cohorts(self._units[name])
    programs = sum(cohort.programs for cohort in cohorts) or 1
    return (group * self._totals[name] + step) / programs

  def _done(self) -> tuple[int, dict[str, str]]:
    """Steps taken of all units, and the state of each."""
    states = plan.status(self._workdir)
    steps = sum(
      total if states[name] == 'done' else self._taken(name)
      for name, total in self._totals.items()
    )
    return steps, states

  def line(self) -> str:
    """'units: 1 done, 2 running (a 40 %, b 5 %), 3 todo; 12 % of all steps'."""
    steps, states = self._done()
    parts = []
    for state in sorted(set(states.values())):
      names = [name for name, found in states.items() if found == state]
      totals = {n: self._totals[n] for n in names}
      shares = ', '.join(
        f'{n} {self._taken(n) / total:.0%}' if total else n
        for n, total in totals.items()
      )
      told = f' ({shares})' if state == 'running' else ''
      parts.append(f'{len(names)} {state}{told}')
    total = sum(self._totals.values())
    left = ''
    if steps > self._start:
      rate = (steps - self._start) / (time.monotonic() - self._begin)
      left = f', {progress_lib.clock((total - steps) / rate)} left'
    return f'units: {", ".join(parts)}; {steps / total:.0%} of all steps{left}'

  def _tell(self) -> None:
    while not self._ended.wait(_SECONDS):
      common.LOG.info('%s', self.line())

  def __enter__(self) -> 'Watch':
    self._thread.start()
    return self

  def __exit__(self, *error) -> None:
    self._ended.set()
    self._thread.join()
