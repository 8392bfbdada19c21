"""Lines of progress, now and then."""

import logging
import time

_SECONDS = 5  # between two lines


class Progress:
  """How far long work on files has come, and how fast.

  Args:
    log: where it is told.
    start: what was done before; the rate leaves it out.
  """

  def __init__(self, log: logging.Logger, start: float = 0) -> None:
    self._log, self._start = log, start
    self._begin = self._told = time.monotonic()

  def tell(self, text: str, done: float, total: float) -> bool:
    """Logs '`text`: 3 of 7, 2/s' at most every few seconds, and at the end.

    Returns:
      Whether it did.
    """
    now = time.monotonic()
    if now - self._told < _SECONDS and done != total:
      return False
    self._told = now
    rate = (done - self._start) / max(now - self._begin, 1e-9)
    self._log.info('%s: %d of %d, %.0f/s', text, done, total, rate)
    return True
