"""Settings of metrics in range, or one line that says what they must be."""

from typing import Any

import numpy as np


def require(fits: bool, name: str, expected: str, value: Any) -> None:
  """Raises the one line of a wrong argument unless it fits."""
  if not fits:
    told = repr(value)
    if hasattr(value, 'dtype') and np.ndim(value):
      told = f'{value.dtype} {np.shape(value)}'
    raise ValueError(f'{name} must be {expected}, got {told}')


def number(value: Any) -> float:
  """The number that a setting is; NaN, in no range, of what is none."""
  if isinstance(value, str | bytes) or np.ndim(value):
    return np.nan
  try:
    return float(value)
  except (TypeError, ValueError):
    return np.nan


def require_count(least: int, **counts: Any) -> None:
  """Raises unless all are integers of at least `least`."""
  for name, value in counts.items():
    fits = isinstance(value, int | np.integer) and value >= least
    require(bool(fits), name, f'an integer of {least} or more', value)


def require_counts(name: str, counts: Any, least: int) -> None:
  """Raises unless it is one or more integers of at least `least`."""
  fits = np.ndim(counts) == 1 and len(counts) > 0
  expected = f'one or more integers, {least} or more each'
  require(
    fits and np.asarray(counts).dtype.kind in 'iu', name, expected, counts
  )
  require(min(counts) >= least, name, expected, counts)
