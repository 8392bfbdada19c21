"""Lock files: the kernel drops the lock of a process that has died."""

import contextlib
import os
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import IO

try:
  import fcntl
except ImportError as error:
  raise ImportError(
    'data sets and runs need the file locks of Linux and macOS: on Windows use '
    'WSL (bvae_jax.losses, metrics and models need none)'
  ) from error

RUN_LOCK = '.lock'  # of a run or a study, held while it is written
MANIFEST_LOCK = '.manifest.lock'  # held while manifest.json is written
UNIT_LOCK = 'unit.lock'  # beside a run's own lock, held by who runs the unit
PATIENCE = 60.0  # seconds for a lock that is held while files are written
GLANCE = 1.0  # seconds for a unit's lock, which others hold to look at it


class Busy(OSError):
  """Another process holds what this one needs."""


def take(file: IO) -> None:
  """Locks an open file until it is closed or its process dies.

  Raises:
    BlockingIOError: another process holds it.
  """
  fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _taken(path: pathlib.Path, what: str, patience: float) -> IO:
  """The open lock file, held; one whose holder deletes it is made anew."""
  limit = time.monotonic() + patience
  while True:
    file = path.open('a+')
    try:
      take(file)
      if os.fstat(file.fileno()).st_nlink:
        return file
      told = f'{what} was in use until now; run the command again'
    except BlockingIOError:
      file.seek(0)
      told = (
        f'{what} is in use by {file.read() or "another command"}; wait for it '
        'to end, or choose another --workdir'
      )
    file.close()
    if time.monotonic() >= limit:
      raise Busy(told)
    time.sleep(0.05)


@contextlib.contextmanager
def locked(
  path: pathlib.Path, what: str, patience: float = 0.0
) -> Iterator[None]:
  """Holds a lock file, which tells by whom.

  Args:
    path: of the file; made when missing.
    what: it stands for.
    patience: seconds to wait for another holder.

  Raises:
    Busy: another process holds it.
  """
  with _taken(path, what, patience) as file:
    name = f'process {os.getpid()} on {socket.gethostname()}'
    with contextlib.suppress(OSError):  # a full disk: a lock without a name
      file.truncate(0)
      os.write(file.fileno(), name.encode())
    try:
      yield
    finally:  # a child that is forked meanwhile shares the file, and the lock
      fcntl.flock(file, fcntl.LOCK_UN)


@contextlib.contextmanager
def passing(
  path: pathlib.Path, what: str, patience: float = 0.0
) -> Iterator[None]:
  """As `locked`; the file goes when its holder is done."""
  with locked(path, what, patience):
    try:
      yield
    finally:
      path.unlink(missing_ok=True)


def is_held(path: pathlib.Path) -> bool:
  """Whether a process holds the lock; those who look do not hinder others."""
  with path.open('a+') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
      return True
    fcntl.flock(file, fcntl.LOCK_UN)
  return False
