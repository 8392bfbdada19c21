"""Signals: what asks a run to stop between two chunks."""

import logging
import signal
from types import FrameType
from typing import Any

_LOG = logging.getLogger(__name__)


class Interrupted(RuntimeError):
  """A signal asked the run to stop; what it computed is in its checkpoint.

  Attributes:
    received: the name of the signal; None if another host has received it.
  """

  def __init__(self, received: str | None, what: str = '') -> None:
    super().__init__(received, what)
    self.received = received

  def __str__(self) -> str:
    who, what = self.received or 'another host', self.args[1]
    return f'{who}{what}; run the same command again to resume'


def numbers() -> list[signal.Signals]:
  """Those that stop a run: SIGTERM, Ctrl-C, and a terminal that is closed.

  SIGHUP only where it is not ignored, as under nohup.
  """
  found = [signal.SIGTERM, signal.SIGINT]
  kept = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
  return found if kept else [*found, signal.SIGHUP]


class Signals:
  """Turns `numbers` into a flag that the loop reads."""

  def __init__(self) -> None:
    self.received: str | None = None
    self._old: dict[int, Any] = {}

  def __enter__(self) -> 'Signals':
    try:
      for number in numbers():
        self._old[number] = signal.signal(number, self._set)
    except ValueError:  # not the main thread: the caller has the signals
      pass
    return self

  def _set(self, number: int, frame: FrameType | None) -> None:
    del frame
    if self.received:
      raise KeyboardInterrupt
    self.received = signal.Signals(number).name
    _LOG.warning('%s: stopping after this chunk', self.received)

  def __exit__(self, *unused: object) -> None:
    for number, handler in self._old.items():
      signal.signal(number, handler)
