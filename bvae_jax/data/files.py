"""Files that hold an array of images, told by their first bytes."""

import contextlib
import math
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from bvae_jax import parallel

_KINDS = {
  b'\x93NUMPY': 'npy',
  b'PK\x03\x04': 'zip',
  b'PK\x05\x06': 'zip',
  b'\x89HDF\r\n\x1a\n': 'hdf5',
}
ONE_IMAGE = 'one image; give the folder that holds it'
_OTHERS = {
  b'version https://git-lfs': (
    'a Git LFS pointer, not the file itself; run `git lfs pull`'
  ),
  **dict.fromkeys(
    (b'\x80\x02', b'\x80\x03', b'\x80\x04', b'\x80\x05'),
    'a pickle, which could run any code; save it with np.savez',
  ),
  b'\x1f\x8b': 'a gzip file; unpack it first',
  b'MATLAB': 'a MATLAB file; save its arrays as .npz, images as [N, H, W, C]',
  **dict.fromkeys((b'\x89PNG', b'\xff\xd8\xff', b'GIF8', b'RIFF'), ONE_IMAGE),
}


def foreign(path: pathlib.Path) -> str:
  """What a file is that is no image array; empty if its bytes say nothing."""
  with open(path, 'rb') as stream:
    head = stream.read(512)
  if not head:
    return 'an empty file'
  text = head.lstrip().lower()
  if text.startswith((b'<!doctype', b'<html', b'<?xml')):
    return 'an HTML page, perhaps of a failed download; download it anew'
  return next((w for m, w in _OTHERS.items() if head.startswith(m)), '')


def kind(path: pathlib.Path) -> str:
  """'npy', 'zip' or 'hdf5' by the first bytes; empty for anything else."""
  with open(path, 'rb') as stream:
    head = stream.read(16)
  return next((k for m, k in _KINDS.items() if head.startswith(m)), '')


def open_array(
  path: pathlib.Path, key: str = '', ranks: tuple[int, ...] = (3, 4)
) -> np.ndarray:
  """Returns an array in a .npy, .npz or HDF5 file; nothing is unpickled.

  A .npy file is memory-mapped.

  Args:
    path: the file.
    key: the array's name; by default the one that has such a rank.
    ranks: of the array that is looked for; by default those of images.

  Raises:
    ValueError: another kind of file, a damaged one, or not one array of images.
  """
  found = kind(path)
  if not found:
    what = foreign(path) or 'no .npy, .npz or HDF5 file by its first bytes'
    raise ValueError(f'{path}: {what}')
  with named_errors(path):
    if found == 'npy':
      return _npy(path, key)
    return (_npz if found == 'zip' else _hdf5)(path, key, ranks)


def shapes(path: pathlib.Path) -> dict[str, tuple[int, ...]]:
  """The shapes of the named arrays that a .npz or HDF5 file holds.

  Raises:
    ValueError: the file is damaged.
  """
  found = kind(path)
  with named_errors(path):
    if found == 'zip':
      return _npz_shapes(path)[0]
    return hdf5_shapes(path) if found == 'hdf5' else {}


@contextlib.contextmanager
def named_errors(path: pathlib.Path) -> Iterator[None]:
  """What can be wrong with a file, as a ValueError that names it."""
  try:
    yield
  except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
    raise ValueError(f'{path}: damaged or cut short: {error}') from error
  except (ValueError, RuntimeError, NotImplementedError) as error:
    raise ValueError(f'{path}: {error}') from error


def _npy(path: pathlib.Path, key: str) -> np.ndarray:
  if key:
    raise ValueError(f'a .npy has no array by the name of {key}')
  with open(path, 'rb') as stream:
    shape, _, dtype = header(stream)
    size = stream.tell() + math.prod(shape) * dtype.itemsize
  if dtype.hasobject:
    raise ValueError(
      'holds pickled objects, which are not read; save plain arrays'
    )
  if path.stat().st_size < size:
    raise EOFError(f'{path.stat().st_size} of {size} bytes')
  return np.load(path, mmap_mode='r', allow_pickle=False)


def header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
  """Shape, whether in Fortran order, and dtype of a stream of .npy."""
  if np.lib.format.read_magic(stream) == (1, 0):
    return np.lib.format.read_array_header_1_0(stream)
  return np.lib.format.read_array_header_2_0(stream)


def is_resource_fork(name: str) -> bool:
  """Whether a file of this name is what macOS lays beside another."""
  return name.rpartition('/')[2].startswith('._')


def _npz(path: pathlib.Path, key: str, ranks: tuple[int, ...]) -> np.ndarray:
  plain, every = _npz_shapes(path)
  name = _named(key, plain, every) if key else _one(plain, every, ranks)
  with zipfile.ZipFile(path) as archive:
    _check_room(name, archive.getinfo(f'{name}.npy').file_size)
  with np.load(path, allow_pickle=False) as arrays:
    return arrays[name]


def _check_room(name: str, size: int) -> None:
  """Refuses an array of so many bytes before it fills the memory."""
  if size > parallel.host_memory():
    raise ValueError(
      f'{name} has {size / 1e9:.3g} GB, more than the memory of this host; '
      'save it as a .npy, which is read from the disk'
    )


def _npz_shapes(
  path: pathlib.Path,
) -> tuple[dict[str, tuple[int, ...]], list[str]]:
  """The shapes of plain arrays, and the names of all, pickled ones too."""
  with zipfile.ZipFile(path) as archive:
    members = [
      name
      for name in archive.namelist()
      if name.endswith('.npy') and not is_resource_fork(name)
    ]
    if not members:
      raise ValueError('a zip of other files, no .npz; unpack it first')
    found = {}
    for name in members:
      with archive.open(name) as stream:
        found[name.removesuffix('.npy')] = shape, _, dtype = header(stream)
        size = stream.tell() + math.prod(shape) * dtype.itemsize
      held = archive.getinfo(name).file_size
      if held < size and not dtype.hasobject:
        raise EOFError(f'{held} of {size} bytes of {name}')
  plain = {n: s for n, (s, _, d) in found.items() if not d.hasobject}
  return plain, list(found)


def require_h5py() -> Any:
  """The package h5py.

  Raises:
    ValueError: it is not installed; the message names the extra.
  """
  try:
    import h5py  # pyright: ignore[reportMissingImports]
  except ImportError as error:
    raise ValueError(
      'HDF5 needs an extra: pip install "bvae_jax[hdf5]"'
    ) from error
  return h5py


def _hdf5(path: pathlib.Path, key: str, ranks: tuple[int, ...]) -> np.ndarray:
  h5py, found = require_h5py(), hdf5_shapes(path)
  key = key.strip('/')
  name = _named(key, found, found) if key else _one(found, found, ranks)
  opened: Any = h5py.File(path, 'r')
  with opened as file:
    _check_room(name, file[name].nbytes)
    words = h5py.check_string_dtype(file[name].dtype)
    try:  # h5py takes bytes of NumPy for ASCII
      return file[name].asstr('utf-8')[()] if words else file[name][()]
    except UnicodeDecodeError:
      raise ValueError(f'{name} is no UTF-8; save its text anew') from None


def hdf5_shapes(path: pathlib.Path) -> dict[str, tuple[int, ...]]:
  h5py = require_h5py()
  found = {}

  def visit(name: str, item: Any) -> None:
    if isinstance(item, h5py.Dataset) and item.shape is not None:
      found[name] = item.shape  # one without a shape holds nothing

  with h5py.File(path, 'r') as file:
    file.visititems(visit)
  return found


def _named(key: str, able: Any, every: Any) -> str:
  if key in able:
    return key
  if key in every:
    raise ValueError(
      f'{key} holds pickled objects, which are not read; save plain arrays'
    )
  raise ValueError(f'holds no {key} among {", ".join(sorted(every))}')


def _one(
  plain: dict[str, tuple[int, ...]], every: Any, ranks: tuple[int, ...]
) -> str:
  """The name of the one array that has such a rank."""
  able = [name for name, shape in plain.items() if len(shape) in ranks]
  if len(able) != 1:
    images = ranks == (3, 4)
    what = (
      'images, [N, H, W] or with channels'
      if images
      else 'points, [N] or [N, columns]'
    )
    hint = '; dataset.image_key says which' if images and able else ''
    raise ValueError(
      f'must hold one array of {what}, without pickled objects; it holds '
      f'{len(able)} among {", ".join(sorted(every)) or "none"}{hint}'
    )
  return able[0]
