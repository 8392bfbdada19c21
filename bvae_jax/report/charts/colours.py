"""The colours of charts, told apart by most kinds of colour vision."""

import collections
from collections.abc import Iterable, Mapping

import numpy as np

UP, BELOW, NEUTRAL = '#3d83c4', '#c46a1c', '#8793a0'
# Opacity of a cell of 0 and of 1: words on it are read in light and in dark.
FILL = (0.05, 0.75)
PALETTE = (
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#aa4499',
  '#999933',
  '#6a5acd',
  '#8c6d31',
  '#c2185b',
  '#5f9ea0',
)
_RAMP = ('#7060d8', '#b8529c', '#e5685f', '#eda63a')


def ramp(share: float) -> str:
  """A colour between the ends of a ramp, share in [0, 1]."""
  stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in _RAMP])
  at = np.linspace(0, 1, len(stops))
  mixed = [round(np.interp(share, at, stops[:, c])) for c in range(3)]
  return '#' + bytes(mixed).hex()


def apart(
  groups: Iterable[str], known: Mapping[str, str] | None = None
) -> dict[str, str]:
  """A colour of the palette for each group: the first of those least taken.

  Args:
    groups: names.
    known: the colours of names on the same page, which they keep.
  """
  known = known or {}
  groups = [*dict.fromkeys(groups)]
  kept = [known[group] for group in groups if group in known]
  taken = collections.Counter([*known.values(), *kept])
  found = {}
  for group in groups:
    found[group] = known.get(group) or min(PALETTE, key=taken.__getitem__)
    taken[found[group]] += 1
  return found
