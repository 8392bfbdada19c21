"""Decoded images, kept once as a memory-mapped array in the user's cache."""

import hashlib
import json
import logging
import mmap
import os
import pathlib
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import numpy as np

from bvae_jax import parallel
from bvae_jax.data import progress

_LOG = logging.getLogger(__name__)
_DAY = 86_400  # [s]
_VERSION = 4  # of how images are decoded: another makes them anew
# Keys of config.dataset that say how.
SETTINGS = ('image_size', 'channels', 'fit')


class Decoded(NamedTuple):
  """Images, and which of the sources they are."""

  name: str  # the fingerprint
  images: np.ndarray  # uint8 [N, S, S, C], memory-mapped
  rows: list[int]  # the source of each image
  skipped: dict[int, str]  # {source: why it could not be decoded}
  words: str  # how they were decoded


def folder() -> pathlib.Path:
  """The user's cache folder of the package."""
  home = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
  return pathlib.Path(home).expanduser() / 'bvae_jax'


def advise(array: np.ndarray, advice: str) -> None:
  """Tells the system how a memory-mapped array is used, where it listens.

  After 'MADV_DONTNEED' its pages stay in the system's cache and are written as
  ever, but are none of this process's.
  """
  mapped, number = getattr(array, '_mmap', None), getattr(mmap, advice, 0)
  if mapped is not None and number:
    mapped.madvise(number)


def mapped(path: pathlib.Path, shape: tuple[int, ...]) -> np.memmap:
  """A new array of bytes in a file, which has its room on the disk.

  Without it, a disk that fills up later ends the process by SIGBUS.

  Raises:
    OSError: there is no room.
  """
  made = np.lib.format.open_memmap(path, 'w+', np.uint8, shape)
  if hasattr(os, 'posix_fallocate'):  # macOS has none
    with open(path, 'r+b') as file:
      os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
  return made


def fingerprint(paths: list[pathlib.Path], settings: dict[str, Any]) -> str:
  """A name that changes with a file's path, size or time, or a setting."""

  def facts_of(path: pathlib.Path) -> tuple[str, int, int]:
    try:
      stat = path.stat()
    except OSError:  # a link that leads nowhere
      return str(path.absolute()), -1, 0
    return str(path.absolute()), stat.st_size, stat.st_mtime_ns

  facts = [facts_of(path) for path in paths]
  text = json.dumps([_VERSION, settings, facts])
  return hashlib.sha256(text.encode()).hexdigest()[:24]


def decoded(
  name: str,
  shape: tuple[int, int, int],
  count: int,
  decode: Callable[[int], np.ndarray],
  words: str,
) -> Decoded:
  """Decodes `count` images in threads.

  Args:
    name: the fingerprint.
    shape: (S, S, C) of each image.
    count: the number of sources.
    decode: from a source's number to uint8 [S, S, C]; may raise anything.
    words: how they are decoded, for `Decoded`.

  Raises:
    OSError: the cache cannot be written, or the disk has no room.
    ValueError: no image could be decoded.
  """
  home = folder()
  try:
    home.mkdir(parents=True, exist_ok=True)
    here = platform.node()  # the cache may be shared by machines
    sweep(home, f'making_*.{here}', _DAY)
    with tempfile.TemporaryDirectory(
      dir=home, prefix='making_', suffix=f'.{here}.{os.getpid()}'
    ) as making:
      path = pathlib.Path(making) / 'images.npy'
      need = 2 * count * int(np.prod(shape))
      free = shutil.disk_usage(home).free
      if need > free:
        raise OSError(f'{need:,} bytes needed, {free:,} free')
      made = mapped(path, (count, *shape))
      skipped = _fill(made, decode)
      rows = [i for i in range(count) if i not in skipped]
      if not rows:
        raise ValueError(
          f'none of {count} images could be decoded; the first: {skipped[0]}'
        )
      if skipped:
        path = pathlib.Path(making) / 'kept.npy'
        kept = mapped(path, (len(rows), *shape))
        for i, row in enumerate(rows):
          kept[i] = made[row]
        made = kept
      made.flush()
      facts = {'rows': rows, 'skipped': list(skipped.items()), 'words': words}
      note = pathlib.Path(making) / 'facts.json'
      note.write_text(json.dumps(facts), encoding='utf-8')
      os.replace(path, home / f'{name}.npy')  # the note last: all is there
      os.replace(note, home / f'{name}.json')
  except OSError as error:
    raise OSError(
      f'{home}: the cache of decoded images cannot be written: {error}; set '
      'XDG_CACHE_HOME to another folder'
    ) from error
  found = find(name)
  assert found is not None
  return found


def find(name: str) -> Decoded | None:
  """What was decoded before, or None."""
  path, note = folder() / f'{name}.npy', folder() / f'{name}.json'
  try:
    facts = json.loads(note.read_text(encoding='utf-8'))
    images = np.load(path, mmap_mode='r', allow_pickle=False)
    rows, skipped = [*facts['rows']], dict(facts['skipped'])
    found = Decoded(name, images, rows, skipped, facts['words'])
  except (OSError, ValueError, EOFError, KeyError, TypeError):  # damaged
    return None
  return found if len(images) == len(rows) else None


def sweep(home: pathlib.Path, start: str, age: float = 0) -> None:
  """Takes away what killed processes left: START.PID, of no living PID.

  Args:
    home: the folder.
    start: of the names, a pattern.
    age: since they were made [s], where processes may not see each other.
  """
  for left in home.glob(f'{start}.*'):
    number = left.name.rpartition('.')[2]
    try:
      if time.time() - left.stat().st_mtime < age:
        continue
      os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
      shutil.rmtree(left, ignore_errors=True)
    except (PermissionError, FileNotFoundError):  # somebody's, alive; gone
      continue


def digest(order: np.ndarray) -> str:
  """A name of an order of images, int [N]."""
  return hashlib.sha256(order.astype('<i8').tobytes()).hexdigest()[:24]


def in_order(found: Decoded, order: np.ndarray) -> Decoded:
  """The images `order`, int [N], of those that were decoded."""
  if (order == np.arange(len(found.images))).all():
    return found
  name = f'{found.name}_{digest(order)}'
  shape, one = found.images.shape[1:], lambda i: found.images[order[i]]
  return find(name) or decoded(name, shape, len(order), one, found.words)


def _fill(
  made: np.ndarray, decode: Callable[[int], np.ndarray]
) -> dict[int, str]:
  """Decodes every row; returns why some could not be."""
  told = progress.Progress(_LOG)

  def one(i: int) -> str:
    try:
      made[i] = decode(i)
    except Exception as error:  # noqa: BLE001 - decoders raise anything
      return ' '.join(str(error).split()) or type(error).__name__
    return ''

  skipped = {}
  with futures.ThreadPoolExecutor(parallel.cores()) as pool:
    for i, why in enumerate(pool.map(one, range(len(made)))):
      if why:
        skipped[i] = why
      if told.tell('decoded images', i + 1, len(made)):
        advise(made, 'MADV_DONTNEED')
  return skipped
