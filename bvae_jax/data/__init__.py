"""Data sets: images by index, and what is known of their factors."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bvae_jax import shipped
from bvae_jax.data import (
  archive,
  dsprites,
  images,
  prepared,
  records,
  scene3d,
  sets,
  shifts,
  storage,
  toys,
  variants,
)
from bvae_jax.data import factors as factors_lib
from bvae_jax.data.dataset import Dataset
from bvae_jax.data.decode import FITS
from bvae_jax.data.dsprites import render_dsprites
from bvae_jax.data.factors import Factor, Grid, Table
from bvae_jax.data.grid import (
  factor_grid,
  factors_to_index,
  index_to_factors,
  sample_index,
)
from bvae_jax.data.pairs import pairs_of_table, sample_pairs
from bvae_jax.data.scene3d import render_scene3d

__all__ = [
  'DATASETS',
  'FITS',
  'Dataset',
  'Factor',
  'Grid',
  'Table',
  'factor_grid',
  'factors_to_index',
  'index_to_factors',
  'load',
  'pairs_of_table',
  'render_dsprites',
  'render_scene3d',
  'sample_index',
  'sample_pairs',
]

# Each entry takes config.dataset and returns a Dataset.
DATASETS: dict[str, Callable[..., Dataset]] = {
  'dsprites': dsprites.load,
  'images': images.load,
  'npz': archive.load,
  'scene3d': scene3d.load,
  **dict.fromkeys(toys.NAMES, toys.load),
  **dict.fromkeys(variants.NAMES, variants.load),
  **{
    sets.dataset_name(name): functools.partial(prepared.load, real=real)
    for name, real in sets.SETS.items()
  },
}
shipped.keep(DATASETS)
# Keys of images of one's own, where they are off.
_OWN = {
  'image_key': '',
  'label_keys': (),
  'channels': 0,
  'fit': 'crop',
  'strict': False,
}
_LOOKED_AT = 256  # images, of all over the set


def is_known(name: str) -> bool:
  """Whether `dataset.name` names a data set."""
  return name in DATASETS or name.startswith(records.PREFIX)


def load(config: Any) -> Dataset:
  """Returns the data set that `config.name` chooses from `DATASETS`.

  Args:
    config: config.dataset, with `name`, `path` (of an archive or a folder),
      `image_size` (smaller than the data set's: frames are mean-pooled),
      `factor_stride` (keep every n-th value of each factor; empty for all),
      `data_dir` (of prepared sets), `storage` (`storage.place`), `holdout`
      (`shifts.hold_out`), `holdout_where` (`shifts.hold_out_where`),
      `correlated` and `sigma` (`shifts.correlate`).

  Raises:
    ValueError: if there is no such data set, or its loader refuses the config.
    FileNotFoundError: if the path does not exist, or a set is not prepared.
  """
  if not is_known(config.name):
    raise ValueError(
      f'unknown dataset.name {config.name!r}; one of: '
      + ', '.join(sorted(DATASETS))
      + ', tfds:NAME'
    )
  foreign = not shipped.is_shipped(DATASETS, config.name)
  if not foreign:
    _check_keys(config)
  made = DATASETS.get(config.name, records.load)(config)
  if not isinstance(made, Dataset):
    raise ValueError(
      f'data set {config.name}: its function in DATASETS must return a '
      f'Dataset, got {type(made).__name__}'
    )
  made = dataclasses.replace(made, factors=factors_lib.varying(made.factors))
  placed = storage.place(made, config.get('storage', 'auto'))
  if foreign:
    _check_images(placed)
  kept = shifts.hold_out(placed, config.get('holdout', 0.0))
  kept = shifts.hold_out_where(kept, config.get('holdout_where', ()))
  names, sigma = config.get('correlated', ()), config.get('sigma', 0.2)
  return shifts.correlate(kept, names, sigma)


def _check_keys(config: Any) -> None:
  """Refuses keys of `config.dataset` that a set which ships does not read.

  Raises:
    ValueError: one is given, and would have no effect.
  """
  read = set(_OWN) if config.name == 'images' else set()
  if config.name.startswith(records.PREFIX):
    read = {'channels', 'fit'}
  for key, off in _OWN.items():
    value = config.get(key, off)
    if key not in read and (value or off) != off:
      raise ValueError(
        f'dataset.{key}={value!r} has no use for dataset.name={config.name}; '
        'leave it out'
      )


def _check_images(made: Dataset) -> None:
  """Refuses images of somebody's loader that are not what `Dataset` asks for.

  Raises:
    ValueError: another shape than it says, or values outside [0, 1].
  """
  count = made.num_images
  index = np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(np.int32)
  images = np.asarray(made.images(index))
  whole = f'data set {made.name}: its images'
  if images.shape[1:] != tuple(made.image_shape):
    raise ValueError(
      f'{whole} are {images.shape[1:]}, and image_shape is '
      f'{tuple(made.image_shape)}; let images_fn give [..., H, W, C] of '
      'indices [...]'
    )
  low, high = float(images.min()), float(images.max())
  if images.dtype.kind != 'f' or not (low >= -1e-3 and high <= 1 + 1e-3):
    raise ValueError(
      f'{whole} are {images.dtype} from {low:g} to {high:g}; let images_fn '
      'give float32 from 0 to 1'
    )
