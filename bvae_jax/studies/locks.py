"""Locks of a study: the kernel drops those of a process that has died."""

import contextlib
import fcntl
import os
import pathlib
import socket
import time
from collections.abc import Iterator

PATIENCE = 60.0  # seconds for a lock that is held while files are written
GLANCE = 1.0  # seconds for a unit's lock, which others hold to look at it


class Busy(RuntimeError):
  """Another process holds what this one needs."""


@contextlib.contextmanager
def locked(path: pathlib.Path, what: str, patience: float) -> Iterator[None]:
  """Holds a lock file, which tells by whom; Busy after `patience` seconds."""
  limit = time.monotonic() + patience
  with path.open('a+') as file:
    while True:
      try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
      except BlockingIOError:
        if time.monotonic() >= limit:
          raise Busy(
            f'{what} is in the hands of {path.read_text()}; wait for it to end'
          ) from None
        time.sleep(0.05)
    file.truncate(0)
    file.write(f'process {os.getpid()} on {socket.gethostname()}')
    file.flush()
    try:
      yield
    finally:  # a child that is forked meanwhile shares the file, and the lock
      fcntl.flock(file, fcntl.LOCK_UN)


def is_held(path: pathlib.Path) -> bool:
  """Whether a process holds the lock; those who look do not hinder others."""
  with path.open('a+') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
      return True
    fcntl.flock(file, fcntl.LOCK_UN)
  return False
