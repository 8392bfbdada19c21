"""Falcor3D and Isaac3D (Nie et al. 2020), at 128x128.

Labels lie in [0, 1]: value k of n is k / (n - 1). Isaac3D's factors are in the
order that its index has, which its README does not.
"""

import functools
import pathlib

import numpy as np

from bvae_jax.data.sets import spec, tree


def open_as(
  path: pathlib.Path, labels: str, names: str, sizes: tuple[int, ...]
) -> spec.Opened:
  """A folder or zip with images/%06d.png and a .npy of labels [N, K]."""
  values = tree.array(labels, tree.only(path, labels))
  if values.ndim != 2 or values.shape[1] != len(sizes):
    raise ValueError(
      f'{path}: {labels} must be [N, {len(sizes)}], got {values.shape}'
    )
  factors = spec.factors_of(names, sizes, 'o' * len(sizes))
  levels = [np.linspace(0, 1, size) for size in sizes]
  classes = spec.by_values(names.split(), values, levels)

  def row_of(name: str) -> int | None:
    folder, _, file = name.rpartition('/')
    stem = file.removesuffix('.png')
    inside = folder.endswith('images') and file.endswith('.png')
    if not inside or not stem.isdigit() or int(stem) >= len(values):
      return None
    return int(stem)

  return spec.Opened(
    factors,
    classes,
    functools.partial(tree.pictures, path, row_of, 128),
    (128, 128, 3),
  )


def _set(
  name: str, count: int, labels: str, names: str, sizes: tuple[int, ...]
) -> spec.RealSet:
  return spec.RealSet(
    name=name.lower(),
    title=f'{name} (Nie et al. 2020)',
    licence='CC BY 4.0',
    page='https://github.com/NVlabs/High-res-disentanglement-datasets',
    files=(spec.Remote(f'{name}_down128.zip', ''),),
    num_images=count,
    image_size=128,
    open=functools.partial(open_as, labels=labels, names=names, sizes=sizes),
  )


SETS = (
  _set(
    'Falcor3D',
    233_280,
    'train-rec.labels',
    'lighting_intensity lighting_x lighting_y lighting_z camera_x camera_y '
    'camera_z',
    (5, 6, 6, 6, 6, 6, 6),
  ),
  _set(
    'Isaac3D',
    737_280,
    'labels.npy',
    'object_shape robot_x robot_y camera_height object_scale '
    'lighting_intensity lighting_y object_color wall_color',
    (3, 8, 5, 4, 4, 4, 6, 4, 4),
  ),
)
