"""A real set, prepared: one memory-mapped array, its factors, its facts.

DATA_DIR/NAME-SIZE/
  images.npy         uint8 [N, S, S, C]; of black and white images, bits
  factors.npy        int32 [N, K], -1 where missing
  facts.json         names, sizes, licence, source, checksums
  contact_sheet.png  a look at it
"""

import json
import pathlib
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bvae_jax.data import archive, cache, dataset, grid
from bvae_jax.data import factors as factors_lib
from bvae_jax.data.sets import spec


def data_dir(given: str) -> pathlib.Path:
  """The folder of prepared sets: as given, or in the user's cache."""
  return pathlib.Path(given).expanduser() if given else cache.folder() / 'sets'


def pictures(
  folder: pathlib.Path, facts: dict[str, Any], rows: Iterable[int]
) -> Iterator[np.ndarray]:
  """Images of a prepared set, each uint8 [S, S, C]."""
  stored = np.load(folder / 'images.npy', mmap_mode='r', allow_pickle=False)
  size, _, channels = facts['image_shape']
  for row in rows:
    image = np.asarray(stored[row])
    if facts['stored'] == 'bits':
      image = 255 * np.unpackbits(image)[: size**2]
    yield image.reshape(size, size, channels)


def find(home: pathlib.Path, name: str, image_size: int) -> pathlib.Path | None:
  """The prepared set whose images pool to `image_size`, the smallest."""
  sizes = sorted(
    int(path.parent.name.rpartition('-')[2])
    for path in home.glob(f'{name}-*/facts.json')
    if path.parent.name.rpartition('-')[2].isdigit()
  )
  able = [size for size in sizes if image_size > 0 and size % image_size == 0]
  return home / f'{name}-{able[0]}' if able else None


def load(config: Any, real: spec.RealSet) -> dataset.Dataset:
  """Returns a prepared set; its images stay memory-mapped.

  Args:
    config: config.dataset: `data_dir`, `image_size`, `factor_stride`.
    real: which set.

  Raises:
    FileNotFoundError: it is not prepared there.
    ValueError: sizes or strides that do not fit.
  """
  if config.path:
    raise ValueError(
      f'dataset.path={config.path!r} has no use for dataset.name='
      f'{config.name}: it is read from dataset.data_dir'
    )
  given = config.get('data_dir', '')
  folder = find(data_dir(given), real.name, config.image_size)
  if folder is None:
    where = f' --data_dir={shlex.quote(given)}' if given else ''
    usual = real.image_size % max(config.image_size, 1) == 0
    size = '' if usual else f' --image_size={config.image_size}'
    raise FileNotFoundError(
      f'dataset.name={config.name} is not prepared in {data_dir(given)} for '
      f'dataset.image_size={config.image_size}; run: {real.command}{where}'
      f'{size}'
    )
  facts, images, factors, classes = _read(folder, real)
  images, known, thinning = _thinned(facts, images, factors, classes, config)
  full_size, _, channels = facts['image_shape']
  return dataset.Dataset(
    name=config.name,
    description=f'{facts["description"]}{thinning}',
    image_shape=(config.image_size, config.image_size, channels),
    num_images=len(images),
    arrays=images,
    images_fn=archive.pooled(
      facts['stored'] == 'bits', full_size, config.image_size
    ),
    factors=known,
  )


def _read(
  folder: pathlib.Path, real: spec.RealSet
) -> tuple[dict[str, Any], np.ndarray, list[factors_lib.Factor], np.ndarray]:
  """The facts, images, factors and classes of a prepared set."""
  try:
    facts = json.loads((folder / 'facts.json').read_text(encoding='utf-8'))
    images = np.load(folder / 'images.npy', mmap_mode='r', allow_pickle=False)
    classes = np.load(folder / 'factors.npy', allow_pickle=False)
    factors = [
      factors_lib.Factor(**{**f, 'values': tuple(f['values'])})
      for f in facts['factors']
    ]
    if not len(images) == len(classes) == facts['num_images']:
      raise ValueError(
        f'{len(images)} images and {len(classes)} rows of labels'
      )
  except (ValueError, KeyError, TypeError, EOFError, OSError) as error:
    raise ValueError(
      f'{folder} is damaged ({error}): delete it, then run: {real.command}'
    ) from error
  return facts, images, factors, classes


def _thinned(
  facts: dict[str, Any],
  images: np.ndarray,
  factors: list[factors_lib.Factor],
  classes: np.ndarray,
  config: Any,
) -> tuple[np.ndarray, factors_lib.Grid | factors_lib.Table, str]:
  """Images, factors, and a phrase on those that are left out."""
  if not facts['complete_grid']:
    if config.factor_stride:
      raise ValueError(
        'dataset.factor_stride thins a full grid, and the prepared '
        f'{facts["name"]} is none; leave it out'
      )
    return images, factors_lib.Table(tuple(factors), classes), ''
  if not config.factor_stride:
    return images, factors_lib.Grid(tuple(factors)), ''
  sizes = tuple(factor.size for factor in factors)
  _, stride, thinning = grid.thin(sizes, config.factor_stride)
  images = images[np.all(classes % stride == 0, axis=-1)]
  return images, factors_lib.Grid(tuple(factors)).thinned(stride), thinning
