"""MPI3D (Gondal et al. 2019): four sets, images in the order of the grid."""

import functools
import math
import pathlib

import numpy as np

from bvae_jax.data import arrays, grid
from bvae_jax.data.sets import spec

_SHAPE = (64, 64, 3)
SIZES = (6, 6, 2, 3, 3, 40, 40)
COMPLEX_SIZES = (4, 4, 2, 3, 3, 40, 40)
_VALUES = {
  'object_color': ('white', 'green', 'red', 'blue', 'brown', 'olive'),
  'object_shape': (
    'cone',
    'cube',
    'cylinder',
    'hexagonal',
    'pyramid',
    'sphere',
  ),
  'object_size': ('small', 'large'),
  'camera_height': ('top', 'center', 'bottom'),
  'background_color': ('purple', 'sea green', 'salmon'),
}
_NAMES = (
  'object_color object_shape object_size camera_height background_color '
  'horizontal_axis vertical_axis'
)


def open_as(path: pathlib.Path, sizes: tuple[int, ...]) -> spec.Opened:
  """The member `images` of an npz, which holds no labels.

  Raises:
    ValueError: another number of images than the sizes have combinations.
  """
  images = arrays.open_stored(path, 'images')
  count = math.prod(sizes)
  if images.shape[0] != count:
    raise ValueError(
      f'{path}: images {images.shape} are not the {count:,} combinations of '
      f'the sizes {sizes}, and the file says nothing else of the factors; the '
      f'other sets have {math.prod(SIZES):,} (toy, realistic, real) and '
      f'{math.prod(COMPLEX_SIZES):,} (complex)'
    )
  if images.shape[1:] != _SHAPE:
    raise ValueError(
      f'{path}: images must be [N, 64, 64, 3], got {images.shape}'
    )
  classes = np.stack(np.unravel_index(np.arange(count), sizes), -1)
  # The complex set has other objects, and fewer.
  known: dict[str, int] = dict(zip(_NAMES.split(), sizes))
  values = {k: v for k, v in _VALUES.items() if len(v) == known[k]}
  return spec.Opened(
    spec.factors_of(_NAMES, sizes, 'ccoocoo', values),
    classes.astype(np.int32),
    images.rows,
    _SHAPE,
  )


def _set(kind: str, checksum: str, size: int = 0) -> spec.RealSet:
  sizes = COMPLEX_SIZES if kind == 'complex' else SIZES
  url = (
    'https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main/'
    f'mpi3d_{kind}.npz'
  )
  return spec.RealSet(
    name=f'mpi3d_{kind}',
    title=f'MPI3D {kind} (Gondal et al. 2019)',
    licence='CC BY 4.0',
    page='https://github.com/rr-learning/disentanglement_dataset',
    files=(
      spec.Remote(
        'real3d_complicated_shapes_ordered.npz'
        if kind == 'complex'
        else f'mpi3d_{kind}.npz',
        '' if kind == 'complex' else url,
        checksum,
        size,
      ),
    ),
    num_images=grid.num_combinations(sizes),
    open=functools.partial(open_as, sizes=sizes),
  )


SETS = (
  _set('toy', 'md5:55889cb7c7dfc655d6e0277beee88868'),
  _set('realistic', 'md5:59a6225b88b635365f70c91b3e52f70f', 12_740_198_762),
  _set('real', 'md5:0f33f609918fb5c97996692f91129802'),
  _set('complex', ''),
)
