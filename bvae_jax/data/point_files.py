"""Tables of points from files: codes, labels or log-variances of anybody."""

import pathlib
import zipfile

import numpy as np

from bvae_jax.data import factors_csv, files, labels


def read(path: pathlib.Path, key: str) -> tuple[np.ndarray, tuple[str, ...]]:
  """A table of points from a file, and the names of its columns if it has any.

  Args:
    path: .csv or .tsv, with or without a head; .npy; .npz or HDF5, its array
      `key` or its only one; .pt or .pth of PyTorch, which holds one tensor.
    key: 'codes', 'factors' or 'logvars'.

  Raises:
    OSError: there is no such file.
    ValueError: it cannot be read. Nothing is unpickled.
  """
  path = path.expanduser()
  if not path.is_file():
    raise FileNotFoundError(f'--{key}: no such file: {path}')
  suffix = path.suffix.lower()
  if suffix in ('.csv', '.tsv', '.txt'):
    return _csv(path)
  if suffix in ('.pt', '.pth'):
    return _torch(path), ()
  if files.kind(path) == 'zip':
    with zipfile.ZipFile(path) as archive:
      held = [n.removesuffix('.npy') for n in archive.namelist()]
    key = held[0] if len(held) == 1 else key
  elif files.kind(path) == 'npy':
    key = ''
  return np.asarray(files.open_array(path, key, ranks=(1, 2))), ()


def _csv(path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
  try:
    rows = factors_csv.rows(path)
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from None
  if not rows:
    raise ValueError(f'{path}: an empty file')
  for number, row in enumerate(rows, 1):
    if len(row) != len(rows[0]):
      raise ValueError(
        f'{path}: row {number} has {len(row)} cells, the first {len(rows[0])}'
      )
  names = () if any(map(_is_number, rows[0])) else tuple(rows.pop(0))
  if not rows:
    raise ValueError(f'{path}: a head and no rows')
  blank = lambda cell: cell.lower() in labels.BLANKS
  rows = [['' if blank(cell) else cell for cell in row] for row in rows]
  if all(not cell or _is_number(cell) for row in rows for cell in row):
    numbers = [
      [factors_csv.number(cell or 'nan') for cell in row] for row in rows
    ]
    return np.array(numbers), names
  return np.array(rows), names


def _is_number(cell: str) -> bool:
  try:
    factors_csv.number(cell)
  except ValueError:
    return False
  return True


def _torch(path: pathlib.Path) -> np.ndarray:
  try:
    import torch  # pyright: ignore[reportMissingImports]
  except ImportError:
    raise ValueError(
      f'{path}: a tensor of PyTorch needs an extra: pip install '
      '"bvae_jax[bench]"; or save it with numpy.save'
    ) from None
  try:
    found = torch.load(path, map_location='cpu', weights_only=True)
    return found.numpy()
  except Exception as error:  # noqa: BLE001 (torch raises many kinds)
    line = str(error).splitlines()[0]
    raise ValueError(f'{path}: holds no tensor: {line}') from None
