"""Named arrays in an .npz or HDF5 file, read some rows at a time."""

import functools
import math
import pathlib
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from bvae_jax.data import files

CHUNK = 4096  # images read at a time: `imgs` of dSprites is 3 GB in all


class Stored(NamedTuple):
  """An array in a file.

  Attributes:
    shape: of the array.
    chunks: () -> all rows, in order.
  """

  shape: tuple[int, ...]
  chunks: Callable[[], Iterator[np.ndarray]]

  def rows(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All rows, in order, each chunk with the numbers of its rows."""
    start = 0
    for part in self.chunks():
      yield np.arange(start, start + len(part)), part
      start += len(part)

  def whole(self) -> np.ndarray:
    """The array at once."""
    return np.concatenate(list(self.chunks()))


def _npz_chunks(path: pathlib.Path, name: str) -> Iterator[np.ndarray]:
  with files.named_errors(path), zipfile.ZipFile(path) as archive:
    yield from member_chunks(archive, name)


def _hdf5_chunks(path: pathlib.Path, name: str) -> Iterator[np.ndarray]:
  h5py = files.require_h5py()
  with files.named_errors(path), h5py.File(path, 'r') as file:
    for start in range(0, file[name].shape[0], CHUNK):
      yield file[name][start : start + CHUNK]


def names(path: pathlib.Path) -> list[str]:
  """The names of the arrays in a file, with slashes.

  Raises:
    ValueError: another kind of file, or a damaged one.
  """
  if path.is_dir():
    raise ValueError(f'{path}: a folder; name the .npz or HDF5 file in it')
  kind = files.kind(path)
  if kind not in ('zip', 'hdf5'):
    what = files.foreign(path) or 'no .npz or HDF5 file by its first bytes'
    raise ValueError(f'{path}: {what}')
  with files.named_errors(path):
    if kind == 'hdf5':
      return list(files.hdf5_shapes(path))
    with zipfile.ZipFile(path) as archive:
      found = archive.namelist()
    return [n.removesuffix('.npy') for n in found if n.endswith('.npy')]


def open_stored(path: pathlib.Path, name: str) -> Stored:
  """Opens an array of numbers by name; nothing is unpickled.

  Raises:
    ValueError: another kind of file, a damaged one, no such array, or one that
      holds no numbers.
  """
  found = names(path)
  if name not in found:
    raise ValueError(
      f'{path}: holds no {name}, only {", ".join(found) or "nothing"}'
    )
  with files.named_errors(path):
    if files.kind(path) == 'hdf5':
      shape, chunks = files.hdf5_shapes(path)[name], _hdf5_chunks
    else:
      with zipfile.ZipFile(path) as archive:
        _, (shape, _, _) = open_member(archive, name)
      chunks = _npz_chunks
    if not shape or not shape[0]:
      raise ValueError(f'{name} holds no rows, its shape is {shape}')
    return Stored(shape, functools.partial(chunks, path, name))


def open_member(archive: zipfile.ZipFile, name: str) -> tuple[Any, Any]:
  """Opens a member of an .npz: its stream, and (shape, fortran, dtype).

  Raises:
    ValueError: no such member, or one of other things than numbers.
    RuntimeError: it is encrypted.
  """
  if f'{name}.npy' not in archive.namelist():
    raise ValueError(f'no {name} in the archive, only {archive.namelist()}')
  stream = archive.open(f'{name}.npy')
  header = files.header(stream)
  if header[2].kind not in 'biuf':
    raise ValueError(f'{name} must be a plain array, got {header[2]}')
  return stream, header


def member_chunks(archive: zipfile.ZipFile, name: str) -> Iterator[np.ndarray]:
  """Reads a member, `CHUNK` rows at a time; all at once in Fortran order.

  Raises:
    ValueError, RuntimeError: as `open_member` does.
    EOFError: it ends early.
  """
  stream, (shape, fortran, dtype) = open_member(archive, name)
  count = shape[0] if fortran else CHUNK
  for start in range(0, shape[0], max(count, 1)):
    rows = min(count, shape[0] - start), *shape[1:]
    num_bytes = math.prod(rows) * dtype.itemsize
    content = stream.read(num_bytes)
    if len(content) < num_bytes:
      raise EOFError('an array ends early')
    order = 'F' if fortran else 'C'
    yield np.frombuffer(content, dtype).reshape(rows, order=order)
  stream.read()  # To the end, which verifies the checksum.
