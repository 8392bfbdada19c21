"""The official dSprites archive (.npz), kept packed as bits on the device."""

import functools
import math
import os
import zipfile
import zlib
from typing import IO

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.data import dataset
from bvae_jax.data import factors as factors_lib

_NAMES = ('color', 'shape', 'scale', 'orientation', 'x', 'y')
_CATEGORICAL = ('color', 'shape')
_CHUNK = 4096  # Images read at a time: `imgs` of dSprites is 3 GB in all.


def load(config) -> dataset.Dataset:
  """Returns the images of a .npz file laid out as the dSprites archive.

  `latents_classes`, int [N, 6], must enumerate a full factor grid, in any
  order; factors with one value (the colour) are dropped. `imgs`, uint8
  [N, S, S], must hold 0 and 1. Nothing else is read, and nothing is unpickled.
  The images stay on the device as bits, 1/8 byte a pixel: 360 MiB for dSprites.

  Args:
    config: `path`, `image_size` (a divisor of S) and `factor_stride`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the path is empty or not a file, the archive is damaged,
      lacks a member or does not hold the layout above, or the image size or
      the strides do not fit.
  """
  path, image_size = config.path, config.image_size
  if not path:
    raise ValueError('dataset.path must name the .npz file, got an empty path')
  if not os.path.exists(path):
    raise FileNotFoundError(f'dataset.path: no such file: {path}')
  if not os.path.isfile(path):
    raise ValueError(f'dataset.path: not a file: {path}')
  try:
    with zipfile.ZipFile(path) as archive:
      sizes, names, index = _read_index(archive)
      kept, stride, thinning = dataset.thin(sizes, config.factor_stride)
      factors = np.stack(np.unravel_index(index, sizes), axis=-1)
      chosen = np.all(factors % stride == 0, axis=-1)
      target = np.ravel_multi_index((factors // stride).T, kept)
      packed, full_size = _read_images(archive, target, chosen, image_size)
  except (zipfile.BadZipFile, zlib.error, EOFError) as error:
    raise ValueError(f'{path}: damaged .npz archive: {error}') from error
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from error
  kinds = ['categorical' if n in _CATEGORICAL else 'ordinal' for n in names]
  return dataset.Dataset(
    name='npz',
    description=(
      f'dSprites archive {os.path.basename(path)}, {len(index)} images'
      + thinning
    ),
    image_shape=(image_size, image_size, 1),
    num_images=len(packed),
    arrays=jnp.asarray(packed),
    images_fn=functools.partial(
      _images, full_size=full_size, image_size=image_size
    ),
    factors=factors_lib.Grid.of(names, kept, kinds),
  )


def _images(packed, index, *, full_size, image_size) -> jax.Array:
  """Unpacks images [...] from rows of bits and pools them to `image_size`."""
  shift = jnp.arange(7, -1, -1, dtype=jnp.uint8)
  bits = (packed[index][..., None] >> shift) & 1
  bits = bits.reshape(*index.shape, -1)[..., : full_size**2]
  width = full_size // image_size
  blocks = bits.reshape(*index.shape, image_size, width, image_size, width)
  return blocks.mean((-3, -1), dtype=jnp.float32)[..., None]


def _open(archive: zipfile.ZipFile, name: str):
  """Opens a member of the archive: its stream, shape and dtype."""
  if f'{name}.npy' not in archive.namelist():
    raise ValueError(f'no {name} in the archive, only {archive.namelist()}')
  stream = archive.open(f'{name}.npy')
  if np.lib.format.read_magic(stream) == (1, 0):
    header = np.lib.format.read_array_header_1_0(stream)
  else:
    header = np.lib.format.read_array_header_2_0(stream)
  shape, fortran_order, dtype = header
  if fortran_order or dtype.hasobject:
    raise ValueError(f'{name} must be a plain array in C order, got {dtype}')
  return stream, shape, dtype


def _read_rows(stream: IO[bytes], count: int, shape, dtype) -> np.ndarray:
  """Reads the next `count` rows of `shape` from a member's stream."""
  num_bytes = count * math.prod(shape) * dtype.itemsize
  data = stream.read(num_bytes)
  if len(data) < num_bytes:
    raise EOFError('an array ends early')
  return np.frombuffer(data, dtype).reshape(count, *shape)


def _read_index(archive: zipfile.ZipFile):
  """Reads the factor grid: its sizes, names and each image's position [N]."""
  stream, shape, dtype = _open(archive, 'latents_classes')
  if len(shape) != 2 or shape[1] != len(_NAMES) or dtype.kind not in 'iu':
    raise ValueError(
      f'latents_classes must be int [N, {len(_NAMES)}], got {dtype} {shape}'
    )
  classes = _read_rows(stream, shape[0], shape[1:], dtype).astype(np.int64)
  stream.read()  # To the end, which verifies the checksum.
  sizes = tuple(int(size) for size in classes.max(0, initial=-1) + 1)
  different = len(np.unique(classes, axis=0))
  if classes.min(initial=0) < 0 or not (
    math.prod(sizes) == different == len(classes)
  ):
    raise ValueError(
      'latents_classes must hold every combination of factor values from 0 on '
      f'once, {math.prod(sizes)} for the sizes {sizes}; got {len(classes)} '
      f'rows, {different} different'
    )
  kept = [k for k, size in enumerate(sizes) if size > 1]
  if not kept:
    raise ValueError('latents_classes has no factor with more than one value')
  kept_sizes = tuple(sizes[k] for k in kept)
  index = np.ravel_multi_index(classes[:, kept].T, kept_sizes)
  return kept_sizes, tuple(_NAMES[k] for k in kept), index


def _read_images(archive: zipfile.ZipFile, target, chosen, image_size):
  """Reads the chosen images as bits, uint8 [M, ceil(S * S / 8)], and S.

  Args:
    archive: the open file.
    target: the row [N] that each image goes to, if it is chosen.
    chosen: bool [N].
    image_size: must divide S.
  """
  stream, shape, dtype = _open(archive, 'imgs')
  if len(shape) != 3 or shape[1] != shape[2] or dtype != np.uint8:
    raise ValueError(f'imgs must be uint8 [N, S, S], got {dtype} {shape}')
  if shape[0] != len(target):
    raise ValueError(
      f'imgs {shape} and latents_classes ({len(target)} rows) differ in length'
    )
  dataset.block_width(image_size, shape[1])
  packed = np.zeros((chosen.sum(), -(-(shape[1] ** 2) // 8)), np.uint8)
  for start in range(0, len(target), _CHUNK):
    rows = slice(start, start + _CHUNK)
    count = len(target[rows])
    images = _read_rows(stream, count, shape[1:], dtype).reshape(count, -1)
    if images.max() > 1:
      raise ValueError(f'imgs must hold 0 and 1, got {images.max()}')
    keep = chosen[rows]
    packed[target[rows][keep]] = np.packbits(images[keep], axis=-1)
  stream.read()  # To the end, which verifies the checksum.
  return packed, shape[1]
