"""How a table names files: which column does, and which file a cell means."""

import os
import pathlib
import unicodedata
from collections.abc import Callable, Iterable

from bvae_jax.data import decode

_COUNTS = ('', 'index', 'unnamed: 0')  # heads of a column that counts
INDICES = (*_COUNTS, 'id')  # or of one that might


def files_first(
  rows: list[list[str]], find: Callable[[str], str | None]
) -> list[list[str]]:
  """The rows with the names of files first, in place of numbers of rows."""
  columns = [*zip(*rows)]  # of as many as the shortest row has
  k = _column_of_files(rows[0], [cells[1:] for cells in columns], find)
  if not k:
    return rows
  rest = 1 if rows[0][0].lower() in INDICES else 0
  return [[row[k], *row[rest:k], *row[k + 1 :]] for row in rows]


def _column_of_files(
  heads: list[str],
  columns: list[tuple[str, ...]],
  find: Callable[[str], str | None],
) -> int:
  """Which column names files: with suffix, else the first that does without.

  Raises:
    ValueError: two do without suffix, and not the same: one counts the rows.
  """
  has_suffix = lambda cell: cell.lower().endswith(decode.SUFFIXES)
  files = [sum(bool(has_suffix(c) and find(c)) for c in cs) for cs in columns]
  if any(files):
    return files.index(max(files))
  named = {k: _all_named(cells, find) for k, cells in enumerate(columns)}
  able = [k for k, found in named.items() if found]
  if heads[0].lower() in _COUNTS:  # beside names of files that are not there
    able += [
      k for k, cells in enumerate(columns) if all(map(has_suffix, cells))
    ]
  first = [find(cell) for cell in columns[0]]
  if not any(first):
    return able[0] if able else 0
  for k in able:
    if k and named[k] != first:
      raise ValueError(
        f'columns {heads[0]!r} and {heads[k]!r} may both name the files, and '
        'differently: leave the one that counts the rows out, or write names '
        'of files as they are, with their suffix'
      )
  return 0


def _all_named(
  cells: Iterable[str], find: Callable[[str], str | None]
) -> list[str | None]:
  """The files that cells name; none where one names none, or two the same."""
  found = {}
  for cell in cells:
    file = find(cell)
    if file is None or file in found:
      return []
    found[file] = None
  return [*found]


def finder(
  folder: pathlib.Path, files: list[str]
) -> Callable[[str], str | None]:
  """From how a table names a file to its path, None where it is none.

  The first way counts in which it is the only one: as it stands before another
  case of its letters.
  """
  ways: list[dict[str, str | None]] = [{} for _ in range(8)]
  for file in files:
    plain = unicodedata.normalize('NFC', file)
    base = plain.rpartition('/')[2]
    forms = [plain, base, _stem(plain), _stem(base)]
    for way, form in zip(ways, forms + [form.casefold() for form in forms]):
      way[form] = None if form in way else file

  def find(named: str) -> str | None:
    plain = unicodedata.normalize('NFC', named.replace('\\', '/'))
    for place in (folder.as_posix(), os.path.abspath(folder), '.'):
      plain = plain.removeprefix(f'{place}/')
    keys = [plain] * 4 + [plain.casefold()] * 4
    return next((f for way, k in zip(ways, keys) if (f := way.get(k))), None)

  return find


def _stem(file: str) -> str:
  head, dot, end = file.rpartition('.')
  return head if dot and '/' not in end else file
