"""Tables of points from files: codes, labels or log-variances of anybody."""

import itertools
import logging
import pathlib
from typing import Any, NamedTuple

import numpy as np

from bvae_jax.data import arrays, factors_csv, file_names, files, labels
from bvae_jax.data.factors_csv import is_number, number

_LOG = logging.getLogger(__name__)
_NAMED = 5  # of what a file holds, in a message
_FEW = 20  # rows whose first words may all differ and be labels all the same


class Table(NamedTuple):
  """Points, and what a file calls them.

  Attributes:
    values: [N], or [N, columns].
    names: of the columns; empty where there are none.
    rows: of the points, numbers or words; empty where there are none.
  """

  values: Any
  names: tuple[str, ...] = ()
  rows: tuple[float | str, ...] = ()


def read(path: pathlib.Path, key: str) -> Table:
  """A table of points from a file.

  Args:
    path: .csv or .tsv, with or without a head; .npy; .npz or HDF5, its array
      `key`, in a group or not, or its only one; .pt or .pth of PyTorch, which
      holds one tensor, or a dict with one by the name `key`.
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
    return _csv(path, key)
  if suffix in ('.pt', '.pth'):
    return Table(_torch(path, key))
  if files.kind(path) == 'npy':
    key = ''
  elif files.kind(path):
    held = arrays.names(path)
    alike = [n for n in held if n.rpartition('/')[2] == key or len(held) == 1]
    key = alike[0] if len(alike) == 1 else key
  found = np.asarray(files.open_array(path, key, ranks=(1, 2)))
  if found.dtype.kind not in 'OSU':
    return Table(found)
  try:
    told = np.char.decode(found) if found.dtype.kind == 'S' else found
  except UnicodeDecodeError:
    raise ValueError(f'{path}: its text is no UTF-8; save it anew') from None
  told = told.astype(str)
  blank = np.isin(np.char.lower(np.char.strip(told)), labels.BLANKS)
  return Table(np.where(blank, '', told))


def varying(factors: Table, test: Table) -> tuple[Table, Table]:
  """Both tables without the factors of one value, which tell nothing.

  Args:
    factors: of the points that are trained on.
    test: of other points, of the same columns; its values may be None.
  """
  shape = factors.values.shape
  unlike = test.values is not None and test.values.shape[1:] != shape[1:]
  if len(shape) < 2 or unlike:  # refused as what it is
    return factors, test
  names = factors.names or tuple(f'factor_{k}' for k in range(shape[1]))
  known = lambda value: str(value).strip().lower() not in labels.BLANKS
  found = [[*filter(known, np.unique(col))] for col in factors.values.T]
  for name, values in zip(names, found):
    if all(is_number(str(value)) for value in values):
      labels.tell_of_minus_one(name, {number(str(value)) for value in values})
  told = [len(values) > 1 for values in found]
  if all(told) or not any(told):
    return factors, test
  left = ', '.join(name for name, varies in zip(names, told) if not varies)
  _LOG.warning('factors of one value, or of none, are left out: %s', left)
  names = tuple(itertools.compress(names, told))
  part = lambda values: None if values is None else values[:, told]
  return (
    Table(part(factors.values), names, factors.rows),
    Table(part(test.values), names, test.rows),
  )


def headless(one: Table, other: Table) -> tuple[Table, Table]:
  """Two tables of the same points, each without a head 0, 1, 2, ...

  A data frame without names is saved below such a row, which among whole
  numbers looks like a point: it is a head where it is one point too many.
  """
  return _headless(one, other), _headless(other, one)


def _headless(table: Table, beside: Table) -> Table:
  values = table.values
  if values is None or beside.values is None or table.names or values.ndim < 2:
    return table
  counted = np.arange(values.shape[1])
  if len(values) != len(beside.values) + 1 or any(values[0] != counted):
    return table
  return Table(values[1:], tuple(map(str, counted)), table.rows[1:])


def _csv(path: pathlib.Path, key: str) -> Table:
  try:
    rows = factors_csv.rows(path)
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from None
  if not rows:
    raise ValueError(f'{path}: an empty file')
  rows = _apart(rows)
  longer = all(len(row) == len(rows[0]) + 1 for row in rows[1:])
  if longer and len(rows) > 1 and _is_head(rows):
    rows[0].insert(0, '')  # R's write.table: row names without a head
  for place, row in enumerate(rows, 1):
    if len(row) != len(rows[0]):
      raise ValueError(
        f'{path}: row {place} has {len(row)} cells, the first {len(rows[0])}'
      )
  counted = rows[0][0].lower() in file_names.INDICES and _tells_apart(rows[1:])
  names = tuple(rows.pop(0)) if counted or _is_head(rows) else ()
  if not rows:
    raise ValueError(f'{path}: a head and no rows')
  called = ()
  if not counted and _counts(rows):
    if names and key == 'factors':
      _LOG.warning(
        '%s: its first column, %s, counts the rows and is scored as a factor; '
        'call it id to leave it out',
        *(path, names[0]),
      )
    else:
      _LOG.warning('%s: its first column counts the rows: left out', path)
      rows, names = [row[1:] for row in rows], names[1:]
  elif counted or (len(rows) > _FEW and _tells_apart(rows, words=True)):
    _LOG.warning('%s: its first column names the rows: left out', path)
    called = tuple(number(c) if is_number(c) else c for c, *_ in rows)
    rows, names = [row[1:] for row in rows], names[1:]
  blank = lambda cell: cell.lower() in labels.BLANKS
  rows = [['' if blank(cell) else cell for cell in row] for row in rows]
  if all(not cell or is_number(cell) for row in rows for cell in row):
    values = [[number(cell or 'nan') for cell in row] for row in rows]
    return Table(np.array(values), names, called)
  for k, cells in enumerate(zip(*rows)):
    labels.tell_of_words(names[k] if names else f'{k}', cells)
  return Table(np.array(rows), names, called)


def _apart(rows: list[list[str]]) -> list[list[str]]:
  """The cells of numbers between spaces, as `numpy.savetxt` writes them."""
  if len(rows[0]) > 1 or len(rows[0][0].split()) == 1:
    return rows
  cells = [cell for row in rows[1:] for cell in row[0].split()]
  numbers = all(map(is_number, cells))
  return [row[0].split() for row in rows] if numbers else rows


def _tells_apart(rows: list[list[str]], words: bool = False) -> bool:
  """Whether the first of several columns is another (word) in each row."""
  first = {row[0] for row in rows if len(row) > 1}
  fits = len(first) == len(rows)
  return fits and not (words and any(map(is_number, first)))


def _counts(rows: list[list[str]]) -> bool:
  """Whether the first of several columns counts many rows, one by one."""
  cells = [row[0] for row in rows if len(row) > 1]
  if len(cells) <= _FEW or not all(map(str.isdecimal, cells)):
    return False
  return [int(c) - int(cells[0]) for c in cells] == [*range(len(rows))]


def _is_head(rows: list[list[str]]) -> bool:
  """Whether the first row is one: of words, or a data frame's 0, 1, 2, ...

  The latter above whole numbers may be a point as well, and is taken for one:
  see `headless`.
  """
  if not any(map(is_number, rows[0])):
    return True
  counted = rows[0] == [str(i) for i in range(len(rows[0]))]
  cells = [c for row in rows[1:] for c in row if c.lower() not in labels.BLANKS]
  return counted and any('.' in c or not is_number(c) for c in cells)


def _torch(path: pathlib.Path, key: str) -> np.ndarray:
  try:
    import torch  # pyright: ignore[reportMissingImports]
  except ImportError:
    raise ValueError(
      f'{path}: a tensor of PyTorch needs an extra: pip install '
      '"bvae_jax[bench]"; or save it with numpy.save'
    ) from None
  wanted = f'save one by torch.save({key}, FILE), or by numpy.save'
  try:
    found = torch.load(path, map_location='cpu', weights_only=True)
  except OSError:
    raise
  except Exception:  # noqa: BLE001 (torch raises many kinds)
    what = 'holds no tensor that can be read without running code'
    what = what if path.stat().st_size else 'an empty file'
    raise ValueError(f'{path}: {what}; {wanted}') from None
  if isinstance(found, dict):
    named = ', '.join(map(str, [*found][:_NAMED]))
    found = found.get(key, f'dict of {named}')
  if not isinstance(found, torch.Tensor):
    what = found if isinstance(found, str) else type(found).__name__
    raise ValueError(f'{path}: holds no tensor but a {what}; {wanted}')
  try:
    found = found.detach()
    # NumPy has no bfloat16.
    return (found.double() if found.is_floating_point() else found).numpy()
  except Exception as error:  # noqa: BLE001 (torch raises many kinds)
    line = str(error).splitlines()[0]
    raise ValueError(f'{path}: holds no tensor: {line}') from None
