"""Ctrl-C of a command: a quiet end while it imports, one line once it runs.

Python's KeyboardInterrupt, raised at any bytecode, breaks imports of compiled
code halfway, and is lost where it meets a callback of the garbage collector.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

from bvae_jax import catalogue

_WHY = 'interrupted; run the same command again'
_SOON = 0.05  # seconds


def end_quietly() -> None:
  """Until `told`, Ctrl-C ends the process as the system has it.

  Not where it is ignored, as in the background of a script.
  """
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def told() -> Iterator[None]:
  """Ctrl-C raises KeyboardInterrupt within, which nothing swallows."""
  if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
    signal.signal(signal.SIGINT, signal.default_int_handler)
  old, sys.unraisablehook = sys.unraisablehook, _again
  try:
    yield
  finally:
    sys.unraisablehook = old


def _again(unraisable: 'sys.UnraisableHookArgs') -> None:
  """Raises a KeyboardInterrupt once more that met where none can be raised."""
  if unraisable.exc_type is KeyboardInterrupt:
    main = threading.main_thread().ident
    threading.Timer(_SOON, signal.pthread_kill, (main, signal.SIGINT)).start()
  else:
    sys.__unraisablehook__(unraisable)


def end(why: str = _WHY) -> NoReturn:
  """Ends in one line on Ctrl-C; a command by its signal.

  A shell ends its loop over commands only if the one that ran died of SIGINT.
  One of several hosts says goodbye to the others instead.
  """
  hosts = sys.modules.get('jax.distributed')  # some commands do without JAX
  alone = hosts is None or not hosts.is_initialized()
  if alone and catalogue.is_command():
    atexit.register(_die)
  sys.exit(f'error: {why}')


def _die() -> None:
  with contextlib.suppress(OSError):  # as `usage.printed` does
    sys.stdout.flush()
  signal.signal(signal.SIGINT, signal.SIG_DFL)
  os.kill(os.getpid(), signal.SIGINT)
