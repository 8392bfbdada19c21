"""Orbax, without what it logs and prints beside the errors that it raises."""

import contextlib
import functools
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

_ROOT = logging.getLogger()
_HANDLERS = [*_ROOT.handlers]
import orbax.checkpoint as ocp  # noqa: E402

# It logs as it is imported, which sets up the logging of the whole program.
_ROOT.handlers[:] = _HANDLERS

_OS_ERROR = re.compile(r': ([^:]+) \[os_error_code=')

__all__ = ['first_line', 'ignore_late_threads', 'ocp', 'quiet']


def first_line(error: BaseException) -> str:
  """What an error of Orbax says, in a line."""
  if isinstance(error, OSError) and error.strerror:
    return error.strerror
  text = str(error).splitlines()[0] if str(error) else repr(error)
  system = _OS_ERROR.search(text)  # the rest is how Orbax calls its files
  return system[1] if system else text


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Without the tracebacks that Orbax logs for what is raised as well."""
  names = ('absl', 'orbax', 'asyncio')
  loggers = [logging.getLogger(name) for name in names]
  levels = [logger.level for logger in loggers]
  for logger in loggers:
    logger.setLevel(logging.CRITICAL)
  try:
    yield
  finally:
    for logger, level in zip(loggers, levels, strict=True):
      logger.setLevel(level)


@functools.cache
def ignore_late_threads() -> None:
  """Keeps threads of what failed from printing that their loop is gone.

  They do so, some forty times, at any moment after Orbax has raised; asyncio
  tells of the other writes that failed as they did.
  """
  hook = sys.unraisablehook

  def ignore(found: Any) -> None:
    if str(found.exc_value) != 'Event loop is closed':
      hook(found)

  sys.unraisablehook = ignore
  logging.getLogger('asyncio').addFilter(
    lambda record: not _OS_ERROR.search(record.getMessage())
  )
