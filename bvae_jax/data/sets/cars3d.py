"""Cars3D (Reed et al. 2015). Cars are numbered as list.txt has them.

The published archive holds other sets of the paper too: data/sprites and
data/shapes48.mat lie beside data/cars, and are left alone.
"""

import io
import pathlib

import numpy as np

from bvae_jax.data.sets import spec, tree

_ELEVATIONS, _AZIMUTHS = 4, 24
_MESH, _LIST = '_mesh.mat', 'list.txt'


def _stem(name: str) -> str:
  base = name.strip().rpartition('/')[2]
  return base.removesuffix('.mat').removesuffix('_mesh')


def _mesh(name: str, content: bytes) -> np.ndarray:
  """One car, uint8 [elevation * azimuth, 128, 128, 3]."""
  from scipy import io as scipy_io

  try:
    image = scipy_io.loadmat(io.BytesIO(content), variable_names=['im'])['im']
  except Exception as error:  # noqa: BLE001 - the reader raises anything
    raise ValueError(f'{name}: no .mat with an array im: {error}') from error
  if image.shape != (128, 128, 3, _AZIMUTHS, _ELEVATIONS):
    raise ValueError(
      f'{name}: im must be [128, 128, 3, 24, 4], got {image.shape}'
    )
  return image.transpose(4, 3, 0, 1, 2).reshape(-1, 128, 128, 3)


def _open(path: pathlib.Path) -> spec.Opened:
  found, lists, folder = [], {}, ''
  for name, content in tree.members(
    path, lambda n: n.endswith(_MESH) or n.rpartition('/')[2] == _LIST
  ):
    if name.endswith(_MESH):
      found.append(_stem(name))
      folder = name.rpartition('/')[0]
    else:
      lists[name.rpartition('/')[0]] = content.decode(errors='replace').split()
  lines = lists.get(folder)
  if lines is None or not found:
    raise ValueError(
      f'{path}: needs cars/list.txt and cars/*_mesh.mat, holds '
      f'{"a" if lines else "no"} list.txt and {len(found)} .mat'
    )
  number = {_stem(line): i for i, line in enumerate(lines)}
  unknown = [stem for stem in found if stem not in number]
  if unknown or len(number) != len(lines):
    raise ValueError(
      f'{path}: list.txt '
      + (f'lacks {unknown[0]}' if unknown else 'names a car twice')
    )
  place = {stem: i for i, stem in enumerate(found)}
  views = _ELEVATIONS * _AZIMUTHS
  elevation, azimuth = np.divmod(np.arange(views), _AZIMUTHS)
  classes = np.concatenate(
    [
      np.stack([elevation, azimuth, np.full(views, number[stem])], -1)
      for stem in found
    ]
  )

  def chunks() -> spec.Chunks:
    for name, content in tree.members(path, lambda n: n.endswith(_MESH)):
      first = place[_stem(name)] * views
      yield np.arange(first, first + views), _mesh(name, content)

  factors = spec.factors_of(
    'elevation azimuth object', (_ELEVATIONS, _AZIMUTHS, len(lines)), 'ooc'
  )
  return spec.Opened(factors, classes.astype(np.int32), chunks, (128, 128, 3))


SET = spec.RealSet(
  name='cars3d',
  title='Cars3D (Reed et al. 2015)',
  licence='none stated',
  page='http://www.scottreed.info',
  files=(
    spec.Remote(
      'nips2015-analogy-data.tar.gz',
      'http://www.scottreed.info/files/nips2015-analogy-data.tar.gz',
      'md5:4e866a7919c1beedf53964e6f7a23686',
    ),
  ),
  num_images=17_568,
  open=_open,
)
