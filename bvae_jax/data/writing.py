"""Writes a prepared set, whole or not at all; `prepared` reads it."""

import json
import logging
import math
import os
import pathlib
import shutil
from concurrent import futures
from typing import Any

import numpy as np

from bvae_jax import parallel
from bvae_jax.data import cache, decode, grid, prepared, progress, tiles
from bvae_jax.data.sets import spec

_LOG = logging.getLogger(__name__)
_SHEET = 8  # images a side of the contact sheet
_BESIDE = 1 << 20  # bytes of what else is written


class _NotBinaryError(ValueError):
  """An image that is not black and white."""


def write(
  home: pathlib.Path,
  real: spec.RealSet,
  opened: spec.Opened,
  image_size: int,
  facts: dict[str, Any],
) -> pathlib.Path:
  """Writes a prepared set, whole or not at all.

  Args:
    home: the folder of prepared sets.
    real: which set.
    opened: its files.
    image_size: S [pixels].
    facts: further facts to note.

  Raises:
    OSError: the folder cannot be written, or the disk has no room.
    ValueError: the files do not hold what they should.
  """
  sizes = tuple(factor.size for factor in opened.factors)
  found = grid.grid_places(opened.classes, sizes)
  places = np.arange(len(opened.classes)) if found is None else found
  target = home / f'{real.name}-{image_size}'
  making = home / f'.{real.name}-{image_size}.{os.getpid()}'
  home.mkdir(parents=True, exist_ok=True)
  cache.sweep(home, making.name.rpartition('.')[0])
  try:
    making.mkdir()
    try:
      kind = _fill(making, opened, places, image_size, opened.shape[2] == 1)
    except _NotBinaryError:
      kind = _fill(making, opened, places, image_size, False)
    classes = opened.classes[places.argsort()].astype(np.int32)
    np.save(making / 'factors.npy', classes)
    for name, values in opened.extra.items():
      np.save(making / f'{name}.npy', values[places.argsort()])
    noted = {
      'name': real.name,
      'title': real.title,
      'licence': real.licence,
      'page': real.page,
      'stored': kind,
      'num_images': len(classes),
      'image_shape': [image_size, image_size, opened.shape[2]],
      'published_shape': list(opened.shape),
      'complete_grid': found is not None,
      'factors': [f.__dict__ for f in opened.factors],
      **facts,
    }
    text = json.dumps(noted, indent=2) + '\n'
    (making / 'facts.json').write_text(text, encoding='utf-8')
    _sheet(making, noted)
    try:
      os.rename(making, target)
    except OSError:
      if not target.exists():  # else another command was faster
        raise
  except OSError as error:
    raise OSError(
      f'{home}: the prepared set cannot be written: {error}; choose another '
      'folder with --data_dir'
    ) from error
  finally:
    shutil.rmtree(making, ignore_errors=True)
  return target


def _fill(
  making: pathlib.Path,
  opened: spec.Opened,
  places: np.ndarray,
  size: int,
  bits: bool,
) -> str:
  """Writes images.npy, each image in its place; returns how it is stored."""
  count, channels = len(opened.classes), opened.shape[2]
  row = (-(-(size**2) // 8),) if bits else (size, size, channels)
  need = count * math.prod(row) + _BESIDE
  free = shutil.disk_usage(making).free
  if need > free:
    raise OSError(f'{need:,} bytes needed, {free:,} free')
  made = cache.mapped(making / 'images.npy', (count, *row))
  there, told = np.zeros(count, bool), progress.Progress(_LOG)
  for rows, images in opened.chunks():
    if images.dtype != np.uint8 or images.shape[1:] != opened.shape:
      raise ValueError(
        f'images must be bytes {opened.shape}, got {images.dtype} '
        f'{images.shape[1:]}'
      )
    known, times = np.unique(rows, return_counts=True)
    again = known[there[known] | (times > 1)]
    if again.size:
      raise ValueError(f'image number {again[0]} of {count} is there twice')
    images = _resized(images, size)
    if bits:
      lit = images > 0
      if (images[lit] != 255).any():
        raise _NotBinaryError('not black and white')
      images = np.packbits(lit.reshape(len(lit), -1), axis=-1)
    made[places[rows]] = images
    there[rows] = True
    told.tell('prepared images', there.sum(), count)
    cache.advise(made, 'MADV_DONTNEED')
  if not there.all():
    raise ValueError(
      f'{count - there.sum()} of {count} images are missing, the first is '
      f'number {there.argmin()}'
    )
  made.flush()
  return 'bits' if bits else 'bytes'


def _resized(images: np.ndarray, size: int) -> np.ndarray:
  """Images [b, H, W, C] as [b, size, size, C]."""
  if images.shape[1:3] == (size, size):
    return images
  channels = images.shape[-1]
  one = lambda x: decode.from_pixels(x, size, channels, 'crop')
  with futures.ThreadPoolExecutor(parallel.cores()) as pool:
    return np.stack(list(pool.map(one, images)))


def _sheet(making: pathlib.Path, facts: dict[str, Any]) -> None:
  """Draws images from all over the set."""
  from PIL import Image

  chosen = np.linspace(0, facts['num_images'] - 1, _SHEET**2)
  images = np.stack(
    list(prepared.pictures(making, facts, chosen.round().astype(int)))
  )
  sheet = tiles.tiled(images, _SHEET)
  squeezed = sheet[..., 0] if sheet.shape[2] == 1 else sheet
  Image.fromarray(squeezed).save(making / 'contact_sheet.png')
