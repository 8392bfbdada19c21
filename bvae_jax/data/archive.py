"""Archives (.npz) of dSprites' layout, kept packed as bits on the device."""

import functools
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.data import arrays as arrays_lib
from bvae_jax.data import dataset, dsprites, grid, pixels
from bvae_jax.data import factors as factors_lib

_COLUMNS = (
  factors_lib.Factor('color', 'categorical', 1),
  *dsprites.FACTORS.factors,
)
_NAMES = tuple(column.name for column in _COLUMNS)


class _Rows(NamedTuple):
  """Which images are kept, and where they go."""

  chosen: np.ndarray  # bool [N]
  target: np.ndarray  # [N], the row of those that are chosen
  factors: factors_lib.Grid | factors_lib.Table
  thinning: str


def load(config: Any) -> dataset.Dataset:
  """Returns the images of a .npz file laid out as the dSprites archive.

  `latents_classes` [N, 6], or [N, 5] without the colour, counts from 0 or 1;
  factors with one value are dropped. Rows that enumerate a full grid, in any
  order, are a grid; others are a table. `imgs`, [N, S, S] or with one channel
  or three, may be bool, 0 and 1, 0 to 255 or floats. Nothing else is read, and
  nothing is unpickled. Black and white images stay on the device as bits, 1/8
  byte a pixel: 360 MiB for dSprites; others as bytes.

  Args:
    config: `path`, `image_size` (a divisor of S) and `factor_stride`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the path is empty or not a file, the archive is damaged,
      lacks a member or does not hold the layout above, or the image size or
      the strides do not fit.
  """
  if not config.path:
    raise ValueError('dataset.path must name the .npz file, got an empty path')
  path, image_size = os.path.expanduser(config.path), config.image_size
  if not os.path.exists(path):
    raise FileNotFoundError(f'dataset.path: no such file: {path}')
  if not os.path.isfile(path):
    raise ValueError(f'dataset.path: not a file: {path}')
  try:
    with zipfile.ZipFile(path) as archive:
      names, classes = _read_classes(archive)
      rows = _arrange(names, classes, config.factor_stride)
      images = _Images(archive, len(classes))
      pixels.block_width(image_size, images.size)
      packed = images.bits(rows)
      arrays = images.bytes(rows) if packed is None else packed
  except (zipfile.BadZipFile, zlib.error, EOFError) as error:
    raise ValueError(f'{path}: damaged .npz archive: {error}') from error
  except (ValueError, RuntimeError, NotImplementedError) as error:
    raise ValueError(f'{path}: {error}') from error
  return dataset.Dataset(
    name='npz',
    description=(
      f'dSprites archive {os.path.basename(path)}, {len(classes)} images'
      + rows.thinning
    ),
    image_shape=(image_size, image_size, images.channels),
    num_images=len(arrays),
    arrays=arrays,
    images_fn=pooled(packed is not None, images.size, image_size),
    factors=rows.factors,
  )


@functools.cache
def pooled(
  packed: bool, full_size: int, image_size: int
) -> Callable[[jax.Array, jax.Array], jax.Array]:
  """The `images_fn` of stored frames, bits or bytes, pooled to a size.

  One of equal settings, so that it is compiled once.
  """
  make = _unpacked if packed else _scaled
  return functools.partial(make, full_size=full_size, image_size=image_size)


def _unpacked(
  packed: jax.Array, index: jax.Array, *, full_size: int, image_size: int
) -> jax.Array:
  """Unpacks images [...] from rows of bits and pools them to `image_size`."""
  shift = jnp.arange(7, -1, -1, dtype=jnp.uint8)
  bits = (packed[index][..., None] >> shift) & 1
  bits = bits.reshape(*index.shape, -1)[..., : full_size**2]
  width = full_size // image_size
  blocks = bits.reshape(*index.shape, image_size, width, image_size, width)
  return blocks.mean((-3, -1), dtype=jnp.float32)[..., None]


def _scaled(
  stored: jax.Array, index: jax.Array, *, full_size: int, image_size: int
) -> jax.Array:
  """Bytes of images [...] in [0, 1], pooled to `image_size`."""
  width = full_size // image_size
  blocks = stored[index].reshape(
    *index.shape, image_size, width, image_size, width, -1
  )
  return blocks.mean((-4, -2), dtype=jnp.float32) / 255


def _read_classes(
  archive: zipfile.ZipFile,
) -> tuple[tuple[str, ...], np.ndarray]:
  """Reads the factors that have two values or more: names, int64 [N, K]."""
  _, (shape, _, dtype) = arrays_lib.open_member(archive, 'latents_classes')
  if len(shape) != 2 or shape[1] not in (5, 6):
    raise ValueError(
      f'latents_classes must be int [N, 6] ({", ".join(_NAMES)}) or [N, 5] '
      f'(without the color), got {dtype} {shape}; other layouts are read by '
      'dataset.name=images'
    )
  if not shape[0]:
    raise ValueError('latents_classes holds no row; get the archive anew')
  values = np.concatenate(
    list(arrays_lib.member_chunks(archive, 'latents_classes'))
  )
  classes = values.astype(np.int64)
  if (classes != values).any():
    raise ValueError('latents_classes must hold whole numbers')
  if classes.min() < 0:
    raise ValueError(
      f'latents_classes must count from 0 on, got {classes.min()}'
    )
  if (classes.min(0) > 0).all():
    classes -= 1
  names = _NAMES[-shape[1] :]
  kept = [k for k in range(shape[1]) if np.ptp(classes[:, k])]
  if not kept:
    raise ValueError('latents_classes has no factor with more than one value')
  return tuple(names[k] for k in kept), classes[:, kept]


def _factor(name: str, size: int) -> factors_lib.Factor:
  """A column; its values are called as dSprites' where it has all of them."""
  known = _COLUMNS[_NAMES.index(name)]
  values = known.values if size == known.size else ()
  return factors_lib.Factor(name, known.kind, size, values)


def _arrange(
  names: tuple[str, ...], classes: np.ndarray, factor_stride: Any
) -> _Rows:
  """Says where each image goes: to its place in a grid, or to its row."""
  sizes = tuple(int(size) for size in classes.max(0) + 1)
  factors = tuple(map(_factor, names, sizes))
  different = len(np.unique(classes, axis=0))
  if math.prod(sizes) == different == len(classes):
    kept, stride, thinning = grid.thin(sizes, factor_stride)
    return _Rows(
      np.all(classes % stride == 0, axis=-1),
      np.asarray(np.ravel_multi_index(tuple((classes // stride).T), kept)),
      factors_lib.Grid(factors).thinned(stride),
      thinning,
    )
  if factor_stride:
    raise ValueError(
      'dataset.factor_stride thins a full grid, and latents_classes is none '
      f'({len(classes)} rows, {different} different, of {math.prod(sizes)}); '
      'leave it out'
    )
  return _Rows(
    np.ones(len(classes), bool),
    np.arange(len(classes)),
    factors_lib.Table(factors, classes.astype(np.int32)),
    ', no complete grid',
  )


class _Images:
  """The member `imgs`, read in chunks, as often as need be."""

  def __init__(self, archive: zipfile.ZipFile, count: int) -> None:
    _, (shape, _, dtype) = arrays_lib.open_member(archive, 'imgs')
    self._archive, self._dtype = archive, dtype
    self._axes = pixels.to_nhwc(shape)
    ordered = [shape[axis] for axis in self._axes]
    self.size = ordered[1]
    self.channels = ordered[3] if len(ordered) == 4 else 1
    if ordered[2] != self.size or self.channels not in (1, 3):
      raise ValueError(
        f'imgs must be square, with one channel or three, got {shape}'
      )
    if shape[0] != count:
      raise ValueError(
        f'imgs {shape} and latents_classes ({count} rows) differ in length'
      )

  def _read(self, rows: _Rows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chosen images [b, S, S(, C)] and the rows that they go to, in chunks."""
    start = 0
    for chunk in arrays_lib.member_chunks(self._archive, 'imgs'):
      part = slice(start, start + len(chunk))
      start += len(chunk)
      keep = rows.chosen[part]
      yield chunk.transpose(self._axes)[keep], rows.target[part][keep]

  def bits(self, rows: _Rows) -> np.ndarray | None:
    """Black and white images, uint8 [M, ceil(S * S / 8)]; None of others."""
    if self.channels != 1:
      return None
    width = -(-(self.size**2) // 8)
    packed = np.zeros((rows.chosen.sum(), width), np.uint8)
    white = None  # one value stands for it throughout, 1 or 255
    for images, target in self._read(rows):
      largest = images.max(initial=0)
      if largest and white is None:
        white = largest
      lit = images != 0
      if white not in (None, 1, 255) or (lit != (images == white)).any():
        return None
      packed[target] = np.packbits(lit.reshape(len(lit), self.size**2), axis=-1)
    return packed

  def bytes(self, rows: _Rows) -> np.ndarray:
    """Images of any kind, uint8 [M, S, S, C]."""
    found = [pixels.extremes(x) for x, _ in self._read(rows) if len(x)]
    smallest, largest = min(f[0] for f in found), max(f[1] for f in found)
    offset, factor, _ = pixels.scale_of(self._dtype, smallest, largest)
    shape = rows.chosen.sum(), self.size, self.size, self.channels
    stored = np.zeros(shape, np.uint8)
    for images, target in self._read(rows):
      values = pixels.to_bytes(images, offset, factor)
      stored[target] = values.reshape(-1, *shape[1:])
    return stored
