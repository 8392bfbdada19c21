"""dSprites (Matthey et al. 2017), the published archive: npz or HDF5."""

import pathlib

import numpy as np

from bvae_jax.data import arrays, dsprites
from bvae_jax.data.sets import spec

_NAME = 'dsprites_ndarray_co1sh3sc6or40x32y32_64x64'
_URL = 'https://github.com/google-deepmind/dsprites-dataset/raw/master/'
_COLUMNS = ('color', *dsprites.FACTOR_NAMES)
_SIZES = (1, *dsprites.FACTOR_SIZES)


def _open(path: pathlib.Path) -> spec.Opened:
  images = arrays.open_stored(path, 'imgs')
  of_hdf5 = 'latents/classes'
  labels = of_hdf5 if of_hdf5 in arrays.names(path) else 'latents_classes'
  classes = arrays.open_stored(path, labels).whole()
  if classes.shape != (images.shape[0], 6):
    raise ValueError(
      f'{path}: {labels} must be [{images.shape[0]}, 6], got {classes.shape}'
    )
  classes = spec.by_values(_COLUMNS, classes, map(np.arange, _SIZES))
  largest = max(int(x.max(initial=0)) for x in images.chunks())
  scale = 255 if largest <= 1 else 1  # the archive's pixels are 0 and 1

  def chunks() -> spec.Chunks:
    for rows, part in images.rows():
      yield rows, (part[..., None] * scale).astype(np.uint8)

  return spec.Opened(
    dsprites.FACTORS.factors, classes[:, 1:], chunks, (64, 64, 1)
  )


SET = spec.RealSet(
  name='dsprites',
  title='dSprites (Matthey et al. 2017)',
  licence='Apache-2.0',
  page='https://github.com/google-deepmind/dsprites-dataset',
  files=(
    spec.Remote(
      f'{_NAME}.npz',
      f'{_URL}{_NAME}.npz',
      'git:d98996d3f8ee1550e06b9d4ed78d0beb478910d5',
    ),
    spec.Remote(
      f'{_NAME}.hdf5',
      f'{_URL}{_NAME}.hdf5',
      'sha256:729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb',
      28_024_106,
    ),
  ),
  num_images=737_280,
  open=_open,
  either=True,
)
