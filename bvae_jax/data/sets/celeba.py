"""CelebA (Liu et al. 2015): faces with 40 attributes; the partition beside."""

import functools
import pathlib

import numpy as np

from bvae_jax.data import factors as factors_lib
from bvae_jax.data.sets import spec, tree

_SIDE = 178  # of the centre crop, then resized


def _table(path: pathlib.Path) -> list[list[str]]:
  try:
    lines = path.read_text(encoding='utf-8-sig').splitlines()
  except UnicodeDecodeError:
    raise ValueError(f'{path}: no text of UTF-8') from None
  return [line.split() for line in lines if line.strip()]


def _attributes(path: pathlib.Path) -> tuple[list[str], dict[str, list[int]]]:
  """The names of the attributes, and of each file its values, 0 or 1."""
  rows = _table(path)
  if len(rows) < 3 or not rows[0][0].isdigit():
    raise ValueError(f'{path}: needs a count, 40 names, then a row an image')
  names, values = rows[1], {}
  if len(set(names)) != len(names):
    raise ValueError(f'{path}: names an attribute twice')
  for number, (file, *cells) in enumerate(rows[2:], 3):
    if len(cells) != len(names) or not set(cells) <= {'1', '-1'}:
      raise ValueError(
        f'{path}: line {number} must have {len(names)} values, 1 or -1'
      )
    values[file] = [int(cell == '1') for cell in cells]
  if len(values) != int(rows[0][0]):
    raise ValueError(
      f'{path}: says {rows[0][0]} images, has rows of {len(values)}'
    )
  return names, values


def _open(path: pathlib.Path) -> spec.Opened:
  if not path.is_dir():
    raise ValueError(
      f'{path}: CelebA is the folder that holds img_align_celeba.zip (or the '
      'folder img_align_celeba), list_attr_celeba.txt and '
      'list_eval_partition.txt'
    )
  source = path / 'img_align_celeba.zip'
  source = source if source.exists() else path / 'img_align_celeba'
  attributes, parts = (
    path / f'list_{name}.txt' for name in ('attr_celeba', 'eval_partition')
  )
  for file in (source, attributes, parts):
    if not file.exists():
      raise ValueError(f'{path}: lacks {file.name}')
  names, values = _attributes(attributes)
  there = {name.rpartition('/')[2] for name in tree.names(source)}
  values = {file: value for file, value in values.items() if file in there}
  if not values:
    raise ValueError(f'{source}: has none of the images of {attributes.name}')
  row = {file: i for i, file in enumerate(values)}
  partition = np.full(len(row), -1, np.int8)
  for line in _table(parts):
    if len(line) != 2 or line[1] not in ('0', '1', '2'):
      raise ValueError(
        f'{parts}: a line must be a file and 0, 1 or 2, got {" ".join(line)}'
      )
    if line[0] in row:
      partition[row[line[0]]] = int(line[1])
  factors = tuple(
    factors_lib.Factor(name, 'categorical', 2, ('no', 'yes')) for name in names
  )
  return spec.Opened(
    factors,
    np.array(list(values.values()), np.int32),
    functools.partial(
      tree.pictures, source, lambda n: row.get(n.rpartition('/')[2]), _SIDE
    ),
    (_SIDE, _SIDE, 3),
    {'partition': partition},
  )


SET = spec.RealSet(
  name='celeba',
  title='CelebA, aligned (Liu et al. 2015)',
  licence='non-commercial research',
  page='https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html',
  files=(
    spec.Remote(
      'img_align_celeba.zip',
      '',
      'md5:00d2c5bc6d35e252742224ab0c1e8fcb',
      1_443_490_838,
    ),
    spec.Remote(
      'list_attr_celeba.txt', '', 'md5:75e246fa4810816ffd6ee81facbd244c'
    ),
    spec.Remote(
      'list_eval_partition.txt', '', 'md5:d32c9cbf5e040fd4025c592c306e6668'
    ),
  ),
  num_images=202_599,
  open=_open,
)
