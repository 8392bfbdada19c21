"""What a real set is: its files, its factors, and how its files are read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bvae_jax.data import factors as factors_lib

Chunks = Iterator[tuple[np.ndarray, np.ndarray]]


class Remote(NamedTuple):
  """One published file.

  Attributes:
    name: of the file.
    url: where it is fetched from; empty where only a browser can.
    checksum: 'sha256:HEX', 'md5:HEX' or 'git:HEX' (the id of a git blob).
    size: in bytes; 0 where it is not known.
  """

  name: str
  url: str
  checksum: str = ''
  size: int = 0


class Opened(NamedTuple):
  """The files of a set, opened.

  Attributes:
    factors: the K factors, of their full sizes.
    classes: int32 [N, K], 0 to size - 1 of each factor, -1 where missing.
    chunks: () -> (rows [b], uint8 images [b, H, W, C]) until all N are there.
    shape: (H, W, C).
    extra: further arrays [N] by name, kept beside the images.
  """

  factors: tuple[factors_lib.Factor, ...]
  classes: np.ndarray
  chunks: Callable[[], Chunks]
  shape: tuple[int, int, int]
  extra: dict[str, np.ndarray] = {}


class RealSet(NamedTuple):
  """One set.

  Attributes:
    name: on the command line, and in `dataset.name`.
    title: what it is and whose.
    licence: as published.
    page: where a person finds it.
    files: all that are needed; one of them where `either`.
    num_images: of the published set.
    open: from the file, or the folder that holds the files.
    image_size: that it is prepared at unless asked otherwise [pixels].
    either: whether each of the files holds the whole set.
  """

  name: str
  title: str
  licence: str
  page: str
  files: tuple[Remote, ...]
  num_images: int
  open: Callable[[Path], Opened]
  image_size: int = 64
  either: bool = False

  @property
  def command(self) -> str:
    """The command that prepares it."""
    return f'python -m bvae_jax.data.prepare {self.name}'


def by_values(
  names: Iterable[str], table: np.ndarray, known: Iterable[ArrayLike]
) -> np.ndarray:
  """Columns of values as places among the known ones, int32 [N, K].

  Raises:
    ValueError: a value that is none of them.
  """
  columns = zip(names, np.transpose(table), known, strict=True)
  return np.stack([_by_value(*column) for column in columns], -1)


def _by_value(name: str, values: np.ndarray, known: ArrayLike) -> np.ndarray:
  """The place of each value among the known ones, int32 [N]."""
  known = np.asarray(known, np.float64)
  values = np.asarray(values, np.float64)
  place = np.abs(values[:, None] - known).argmin(1)
  step = np.diff(np.sort(known)).min() if len(known) > 1 else 1.0
  wrong = ~(np.abs(known[place] - values) < 1e-3 * step)
  if wrong.any():
    raise ValueError(
      f'{name} has the value {values[wrong][0]:g} in row {wrong.argmax()}, '
      f'none of its {len(known)} values from {known.min():g} to '
      f'{known.max():g}'
    )
  return place.astype(np.int32)


def factors_of(
  names: str,
  sizes: tuple[int, ...],
  kinds: str,
  values: Mapping[str, Sequence[str]] | None = None,
) -> tuple[factors_lib.Factor, ...]:
  """Factors from names and kinds (c, o: categorical, ordinal) in one text."""
  kind = {'c': 'categorical', 'o': 'ordinal'}
  each = [kind[k] for k in kinds]
  return factors_lib.Grid.of(names.split(), sizes, each, values).factors
