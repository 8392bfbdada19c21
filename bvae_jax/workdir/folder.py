"""A folder of one command: its lock, whole writes, sums of its files."""

import contextlib
import hashlib
import logging
import os
import pathlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from bvae_jax import parallel
from bvae_jax.workdir import files, locks

_LOG = logging.getLogger(__name__)

MANIFEST = 'manifest.json'
PLAN = 'plan.json'  # of a study's folder
FAILURE = 'error.txt'  # of a unit that failed: why
# What is no part of a finished run: locks, a worker's log, the rest of a kill.
_PASSING = re.compile(r'manifest\.json|.*\.lock|unit\.log|.*\.part')
# What is written under the lock of a run.
_LOCKED = (
  'config.json', 'groups.json', 'training.json', 'images.json',
  'results.json', 'results.csv', 'metrics.jsonl', 'report.html',
  'explorer.html', 'traversals.gif', 'traversals/step_*.png',
)  # fmt: skip


def failure(folder: pathlib.Path) -> str:
  """What went wrong with a unit: the last line of its error.txt, if any."""
  path = folder / FAILURE
  if not path.exists():
    return ''
  text = path.read_text(encoding='utf-8', errors='replace')
  return text.strip().rpartition('\n')[2]


def _sha256(path: pathlib.Path) -> str:
  return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_nameable(text: str) -> None:
  """Refuses a path that Orbax, for which names are UTF-8, would not find."""
  encoding = sys.getfilesystemencoding()
  if encoding != 'utf-8' and not os.path.abspath(text).isascii():
    shown = os.fsencode(text).decode(errors='replace')
    raise files.WorkdirError(
      f'workdir {shown}: file names are {encoding} in this locale; set '
      'PYTHONUTF8=1'
    )


class Folder:
  """Files that the first of several hosts writes.

  Raises:
    WorkdirError: the path is no name of a folder here: that of a bucket, no
      UTF-8, or below the home of nobody.
  """

  def __init__(self, path: str | os.PathLike):
    text = os.fspath(path)
    if re.match(r'[A-Za-z][\w+.-]*://', text):
      raise files.WorkdirError(
        f'workdir {text} is no folder of this machine; choose a local path, or '
        'mount the bucket and give the folder where it is mounted'
      )
    _check_nameable(text)
    if text != text.encode(errors='replace').decode():
      raise files.WorkdirError(
        f'workdir {text!r} is no UTF-8; choose another name'
      )
    try:
      self.path = pathlib.Path(text).expanduser()
    except RuntimeError as error:  # ~NAME of nobody
      raise files.WorkdirError(
        f'workdir {text}: no such user here; give the whole path'
      ) from error

  @property
  def holds_study(self) -> bool:
    """Whether the folder is that of a study of runs."""
    return (self.path / PLAN).exists()

  def _make(self) -> None:
    if self.holds_study:
      raise files.WorkdirError(
        f'workdir {self.path} holds a study; choose another --workdir'
      )
    self.make()

  def make(self) -> None:
    """Makes the folder, whose files this process must be able to write.

    Raises:
      WorkdirError: it cannot.
    """
    try:
      self.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
      raise files.WorkdirError(
        f'workdir {self.path} is a file or a broken link, or lies below one; '
        'choose a folder'
      ) from error
    except OSError as error:
      raise files.WorkdirError(
        f'workdir {self.path} cannot be made: {error.strerror}'
      ) from error
    self.check_writable()

  def check_writable(self) -> None:
    """Refuses, before any work, a folder that its results could not go to.

    Raises:
      WorkdirError: it is a file or lies below one, or it, or where it is to
        be made, is closed to this user.
    """
    whole = self.path.absolute()
    # What is not there is made below the nearest folder that is.
    there = next(p for p in (whole, *whole.parents) if os.path.lexists(p))
    shown = self.path if there == whole else there
    if not there.is_dir():
      what = 'a file' if there.exists() else 'a broken link'
      raise files.WorkdirError(f'{shown} is {what}; choose a folder')
    if os.access(there, os.W_OK | os.X_OK):
      return
    if there != whole:
      raise files.WorkdirError(
        f'{self.path} cannot be made: {there} is not writable; choose another '
        'folder'
      )
    raise files.WorkdirError(
      f'workdir {self.path} is not writable; copy it and give the copy, or '
      'choose another'
    )

  @contextlib.contextmanager
  def lock(self) -> Iterator[None]:
    """Holds the folder for one command; the kernel frees it after a kill.

    Raises:
      Busy: another command holds it.
    """
    self._make()
    if not parallel.is_first_host():
      yield
      return
    with locks.passing(self.path / locks.RUN_LOCK, f'workdir {self.path}'):
      files.sweep(self.path, *_LOCKED)
      yield

  def seal(self, names: Iterable[str] | None = None) -> None:
    """Writes manifest.json: the sha256 of each file of a run that is done.

    Args:
      names: the files that have changed of a run that is sealed (of others,
        nothing is written); None means all of them. Checkpoints have their
        own sums.
    """
    # Not the run's lock: pages are made anew beside a command that holds it.
    path = self.path / locks.MANIFEST_LOCK
    if names is None or (self.path / MANIFEST).exists():
      with locks.passing(path, f'{self.path / MANIFEST}', locks.PATIENCE):
        self._seal(names)

  def _seal(self, names: Iterable[str] | None) -> None:
    sums = {} if names is None else self._sums()
    if names is None:
      paths = [*self.path.glob('*'), *self.path.glob('traversals/*')]
      names = [
        str(path.relative_to(self.path))
        for path in paths
        if path.is_file() and not _PASSING.fullmatch(path.name)
      ]
    sums |= {name: _sha256(self.path / name) for name in names}
    self.replace(MANIFEST, files.json_text(dict(sorted(sums.items()))))

  def _sums(self) -> dict[str, str]:
    path = self.path / MANIFEST
    return files.read_json(path) if path.exists() else {}

  def changed(self, only: str = '') -> list[str]:
    """Files that are missing, or other than manifest.json has them.

    Args:
      only: the one file to look at; by default all of them.
    """
    return [
      name
      for name, digest in self._sums().items()
      if only in ('', name)
      and not _PASSING.fullmatch(name)  # manifests of before have them
      and not (
        (self.path / name).is_file() and _sha256(self.path / name) == digest
      )
    ]

  def lacks(self, pages: Sequence[str]) -> bool:
    """Whether pages of a finished run are to be drawn anew.

    Of what else is other than it was, and cannot be made again, the log tells.
    """
    changed = self.changed()
    lost = [name for name in changed if name not in pages]
    if lost:
      _LOG.warning(
        '%s: %s changed since the run was finished (no score depends on it)',
        self.path,
        ', '.join(lost),
      )
    absent = [name for name in pages if not (self.path / name).exists()]
    return bool(absent or set(pages) & set(changed))

  def replace(self, name: str, content: str | bytes) -> None:
    """Replaces a file of the run; of several hosts, the first one does."""
    if parallel.is_first_host():
      files.replace_file(self.path / name, content)

  def discard(self, name: str) -> None:
    """Removes a file of the run if it is there."""
    if parallel.is_first_host():
      (self.path / name).unlink(missing_ok=True)
