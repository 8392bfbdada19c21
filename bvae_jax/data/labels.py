"""Labels of images: a factors.csv, the folder they are in, or arrays.

Columns of words are categorical, of numbers ordinal, or continuous where more
than 20 values mostly differ from image to image, or there are more than 256;
blanks are missing. A column with one value says nothing, one of words that
mostly differ only tells images apart: they are left out, which the log says.
"""

import logging
import math
import os
import pathlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from bvae_jax.data import factors as factors_lib
from bvae_jax.data import factors_csv, files

_LOG = logging.getLogger(__name__)
NAME = 'factors.csv'
MAX_CLASSES = 256  # values of an ordinal factor
_LARGEST = float(np.finfo(np.float32).max)
BLANKS = (
  *('', 'na', 'nan', '-nan', 'nat', 'n/a', '#n/a', '<na>', 'null', 'none'),
  *('+nan', '?'),
)
_Column = tuple[factors_lib.Factor, np.ndarray]


def of_files(
  folder: pathlib.Path, names: list[str], skipped: Iterable[str] = ()
) -> factors_lib.Table | None:
  """Returns what is known of the files, None if nothing is.

  Args:
    folder: the images' folder, with or without a factors.csv.
    names: paths of the N images in it, with slashes.
    skipped: paths of those that could not be decoded.

  Raises:
    ValueError: a factors.csv that cannot be read or does not fit the files.
  """
  path = folder / NAME
  if path.exists():
    try:
      columns = factors_csv.read(path, names, skipped)
    except ValueError as error:
      raise ValueError(f'{path}: {error}') from error
  elif all('/' in file for file in names):
    # Names of files may be no UTF-8.
    readable = [os.fsencode(n).decode(errors='backslashreplace') for n in names]
    columns = {'class': [file.rpartition('/')[0] for file in readable]}
    path = folder
  else:
    if any('/' in file for file in names):
      _LOG.warning(
        '%s: folders are no classes, since some images lie in none', folder
      )
    return None
  return _table(path, columns)


def of_arrays(
  path: pathlib.Path, keys: tuple[str, ...], count: int
) -> factors_lib.Table | None:
  """Returns the labels that lie beside the images in an .npz or HDF5 file.

  Without keys there are none; which arrays might be labels is logged.

  Args:
    path: the file.
    keys: names of arrays [N], one factor each, or [N, K], K of them; of
      integers, floats, bools or strings.
    count: N.

  Raises:
    ValueError: no such array, another length, or pickled objects.
  """
  if not keys:
    _tell_of_arrays(path, count)
    return None
  columns = {}
  for key in keys:
    values = files.open_array(path, key)
    if values.ndim not in (1, 2) or len(values) != count:
      raise ValueError(
        f'{path}: labels {key} must be [{count}] or [{count}, K], got '
        f'{values.shape}'
      )
    base = key.rpartition('/')[2]
    many = values.ndim == 2
    for k, part in enumerate(values.T if many else [values]):
      name = f'{base}_{k}' if many else base
      if name in columns:
        raise ValueError(f'{path}: dataset.label_keys names {name} twice')
      if part.dtype.kind not in 'biufSUO':
        raise ValueError(
          f'{path}: labels {key} must be numbers, bools or text, got '
          f'{part.dtype}'
        )
      if part.dtype.kind == 'S':
        try:
          part = np.char.decode(part, 'utf-8')
        except UnicodeDecodeError:
          raise ValueError(f'{path}: labels {key} are no UTF-8') from None
      columns[name] = [str(value) for value in part.tolist()]
  return _table(path, columns)


def _tell_of_arrays(path: pathlib.Path, count: int) -> None:
  """Names the arrays that have a row for each of N images, not read so far."""
  able = [
    name
    for name, shape in files.shapes(path).items()
    if len(shape) in (1, 2) and shape[0] == count
  ]
  if able:
    _LOG.info(
      '%s: no labels are read; of as many rows as images: %s '
      '(--config.dataset.label_keys="%s" makes them factors)',
      path,
      ', '.join(able),
      tuple(able),
    )


def _table(
  path: pathlib.Path, columns: dict[str, list[str]]
) -> factors_lib.Table | None:
  """The factors of columns of text, without those that say nothing."""
  blank = [
    name for name, cells in columns.items() if not any(map(_told, cells))
  ]
  if blank and len(blank) == len(columns):
    raise ValueError(
      f'{path}: column {blank[0]} has no value; fill it, or move the file away'
    )
  if blank:
    _LOG.warning('%s: without a value, left out: %s', path, ', '.join(blank))
  try:
    made = [_column(n, cells) for n, cells in columns.items() if n not in blank]
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from error
  kept = []
  for factor, values in made:
    known = values[np.isfinite(values)]
    if not np.ptp(known):
      _LOG.warning('%s: %s has one value: left out', path, factor.name)
    elif factor.kind == 'categorical' and factor.size > max(20, len(known) / 2):
      _LOG.warning(
        '%s: %s only tells images apart: left out', path, factor.name
      )
    else:
      kept.append((factor, values))
  if not kept:
    return None
  factors, values = zip(*kept)
  return factors_lib.Table.of(factors, np.stack(values, -1))


def tell_of_words(name: str, cells: Sequence[str]) -> None:
  """Warns of words that may be meant as numbers, or as one word."""
  known = {cell: None for cell in cells if _told(cell)}
  words = [cell for cell in known if not factors_csv.is_number(cell)]
  alike: dict[str, list[str]] = {}
  for word in words:
    alike.setdefault(word.lower(), []).append(word)
  twins = [' and '.join(same) for same in alike.values() if len(same) > 1]
  in_digits = [
    any(map(str.isdigit, w)) and not any(map(str.isalpha, w)) for w in words
  ]
  told = ''
  if 0 < len(words) < len(known):
    told = (
      f'numbers and words ({words[0]}): its values are taken for words; leave '
      'a missing one blank'
    )
  elif words and all(in_digits):
    told = (
      f'what is no plain number ({words[0]}): its values are taken for words, '
      'which have no order; write numbers as 1500 or 1.5'
    )
  elif twins:
    told = f'{twins[0]}, which are taken for values of their own'
  if told:
    _LOG.warning('%s holds %s', name, told)


def tell_of_minus_one(name: str, numbers: Collection[float]) -> None:
  """Warns of -1 below 0, 1, ..., which may be meant as a missing label."""
  whole = all(x == int(x) for x in numbers if math.isfinite(x))
  if {-1, 0} <= {*numbers} and min(numbers) == -1 and whole:
    _LOG.warning(
      '%s holds -1, which is taken for a value; leave a missing one blank', name
    )


def _told(cell: str) -> bool:
  return cell.lower() not in BLANKS


def is_continuous(num_values: int, count: int) -> bool:
  """Whether numbers of so many values, of N images, are no classes."""
  return num_values > max(20, min(count / 2, MAX_CLASSES))


def _spelled(name: str, numbers: Sequence[float]) -> tuple[str, ...]:
  """Different numbers as short as they stay different; warns of twins."""
  short = [str(int(x)) if x == int(x) else f'{float(x):.6g}' for x in numbers]
  twins = [str(x) for word, x in zip(short, numbers) if short.count(word) > 1]
  if twins:
    told = ' and '.join(twins[:2])
    _LOG.warning(
      '%s holds %s, which are taken for values of their own', name, told
    )
  return tuple(map(str, numbers) if twins else short)


def _column(name: str, cells: list[str]) -> _Column:
  """Returns a factor and its values, float64 [N] with NaN for missing."""
  if {cell.lower() for cell in cells if _told(cell)} <= {'true', 'false'}:
    cells = [cell.lower() for cell in cells]
  known = [cell for cell in cells if _told(cell)]
  try:
    numbers = {cell: factors_csv.number(cell) for cell in known}
  except ValueError:
    numbers = None
    tell_of_words(name, known)
  tell_of_minus_one(name, {*(numbers or {}).values()})
  infinite = [c for c, x in (numbers or {}).items() if abs(x) > _LARGEST]
  if infinite:
    raise ValueError(
      f'column {name} holds an infinite value ({infinite[0]}, beyond 32 bits); '
      'leave the cell blank'
    )
  value: dict[str, Any] = numbers or {cell: cell for cell in known}
  order = sorted({*value.values()})  # 9 and 9.0 are one value
  if numbers and is_continuous(len(order), len(known)):
    factor = factors_lib.Factor(name, 'continuous', 0)
    code = {cell: float(x) for cell, x in numbers.items()}
  else:
    kind = 'ordinal' if numbers else 'categorical'
    words = _spelled(name, order) if numbers else tuple(order)
    factor = factors_lib.Factor(name, kind, len(order), words)
    place = {x: float(i) for i, x in enumerate(order)}
    code = {cell: place[x] for cell, x in value.items()}
  return factor, np.array([code.get(cell, np.nan) for cell in cells])
