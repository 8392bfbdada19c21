"""3D Shapes (Burgess & Kim 2018). Labels are values, not classes."""

import pathlib

import numpy as np

from bvae_jax.data import arrays, scene3d
from bvae_jax.data.sets import spec

_SHAPE = (64, 64, 3)
_VALUES = (
  np.arange(10) / 10,
  np.arange(10) / 10,
  np.arange(10) / 10,
  np.linspace(0.75, 1.25, 8),
  np.arange(4),
  np.linspace(-30, 30, 15),
)


def _open(path: pathlib.Path) -> spec.Opened:
  images = arrays.open_stored(path, 'images')
  labels = arrays.open_stored(path, 'labels').whole()
  count, *shape = images.shape
  if labels.shape != (count, 6) or tuple(shape) != _SHAPE:
    raise ValueError(
      f'{path}: needs images [N, 64, 64, 3] and labels [N, 6], got '
      f'{images.shape} and {labels.shape}'
    )
  classes = spec.by_values(scene3d.FACTOR_NAMES, labels, _VALUES)
  return spec.Opened(scene3d.FACTORS.factors, classes, images.rows, _SHAPE)


SET = spec.RealSet(
  name='shapes3d',
  title='3D Shapes (Burgess & Kim 2018)',
  licence='Apache-2.0',
  page='https://github.com/google-deepmind/3d-shapes',
  files=(
    spec.Remote(
      '3dshapes.h5',
      'https://storage.googleapis.com/3d-shapes/3dshapes.h5',
      'sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785',
      267_573_662,
    ),
  ),
  num_images=480_000,
  open=_open,
)
