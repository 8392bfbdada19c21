"""factors.csv as people save it: separators, line ends, numbers."""

import csv
import io
import itertools
import logging
import math
import pathlib
import re
from collections.abc import Iterable

from bvae_jax.data import decode, file_names

_LOG = logging.getLogger(__name__)
_REMARKS = re.compile(r'(?:(?:#|sep=)[^\r\n]*[\r\n]+)*', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r'[-+]?\d+,\d+(e[-+]?\d+)?', re.IGNORECASE)


def read(
  path: pathlib.Path, files: list[str], skipped: Iterable[str] = ()
) -> dict[str, list[str]]:
  """The cells of each column by its name, in the order of the files.

  Columns are apart by commas, or by semicolons, tabs or bars (then 1,5 is a
  number).
  The first that names files tells which: by its path in the folder, or by its
  name or the name without suffix where only one file has it. Rows that a data
  frame has counted before it are no factor.

  Args:
    path: the table.
    files: paths of the images in its folder, with slashes.
    skipped: paths of those that could not be decoded: what names them names
      none of the others.

  Raises:
    ValueError: no such table.
  """
  found = rows(path)
  if len(found) < 2 or len(found[0]) < 2:
    raise ValueError('needs a header and rows: file name, one column a factor')
  if found[0][0].lower().endswith(decode.SUFFIXES):
    raise ValueError(f'needs a header; its first row names {found[0][0]}')
  find = file_names.finder(path.parent, [*files, *skipped])
  found = file_names.files_first(found, find)
  names = [' '.join(name.split()) for name in found[0][1:]]
  if len(set(names)) != len(names) or not all(names):
    raise ValueError(f'needs a name of its own for each factor, got {names}')
  cells, unknown = {}, []
  for number, row in enumerate(found[1:], 2):
    if len(row) != len(found[0]):
      raise ValueError(
        f'row {number} has {len(row)} cells, the header {len(found[0])}'
      )
    file = find(row[0])
    if file is None:
      unknown.append(row[0])
    elif file in cells:
      raise ValueError(f'names {file} twice, the second time in row {number}')
    else:
      cells[file] = row[1:]
  for file in skipped:
    cells.pop(file, None)
  if not cells:
    raise ValueError(
      f'names none of the images; its first is {found[1][0]}; the first column '
      'must hold the names of the files in this folder'
    )
  if unknown or len(cells) < len(files):
    _LOG.warning(
      '%s: %d rows name no image%s; %d images have no row and no labels',
      path,
      len(unknown),
      f' (the first: {unknown[0]})' if unknown else '',
      len(files) - len(cells),
    )
  blank = [''] * len(names)
  ordered = [cells.get(file, blank) for file in files]
  return {name: [row[k] for row in ordered] for k, name in enumerate(names)}


def rows(path: pathlib.Path) -> list[list[str]]:
  """The rows up to the last one that says anything, without empty lines.

  Columns of which no cell says anything are left out; cells have no spaces
  around.

  Raises:
    ValueError: no text in UTF-8, or no CSV.
  """
  try:
    text = path.read_bytes().decode('utf-8-sig')
  except UnicodeDecodeError:
    text = '\0'
  if '\0' in text:
    raise ValueError('is no text in UTF-8; save it anew as CSV in UTF-8')
  remarks = _REMARKS.findall(text)[0]
  remarks = '' if remarks == text else remarks
  text = text[len(remarks) :]
  first = next((line for line in text.splitlines() if line.strip()), '')
  # Between digits a comma may be a decimal one; in quotes it is none.
  separator = max(',;\t|', key=re.sub(r'\d,\d|"[^"]*"', '', first).count)
  found = _cells(text, separator)
  last = ''.join(remarks.splitlines()[-1:])
  if last.startswith('#'):  # it may be the header, as of numpy.savetxt
    header = _cells(last.lstrip('# '), separator)
    if header and found and _width(header[0]) == _width(found[0]):
      found = header + found
  if separator != ',':
    found = [
      [c.replace(',', '.') if _DECIMAL_COMMA.fullmatch(c) else c for c in row]
      for row in found
    ]
  while found and not any(found[-1]):
    found.pop()
  found = [row for row in found if len(row) > 1 or any(row)]
  if len({*map(len, found)}) == 1:
    told = [any(cells) for cells in zip(*found)]
    found = [[*itertools.compress(row, told)] for row in found]
  return found


def _cells(text: str, separator: str) -> list[list[str]]:
  """The cells of each line, without spaces around."""
  lines = csv.reader(
    io.StringIO(text, newline=''), delimiter=separator, skipinitialspace=True
  )
  try:
    return [[cell.strip() for cell in row] for row in lines]
  except csv.Error as error:
    raise ValueError(f'no table: {error}') from None


def _width(row: list[str]) -> tuple[int, int]:
  """The number of cells, and of words where there is one cell."""
  return len(row), len(row[0].split()) if len(row) == 1 else 0


def is_number(cell: str) -> bool:
  """Whether a cell spells a number."""
  try:
    number(cell)
  except ValueError:
    return False
  return True


def number(cell: str) -> float:
  """The number that a cell spells, exactly where it is whole.

  Raises:
    ValueError: it spells none; 1_2 is a word here.
  """
  if '_' in cell:
    raise ValueError(f'no number: {cell}')
  value = float(cell)
  whole = cell.lstrip('+-').isdecimal() and math.isfinite(value)
  return int(cell) if whole else value
