"""Charts of many values at a glance: strips of points, and heat maps."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax.report import markup
from bvae_jax.report.markup import tag, text
from bvae_jax.report.svg import Chart, Mark, domain, drawing, drawing_order


def strip(
  values: np.ndarray,
  marks: Sequence[Mark],
  title: str,
  *,
  span: tuple[float, float] | None = None,
) -> str:
  """One value a member on a line, apart where they would overlap.

  Args:
    values: [M], NaN where a member has none.
    marks: [M].
    title: names the values.
    span: range of the axis; by default that of the values.
  """
  finite = values[np.isfinite(values)]
  span = domain(values, pad=0.08) if span is None else span
  chart = Chart(span, (0.0, 1.0), title=title, y_axis=False, size=(340, 108))
  if len(finite):
    chart.rule(float(np.median(finite)))
  room = 11.0
  ends, lane = [-math.inf] * 6, np.zeros(len(values), int)
  for m in np.argsort(values):
    if math.isfinite(values[m]):
      x = chart.px(float(values[m]))
      free = [i for i, end in enumerate(ends) if x - end >= room]
      lane[m] = free[0] if free else int(np.argmin(ends))
      ends[lane[m]] = x
  for m in drawing_order(marks):
    tip = f'{marks[m].label}: {markup.number(values[m])}'
    chart.dot(values[m], 0.0, marks[m], tip=tip, dy=8 + 9.0 * lane[m])
  return chart.render()


def heat_map(
  values: Any,
  rows: Sequence[str],
  columns: Sequence[str],
  title: str,
  *,
  limit: float | None = None,
) -> str:
  """Cells coloured by size, each with its number: blue up, orange below zero.

  Args:
    values: [R][C]; None and NaN stay empty.
    rows, columns: their names.
    title: above the map.
    limit: the value of full colour; by default the largest in the map.
  """
  values = values.reshape(len(rows), len(columns))
  finite = np.abs(values[np.isfinite(values)])
  limit = (finite.max(initial=0.0) or 1.0) if limit is None else limit
  width, height, top = 44, 26, 46
  left = 10.0 + 7.0 * max(map(len, rows))
  parts = [tag('text', text(title), x=0, y=13, class_='title')]
  for j, name in enumerate(columns):
    x = left + (j + 0.5) * width
    parts.append(tag('text', text(name), x=x, y=top - 7, class_='mid'))
  for i, row in enumerate(rows):
    y = top + i * height
    parts.append(
      tag('text', text(row), x=left - 8, y=y + 17, class_='end strong')
    )
    for j, column in enumerate(columns):
      value, x = values[i, j], left + j * width
      known = math.isfinite(value)
      share = min(abs(value) / limit, 1.0) if known else 0.0
      tip = f'{row}, {column}: {markup.number(value)}'
      parts.append(
        tag(
          'rect',
          tag('title', text(tip)),
          x=x + 1,
          y=y + 1.0,
          width=width - 2,
          height=height - 2,
          class_='cell below' if value < 0 else 'cell',
          style=f'fill-opacity:{0.04 + 0.9 * share:.2f}',
        )
      )
      parts.append(
        tag(
          'text',
          markup.number(value, 2),
          x=x + width / 2,
          y=y + 17.0,
          class_='mid on' if share > 0.85 else 'mid strong',
        )
      )
  size = left + width * len(columns) + 4, top + height * len(rows) + 4
  inner = drawing(''.join(parts), size, title)
  return tag('div', inner, class_='scroll', style=f'--width:{size[0]:.0f}px')
