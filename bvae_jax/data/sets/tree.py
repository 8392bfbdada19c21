"""Files of a folder, a zip or a tar, read by name; nothing is unpacked."""

import gzip
import io
import itertools
import os
import pathlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import numpy as np

from bvae_jax import parallel
from bvae_jax.data import decode, files

_AT_ONCE = 512  # files decoded together
_BLOCK = 1 << 20  # bytes
_DAMAGED = (
  zipfile.BadZipFile,
  tarfile.TarError,
  gzip.BadGzipFile,
  zlib.error,
  EOFError,
)


def members(
  path: pathlib.Path, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
  """The wanted files with their contents, in the order in which they lie.

  What macOS lays beside them is none of them.

  Raises:
    ValueError: no folder, zip or tar; a damaged or an encrypted one; or one
      with names that point out of it.
  """
  able = lambda name: not files.is_resource_fork(name) and wanted(name)
  try:
    if path.is_dir():
      yield from _folder(path, able)
    elif files.kind(path) == 'zip':
      yield from _zip(path, able)
    elif tarfile.is_tarfile(path):
      yield from _tar(path, able)
    else:
      what = files.foreign(path) or 'no zip or tar by its first bytes'
      raise ValueError(f'{path}: {what}')
  except _DAMAGED as error:
    raise ValueError(f'{path}: damaged or cut short: {error}') from error
  except (RuntimeError, NotImplementedError, OSError) as error:
    raise ValueError(f'{path}: cannot be read: {error}') from error


def names(path: pathlib.Path) -> list[str]:
  """Of the files, none of which is read; errors as `members`."""
  found: list[str] = []
  for _ in members(path, lambda name: bool(found.append(name))):
    pass
  return found


def _folder(path: pathlib.Path, wanted: Callable) -> Iterator:
  for root, folders, names in os.walk(path):
    folders.sort()
    for name in sorted(names):
      file = pathlib.Path(root) / name
      relative = file.relative_to(path).as_posix()
      if wanted(relative):
        yield relative, file.read_bytes()


def _zip(path: pathlib.Path, wanted: Callable) -> Iterator:
  with zipfile.ZipFile(path) as archive:
    for info in archive.infolist():
      _inside(path, info.filename)
      if not info.is_dir() and wanted(info.filename):
        yield info.filename, archive.read(info)


def _tar(path: pathlib.Path, wanted: Callable) -> Iterator:
  with tarfile.open(path) as archive:
    for info in archive:
      _inside(path, info.name)
      if info.isfile() and wanted(info.name):
        stream: Any = archive.extractfile(info)
        yield info.name, stream.read()
    # To the end, which verifies the checksum of gzip.
    while archive.fileobj and archive.fileobj.read(_BLOCK):
      pass


def _inside(path: pathlib.Path, name: str) -> None:
  parts = pathlib.PurePosixPath(name.replace('\\', '/'))
  if parts.is_absolute() or '..' in parts.parts:
    raise ValueError(f'{path}: holds the name {name}, which points out of it')


def only(path: pathlib.Path, ending: str) -> bytes:
  """The contents of the one file whose name ends so.

  Raises:
    ValueError: none, or several.
  """
  found = dict(members(path, lambda name: name.endswith(ending)))
  if len(found) != 1:
    raise ValueError(f'{path}: must hold one {ending}, holds {len(found)}')
  return next(iter(found.values()))


def array(name: str, content: bytes) -> np.ndarray:
  """An array from the bytes of a .npy; nothing is unpickled.

  Raises:
    ValueError: other bytes.
  """
  try:
    return np.load(io.BytesIO(content), allow_pickle=False)
  except (ValueError, EOFError):
    raise ValueError(f'{name}: no .npy of numbers, or one cut short') from None


def pictures(
  path: pathlib.Path, row_of: Callable[[str], int | None], image_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Images of files, decoded in threads: rows [b], uint8 [b, S, S, 3].

  Args:
    path: the folder, zip or tar.
    row_of: from a name to its row; None of what is no image of the set.
    image_size: S, of a centre crop.

  Raises:
    ValueError: one that cannot be decoded.
  """

  from PIL import UnidentifiedImageError

  def one(item: tuple[str, bytes]) -> np.ndarray:
    try:
      return decode.read(io.BytesIO(item[1]), image_size, 3, 'crop')
    except UnidentifiedImageError:  # whose words tell of the stream
      raise ValueError(f'{path}: {item[0]}: no image by its bytes') from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything
      raise ValueError(f'{path}: {item[0]}: {error}') from error

  found = members(path, lambda name: row_of(name) is not None)
  with futures.ThreadPoolExecutor(parallel.cores()) as pool:
    while block := list(itertools.islice(found, _AT_ONCE)):
      rows = np.array([row_of(name) for name, _ in block])
      yield rows, np.stack(list(pool.map(one, block)))
