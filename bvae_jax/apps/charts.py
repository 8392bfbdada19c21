"""Charts as SVG that stand alone: curves with intervals, maps, graphs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bvae_jax.apps.pictures import drawing
from bvae_jax.report.markup import number, tag, text

COLOURS = ('#2166ac', '#b4530a', '#3a8f4d', '#8a4fa3', '#7a7a7a')


def heat_map(
  values: Any,
  rows: Sequence[str],
  columns: Sequence[str],
  title: str,
  *,
  limit: float = 1.0,
) -> str:
  """Cells [R][C] coloured by size up to `limit`, each with its number."""
  values = np.asarray(values, np.float64).reshape(len(rows), len(columns))
  width = max(46.0, 8 + 6.6 * max(map(len, columns)))
  height, top = 26, 44
  left = 12 + 6.6 * max(map(len, rows))
  parts = [tag('text', text(title), x=0, y=14, class_='title')]
  for j, name in enumerate(columns):
    x = left + (j + 0.5) * width
    parts.append(tag('text', text(name), x=x, y=top - 7, class_='mid'))
  for i, row in enumerate(rows):
    y = top + i * height
    parts.append(tag('text', text(row), x=left - 8, y=y + 17, class_='end'))
    for j in range(len(columns)):
      share = min(abs(values[i, j]) / limit, 1.0)
      share = share if math.isfinite(share) else 0.0
      x = left + j * width
      parts.append(
        tag(
          'rect', x=x + 1, y=y + 1, width=width - 2, height=height - 2,
          fill=COLOURS[int(values[i, j] < 0)],
          fill_opacity=f'{0.04 + 0.9 * share:.2f}',
        )
      )  # fmt: skip
      parts.append(
        tag(
          'text', number(values[i, j], 2), x=x + width / 2, y=y + 17,
          class_='mid', fill='#fff' if share > 0.6 else None,
          style='fill:#fff' if share > 0.6 else None,
        )
      )  # fmt: skip
  right = max(left + width * len(columns), 7.8 * len(title))
  return drawing(''.join(parts), right + 4, top + height * len(rows))


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
  ends = [
    v for es in lines.values() for e in es for v in (e.low, e.high, e.mean)
  ]
  ends = [v for v in [*ends, floor] if v is not None and math.isfinite(v)]
  low, high = min(ends, default=0.0), max(ends, default=1.0)
  low, high = (
    max(low, 0.0),
    min(high, 1.0) if min(ends, default=0) >= 0 else high,
  )
  high = high if high > low else low + 1
  width, height, left, top = 520, 280, 52, 28
  right, bottom = width - 150, height - 40
  logs = [math.log(v) for v in x]
  span = (logs[-1] - logs[0]) or 1.0
  px = lambda v: (
    left + 14 + (math.log(v) - logs[0]) / span * (right - left - 28)
  )
  clip = lambda v: min(max(v, low), high)
  py = lambda v: bottom - (clip(v) - low) / (high - low) * (bottom - top)
  parts = [tag('text', text(title), x=0, y=14, class_='title')]
  faint = {'stroke': 'currentColor', 'stroke_opacity': '.2'}
  for value in np.linspace(low, high, 5):
    y = py(value)
    parts.append(tag('line', x1=left, x2=right, y1=y, y2=y, **faint))
    parts.append(
      tag('text', number(value, 2), x=left - 6, y=y + 4, class_='end')
    )
  for v in x:
    parts.append(tag('text', f'{v:g}', x=px(v), y=bottom + 16, class_='mid'))
  parts.append(
    tag('text', text(x_label), x=(left + right) / 2, y=height - 6, class_='mid')
  )
  if floor is not None:
    parts.append(
      tag('line', x1=left, x2=right, y1=py(floor), y2=py(floor),
          stroke='currentColor', stroke_dasharray='3 3')
    )  # fmt: skip
  shift = np.linspace(-6, 6, len(lines)) if len(lines) > 1 else [0.0]
  for i, (name, found) in enumerate(lines.items()):
    colour = COLOURS[i % len(COLOURS)]
    places = [(px(v) + shift[i], e) for v, e in zip(x, found)]
    path = ' '.join(f'{a:.1f},{py(e.mean):.1f}' for a, e in places)
    parts.append(
      tag('polyline', points=path, fill='none', stroke=colour, stroke_width=2)
    )
    for a, e in places:
      if math.isfinite(e.low):
        parts.append(
          tag('line', x1=a, x2=a, y1=py(e.low), y2=py(e.high), stroke=colour)
        )
      parts.append(
        tag('circle', tag('title', text(f'{name}: {e}')), cx=a, cy=py(e.mean),
            r=3, fill=colour)
      )  # fmt: skip
    y = top + 10 + 18 * i
    parts.append(
      tag('rect', x=right + 12, y=y - 8, width=10, height=10, fill=colour)
    )
    parts.append(tag('text', text(name), x=right + 28, y=y + 1))
  return drawing(''.join(parts), width, height)


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
  height = 40 + 28 * max(shares.shape)
  place = lambda i, count: 40 + (i + 0.5) * (height - 40) / count
  left, right = 120, 400
  parts = [tag('text', text(title), x=0, y=14, class_='title')]
  for k, d in zip(*np.nonzero(shares >= threshold)):
    parts.append(
      tag(
        'line',
        tag('title', text(f'{factors[k]} → {latents[d]}: {shares[k, d]:.2f}')),
        x1=left, x2=right, y1=place(k, len(factors)),
        y2=place(d, len(latents)), stroke=COLOURS[0],
        stroke_width=1.0 + 6 * float(min(shares[k, d], 1)), stroke_opacity='.7',
      )
    )  # fmt: skip
  idle = (shares < threshold).all(0)
  for k, name in enumerate(factors):
    y = place(k, len(factors))
    parts.append(tag('text', text(name), x=left - 10, y=y + 4, class_='end'))
  for d, name in enumerate(latents):
    y = place(d, len(latents))
    told = f'{name} (idle)' if idle[d] else name
    parts.append(
      tag('text', text(told), x=right + 10, y=y + 4,
          fill_opacity='.5' if idle[d] else None)
    )  # fmt: skip
  return drawing(''.join(parts), 520, height)
