"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import contextlib
import logging
import sys
import time

import rich.console
import rich.progress

_LOG = logging.getLogger(__name__)


class Progress:
  """Rate and time left over the steps since the start, compilation left out.

  Args:
    total: steps of the whole run.
    start: steps taken before this process.
    members: size of the population; rates count member steps.
  """

  def __init__(self, total: int, start: int, members: int):
    self._total, self._start, self._members = total, start, members
    self._begin = time.monotonic()
    self._told = -float('inf')
    self._bar = None
    if sys.stderr and sys.stderr.isatty() and _shown():  # none: `2>&-`
      self._bar = rich.progress.Progress(
        rich.progress.TextColumn('training'),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn('{task.fields[status]}'),
        console=rich.console.Console(stderr=True),
      )
      self._task = self._bar.add_task(
        'training', total=total, completed=start, status=''
      )
      with contextlib.suppress(OSError):
        self._bar.start()

  def update(self, step: int, status: str) -> None:
    """Shows a step; plain lines at most every ten seconds, and the last."""
    now = time.monotonic()
    rate = (step - self._start) / max(now - self._begin, 1e-9)
    speed = f'{rate * self._members:.3g} member steps/s'
    if self._bar is not None:
      self._bar.update(self._task, completed=step, status=f'{speed}  {status}')
    elif now - self._told >= 10 or step == self._total:
      self._told = now
      left = (self._total - step) / rate
      told = f'{status}  {speed}  {clock(left)} left'
      _LOG.info('step %d/%d  %s', step, self._total, told)

  def close(self) -> None:
    """Takes the bar away; the terminal may be closed by now."""
    if self._bar is not None:
      with contextlib.suppress(OSError):
        self._bar.stop()


class Parts:
  """Plain lines of what takes a known number of equal parts.

  Args:
    title: what it is.
    parts: how many.
    unit: what they are called.
  """

  def __init__(self, title: str, parts: int, unit: str = 'parts'):
    self._title, self._parts, self._unit, self._done = title, parts, unit, 0
    self._begin = self._told = time.monotonic()

  def tick(self) -> None:
    """One part is done; a line at most every ten seconds."""
    self.at(self._done + 1)

  def at(self, done: int) -> None:
    """So many are done; a line at most every ten seconds."""
    self._done = done
    now = time.monotonic()
    if now - self._told >= 10 and self._done < self._parts:
      self._told = now
      left = (now - self._begin) / self._done * (self._parts - self._done)
      told = f'{done} of {self._parts} {self._unit}, {clock(left)} left'
      _LOG.info('%s: %s', self._title, told)

  def close(self) -> None:
    """All is done: the time it took."""
    _LOG.info('%s: %.1f s', self._title, time.monotonic() - self._begin)


def _shown() -> bool:
  """Whether the screen has more than warnings, which `--quiet` leaves."""
  handlers = logging.getLogger('bvae_jax').handlers
  return all(handler.level <= logging.INFO for handler in handlers)


def clock(seconds: float) -> str:
  """Seconds as 1h02m, 3m04s or 5s."""
  seconds = round(seconds)
  if seconds >= 3600:
    return f'{seconds // 3600}h{seconds % 3600 // 60:02d}m'
  if seconds >= 60:
    return f'{seconds // 60}m{seconds % 60:02d}s'
  return f'{seconds}s'
