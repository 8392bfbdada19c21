"""Charts of applications as SVG files: curves with intervals, maps, graphs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bvae_jax.report import charts


def heat_map(
  values: Any, rows: Sequence[str], columns: Sequence[str], title: str
) -> str:
  """Cells [R][C] coloured by size up to 1, each with its number."""
  cells = [
    {'row': row, 'column': column, 'value': charts.rounded(float(value))}
    for row, line in zip(rows, values)
    for column, value in zip(columns, line)
  ]
  return charts.svg(charts.heat_map(cells, title=title, limit=1.0))


def curves(
  x: Sequence[float],
  lines: Mapping[str, Sequence[Any]],
  title: str,
  x_label: str,
  *,
  floor: float | None = None,
) -> str:
  """Lines over a logarithmic x, with the intervals of their estimates.

  Args:
    x: places [S], positive.
    lines: a name to `statistics.Estimate`s [S].
    title, x_label: what is drawn.
    floor: a dashed line, such as the share of the commonest class.
  """
  rows = [
    {
      'group': name,
      'x': at,
      'value': charts.rounded(found.mean),
      'low': charts.rounded(found.low),
      'high': charts.rounded(found.high),
    }
    for name, line in lines.items()
    for at, found in zip(x, line)
  ]
  drawn = charts.intervals(rows, title=title, x_title=x_label, floor=floor)
  return charts.svg(drawn)


def graph(
  shares: Any, factors: Sequence[str], latents: Sequence[str],
  threshold: float, title: str,
) -> str:  # fmt: skip
  """Factors at the left, latents at the right, an edge where a share is large.

  Args:
    shares: [K, D]; an edge's width is its share.
    factors, latents: their names.
    threshold: of an edge.
    title: above the graph.
  """
  shares = np.asarray(shares, np.float64)
  edges = [
    {'from_name': factors[k], 'to_name': latents[d], 'value': share}
    for k, d in zip(*np.nonzero(shares >= threshold))
    if math.isfinite(share := min(float(shares[k, d]), 1.0))
  ]
  return charts.svg(
    charts.graph(edges, title=title, left=[*factors], right=[*latents])
  )
