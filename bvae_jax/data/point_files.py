"""Tables of points from files: codes, labels or log-variances of anybody."""

import logging
import pathlib
import zipfile

import numpy as np

from bvae_jax.data import factors_csv, files, labels

_LOG = logging.getLogger(__name__)
_INDICES = ('', 'id', 'index', 'unnamed: 0')  # heads of a column that counts


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
  rows = _apart(rows)
  for number, row in enumerate(rows, 1):
    if len(row) != len(rows[0]):
      raise ValueError(
        f'{path}: row {number} has {len(row)} cells, the first {len(rows[0])}'
      )
  if rows[0][0].lower() in _INDICES and _tells_apart(rows):
    _LOG.warning('%s: its first column counts the rows: left out', path)
    rows = [row[1:] for row in rows]
    names = tuple(rows.pop(0))
  else:
    names = tuple(rows.pop(0)) if _is_head(rows) else ()
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


def _apart(rows: list[list[str]]) -> list[list[str]]:
  """The cells of numbers between spaces, as `numpy.savetxt` writes them."""
  if len(rows[0]) > 1 or len(rows[0][0].split()) == 1:
    return rows
  cells = [cell for row in rows[1:] for cell in row[0].split()]
  numbers = all(map(_is_number, cells))
  return [row[0].split() for row in rows] if numbers else rows


def _tells_apart(rows: list[list[str]]) -> bool:
  """Whether the first of several columns is another in each row."""
  several = len(rows[0]) > 1
  return several and len({row[0] for row in rows[1:]}) == len(rows) - 1


def _is_head(rows: list[list[str]]) -> bool:
  """Whether the first row is one: of words, or a data frame's 0, 1, 2, ...

  The latter above whole numbers may be points as well, and is taken for some.
  """
  if not any(map(_is_number, rows[0])):
    return True
  counted = rows[0] == [str(i) for i in range(len(rows[0]))]
  return counted and any('.' in cell for row in rows[1:] for cell in row)


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
    found = torch.load(path, map_location='cpu', weights_only=True).detach()
    # NumPy has no bfloat16.
    return (found.double() if found.is_floating_point() else found).numpy()
  except Exception as error:  # noqa: BLE001 (torch raises many kinds)
    line = str(error).splitlines()[0]
    raise ValueError(f'{path}: holds no tensor: {line}') from None
