"""SmallNORB (LeCun et al. 2004), the left camera's images.

`smallnorb` is the training half with five factors, the instance among them, as
disent has it. `smallnorb_dlib` is both halves with four factors, as
disentanglement_lib has it: which instance one sees is chance.
"""

import functools
import gzip
import math
import pathlib
import zlib
from typing import Any

import numpy as np

from bvae_jax.data import factors as factors_lib
from bvae_jax.data import files
from bvae_jax.data.sets import spec

_TRAIN = 'smallnorb-5x46789x9x18x6x2x96x96-training'
_TEST = 'smallnorb-5x01235x9x18x6x2x96x96-testing'
_DTYPES = {
  0x1E3D4C51: '<f4',
  0x1E3D4C53: '<f8',
  0x1E3D4C54: '<i4',
  0x1E3D4C55: 'u1',
  0x1E3D4C56: '<i2',
}
_NAMES = ('category', 'instance', 'elevation', 'azimuth', 'lighting')
_CATEGORIES = ('animal', 'human', 'airplane', 'truck', 'car')
_TRAINING_INSTANCES = (4, 6, 7, 8, 9)
_CHUNK = 1000
_URL = 'https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/'


def _stream(folder: pathlib.Path, name: str) -> Any:
  """Opens a .mat.gz, as published and compared, or else a .mat of a folder."""
  for path in (folder / f'{name}.mat.gz', folder / f'{name}.mat'):
    if path.is_file():
      with open(path, 'rb') as raw:
        packed = raw.read(2) == b'\x1f\x8b'
      return gzip.open(path) if packed else open(path, 'rb')
  raise ValueError(f'{folder}: lacks {name}.mat(.gz)')


def _header(stream: Any, name: str) -> tuple[np.dtype, tuple[int, ...]]:
  magic, ndim = np.frombuffer(_read(stream, 8, name), '<u4')
  if int(magic) not in _DTYPES or not 1 <= ndim <= 8:
    raise ValueError(f'{name}: no matrix of SmallNORB by its first bytes')
  dims = np.frombuffer(_read(stream, 4 * max(3, int(ndim)), name), '<i4')
  if dims.min() < 0:
    raise ValueError(f'{name}: damaged: its sizes are {dims.tolist()}')
  return np.dtype(_DTYPES[int(magic)]), tuple(map(int, dims[:ndim]))


def _read(stream: Any, count: int, name: str) -> bytes:
  try:
    content = stream.read(count)
    stream.peek(1)  # at the end, where gzip verifies its checksum
  except (EOFError, OSError, zlib.error) as error:
    raise ValueError(f'{name}: damaged or cut short: {error}') from error
  if len(content) < count:
    raise ValueError(f'{name}: cut short')
  return content


def _matrix(folder: pathlib.Path, name: str) -> np.ndarray:
  with _stream(folder, name) as stream:
    dtype, shape = _header(stream, name)
    content = _read(stream, math.prod(shape) * dtype.itemsize, name)
  return np.frombuffer(content, dtype).reshape(shape)


def _labels(folder: pathlib.Path, half: str) -> np.ndarray:
  """Category, instance, elevation, azimuth, lighting by value, [N, 5]."""
  category = _matrix(folder, f'{half}-cat')
  info = _matrix(folder, f'{half}-info')
  if info.shape != (len(category), 4):
    raise ValueError(
      f'{folder}: {half}-info {info.shape} does not go with {half}-cat '
      f'{category.shape}'
    )
  known = range(5), range(10), range(9), range(0, 36, 2), range(6)
  return spec.by_values(_NAMES, np.column_stack([category, info]), known)


def _chunks(
  folder: pathlib.Path, halves: tuple[str, ...], counts: list[int]
) -> spec.Chunks:
  first = 0
  for half, count in zip(halves, counts):
    name = f'{half}-dat'
    with _stream(folder, name) as stream:
      dtype, shape = _header(stream, name)
      if dtype != np.uint8 or shape != (count, 2, 96, 96):
        raise ValueError(
          f'{folder}: {name} must be bytes ({count}, 2, 96, 96), got {dtype} '
          f'{shape}'
        )
      for start in range(0, count, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, count))
        content = _read(stream, len(rows) * 2 * 96 * 96, name)
        pairs = np.frombuffer(content, np.uint8).reshape(-1, 2, 96, 96)
        yield first + rows, pairs[:, 0, ..., None]
    first += count


def _open(path: pathlib.Path, halves: tuple[str, ...]) -> spec.Opened:
  if not path.is_dir():
    what = files.foreign(path) if path.name.endswith('.zip') else ''
    raise ValueError(
      f'{path}: {what or "one file"}; SmallNORB is the folder that holds '
      + ', '.join(f'{half}-{{dat,cat,info}}.mat(.gz)' for half in halves)
    )
  parts = [_labels(path, half) for half in halves]
  labels = np.concatenate(parts)
  factors = spec.factors_of(
    ' '.join(_NAMES), (5, 10, 9, 18, 6), 'ccooo', {'category': _CATEGORIES}
  )
  if len(halves) == 2:
    kept = [0, 2, 3, 4]
    labels, factors = labels[:, kept], tuple(factors[k] for k in kept)
  elif np.isin(labels[:, 1], _TRAINING_INSTANCES).all():
    words = tuple(map(str, _TRAINING_INSTANCES))
    instance = factors_lib.Factor('instance', 'categorical', 5, words)
    factors = (factors[0], instance, *factors[2:])
    labels[:, 1] = np.searchsorted(_TRAINING_INSTANCES, labels[:, 1])
  counts = [len(part) for part in parts]
  return spec.Opened(
    factors,
    labels,
    functools.partial(_chunks, path, halves, counts),
    (96, 96, 1),
  )


def _remotes(half: str, sums: dict[str, tuple[str, int]]) -> tuple:
  return tuple(
    spec.Remote(
      f'{half}-{part}.mat.gz',
      f'{_URL}{half}-{part}.mat.gz',
      f'sha256:{checksum}',
      size,
    )
    for part, (checksum, size) in sums.items()
  )


_TRAIN_FILES = _remotes(
  _TRAIN,
  {
    'dat': (
      '5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873',
      131_896_188,
    ),
    'cat': (
      '2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa',
      348,
    ),
    'info': (
      'de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32',
      71_052,
    ),
  },
)
_TEST_FILES = _remotes(
  _TEST,
  {
    'dat': (
      'cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474',
      130_799_817,
    ),
    'cat': (
      'ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff',
      347,
    ),
    'info': (
      '16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2',
      10_428,
    ),
  },
)


def _set(
  name: str, halves: tuple[str, ...], remotes: tuple, what: str
) -> spec.RealSet:
  return spec.RealSet(
    name=name,
    title=f'SmallNORB (LeCun et al. 2004), {what}',
    licence='research only',
    page=_URL,
    files=remotes,
    num_images=24_300 * len(halves),
    open=functools.partial(_open, halves=halves),
  )


SETS = (
  _set('smallnorb', (_TRAIN,), _TRAIN_FILES, 'five factors, training half'),
  _set(
    'smallnorb_dlib',
    (_TRAIN, _TEST),
    _TRAIN_FILES + _TEST_FILES,
    'four factors, the instance by chance',
  ),
)
