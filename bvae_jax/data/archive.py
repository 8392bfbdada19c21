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

_NAMES = ('color', 'shape', 'scale', 'orientation', 'x', 'y')
_CHUNK = 4096  # Images read at a time: the whole of `imgs` takes 3 GB.


def load(config) -> dataset.Dataset:
  """Returns the images of a .npz file laid out as the dSprites archive.

  `latents_classes`, int [N, 6], must enumerate a full factor grid in any order;
  factors with one value (the colour) are dropped. `imgs`, uint8 [N, S, S], must
  hold 0 and 1. Nothing else is read, and nothing is unpickled. Images are read
  in pieces and kept as bits, 1/8 byte a pixel (360 MiB for all of dSprites).

  Args:
    config: `path`, `image_size` (a divisor of S) and `factor_stride`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the path is empty or not a file, the archive is damaged,
      lacks a member or does not hold the layout above, or the image size or
      the strides do not fit.
  """
  path = config.path
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
      packed, full_size = _read_images(archive, sizes, stride, index)
  except (zipfile.BadZipFile, zlib.error, EOFError) as error:
    raise ValueError(f'{path}: damaged .npz archive: {error}') from error
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from error
  dataset.check_image_size(config.image_size, full_size)
  return dataset.Dataset(
    name='npz',
    description=(
      f'dSprites archive {os.path.basename(path)}, {len(index)} images'
      + thinning
    ),
    factor_sizes=kept,
    factor_names=names,
    image_shape=(config.image_size, config.image_size, 1),
    arrays=jnp.asarray(packed),
    images_fn=functools.partial(
      _images, full_size=full_size, image_size=config.image_size
    ),
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
  version = np.lib.format.read_magic(stream)
  if version == (1, 0):
    header = np.lib.format.read_array_header_1_0(stream)
  else:
    header = np.lib.format.read_array_header_2_0(stream)
  shape, fortran_order, dtype = header
  if fortran_order or dtype.hasobject:
    raise ValueError(f'{name} must be a plain C-ordered array, got {dtype}')
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
  sizes = tuple(int(size) for size in classes.max(0, initial=-1) + 1)
  index = np.zeros(len(classes), np.int64)
  for column, size in zip(classes.T, sizes):
    index = index * size + column
  if (
    classes.min(initial=0) < 0
    or math.prod(sizes) != len(classes)
    or len(np.unique(index)) != len(index)
  ):
    raise ValueError(
      f'latents_classes must hold each combination of the factor sizes {sizes} '
      f'once, {math.prod(sizes)} rows, got {len(np.unique(index))} different '
      f'combinations in {len(index)} rows'
    )
  kept = [k for k, size in enumerate(sizes) if size > 1]
  if not kept:
    raise ValueError('latents_classes has no factor with more than one value')
  names = tuple(_NAMES[k] for k in kept)
  return tuple(sizes[k] for k in kept), names, index


def _read_images(archive: zipfile.ZipFile, sizes, stride, index):
  """Reads the thinned images as bits, uint8 [M, ceil(S * S / 8)], and S."""
  stream, shape, dtype = _open(archive, 'imgs')
  if len(shape) != 3 or shape[1] != shape[2] or dtype != np.uint8:
    raise ValueError(f'imgs must be uint8 [N, S, S], got {dtype} {shape}')
  if shape[0] != len(index):
    raise ValueError(
      f'imgs {shape} and latents_classes ({len(index)} rows) differ in length'
    )
  factors = np.stack(np.unravel_index(index, sizes), -1)
  chosen = np.all(factors % stride == 0, axis=-1)
  thinned = tuple(-(-size // s) for size, s in zip(sizes, stride))
  target = np.ravel_multi_index((factors // stride).T, thinned)
  packed = np.zeros((math.prod(thinned), -(-(shape[1] ** 2) // 8)), np.uint8)
  for start in range(0, len(index), _CHUNK):
    count = min(_CHUNK, len(index) - start)
    images = _read_rows(stream, count, shape[1:], dtype).reshape(count, -1)
    if images.max() > 1:
      raise ValueError(f'imgs must hold 0 and 1, got {images.max()}')
    rows = slice(start, start + count)
    packed[target[rows][chosen[rows]]] = np.packbits(
      images[chosen[rows]], axis=-1
    )
  return packed, shape[1]
