"""Tables as pictures: maps of cells, bars, intervals, and a graph."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from bvae_jax.report.charts import parts
from bvae_jax.report.charts.colours import BELOW, FILL, NEUTRAL, UP, apart
from bvae_jax.report.charts.parts import Rows

_CELL = {'row': 'row', 'column': 'column'}


def heat_map(
  rows: Rows,
  *,
  title: str,
  limit: float | None = None,
  told: Mapping[str, str] = _CELL,
  value: str = '',
) -> alt.LayerChart:
  """Cells by size, blue up and orange below zero; rows: row, column, value.

  Args:
    rows: the cells.
    title: of the map.
    limit: the size of the fullest colour; by default the largest there is.
    told: what is said of a cell under the pointer: words of the rows, and how
      each is called.
    value: what the numbers are, where the title does not say it.
  """
  sizes = np.nan_to_num(np.abs(parts.values_of(rows)), posinf=0.0)
  limit = limit or sizes.max(initial=0.0) or 1.0
  shares = np.minimum(sizes / limit, 1.0).tolist()
  rows = [{**row, 'share': share} for row, share in zip(rows, shares)]
  long = max((len(row['column']) for row in rows), default=0) > 6
  base = alt.Chart().encode(
    x=alt.X(
      'column:N',
      sort=None,
      title=None,
      axis=alt.Axis(orient='top', labelAngle=-45 if long else 0),
    ),
    y=alt.Y('row:N', sort=None, title=None, axis=alt.Axis(labelLimit=260)),
    tooltip=[
      *(alt.Tooltip(f'{key}:N', title=words) for key, words in told.items()),
      *parts.tips(value=value or title),
    ],
  )
  below = alt.when('datum.value < 0').then(alt.value(BELOW))
  cells = base.mark_rect().encode(
    color=alt.ColorValue(**below.otherwise(alt.value(UP))),
    opacity=alt.Opacity(
      'share:Q', scale=alt.Scale(domain=[0, 1], range=FILL), legend=None
    ),
  )
  known = alt.when('isValid(datum.value)')  # Vega writes null of what is none
  shown = known.then(alt.Text('value:Q', format='.2f'))
  numbers = base.mark_text(fontSize=11).encode(
    text=alt.TextValue(**shown.otherwise(alt.value('–')))
  )
  step = alt.Step
  return parts.whole(
    title, rows, cells, numbers, width=step(38), height=step(26)
  )


def bars(
  rows: Rows,
  *,
  title: str,
  numbers: bool = True,
  value: str = '',
  limit: float | None = None,
) -> alt.LayerChart:
  """A bar a name from zero; rows: name, value.

  They stand where names are short, and else lie, so that each name is read.

  Args:
    rows: the bars.
    title: of the chart.
    numbers: whether a bar's number stands at its end.
    value: what the numbers are, where the title is that of the names.
    limit: where the axis ends, as that of shares does at 1; by default at the
      longest bar.
  """
  lie = max((len(row['name']) for row in rows), default=0) > 8
  flat = not parts.values_of(rows).any()
  end = limit or (1.0 if flat else None)
  scale = alt.Scale(domain=[0, end]) if end else alt.Scale()
  axis = alt.Axis(labelAngle=0, labelOverlap=not lie and 'greedy')
  across, along = (alt.Y, alt.X) if lie else (alt.X, alt.Y)
  name: Any = across('name:N', sort=None, title=None, axis=axis)
  length: Any = along('value:Q', title=None, scale=scale)
  who = alt.Tooltip('name:N', title=title if value else 'name')
  told = [who, *parts.tips(value=value or title)]
  x, y = (length, name) if lie else (name, length)
  base = alt.Chart().encode(x=x, y=y, tooltip=told)
  layers = [base.mark_bar(color=NEUTRAL, opacity=0.6)]
  if numbers:
    place: dict[str, Any] = {'dx': 4, 'align': 'left'} if lie else {'dy': -6}
    told = alt.Text('value:Q', format='.2f')
    layers.append(base.mark_text(**place).encode(text=told))
  size: dict[str, Any] = {'height': 20 * max(3, len(rows))} if lie else {}
  return parts.whole(title, rows, *layers, **size)


def intervals(
  rows: Rows, *, title: str, x_title: str, floor: float | None = None
) -> alt.LayerChart:
  """Lines over a logarithmic x, each point with its interval.

  Args:
    rows: group, x (positive), value, low, high (None where unknown).
    title, x_title: name the values and x.
    floor: a dashed line, such as the share of the commonest class.
  """
  places = sorted({row['x'] for row in rows})
  groups = list(dict.fromkeys(row['group'] for row in rows))
  gap = 0.015 * math.log(max(places) / min(places) or 1.0)
  shifted = [  # so that no interval hides another
    {
      **row,
      'at': row['x']
      * math.exp(gap * (groups.index(row['group']) - (len(groups) - 1) / 2)),
    }
    for row in rows
  ]
  ends = [row[k] for row in rows for k in ('value', 'low', 'high')]
  known = [v for v in [*ends, floor] if v is not None and math.isfinite(v)]
  y = parts.y_axis('value', parts.domain(known)[0])
  base = alt.Chart().encode(
    x=alt.X(
      'at:Q',
      title=x_title,
      axis=parts.ticks(places),
      scale=alt.Scale(type='log', nice=False, padding=15),
    ),
    y=y,
    color=parts.colour(colours=apart(groups)),
    tooltip=parts.tips('group:N', 'x:Q', 'value:Q', 'low:Q', 'high:Q'),
  )
  layers = [
    base.mark_line(),
    base.mark_rule().encode(y=alt.Y('low:Q'), y2=alt.Y2('high:Q')),
    base.mark_circle(size=40, opacity=1),
  ]
  if floor is not None:
    dashed = alt.Chart().mark_rule(strokeDash=[3, 3], color=NEUTRAL)
    layers.append(dashed.encode(y=alt.Y(datum=floor)))
  return parts.whole(title, shifted, *layers, width=380, height=220)


def graph(
  rows: Rows, *, title: str, left: Sequence[str], right: Sequence[str]
) -> alt.LayerChart:
  """Names at both sides, an edge a row, as wide as its share is large.

  Args:
    rows: the edges: from_name, to_name, value in [0, 1].
    title: of the chart.
    left, right: the names, from the top; those at the right without an edge are
      idle.
  """
  place = lambda name, names: 1 - (names.index(name) + 0.5) / len(names)
  edges = [
    {
      **row,
      'y': place(row['from_name'], left),
      'x': 0,
      'x2': 1,
      'y2': place(row['to_name'], right),
    }
    for row in rows
  ]
  reached = {row['to_name'] for row in rows}
  idle = lambda name: '' if name in reached else ' (idle)'
  # Pixels for the names, also in a wide font, and between them.
  room = lambda names: max(86, 12 + 7 * max(map(len, names)))
  before, between, after = room(left), 250, room(right)
  scale = alt.Scale(
    domain=[-before / between, 1 + after / between], nice=False, zero=False
  )
  x, y = alt.X('x:Q', axis=None, scale=scale), alt.Y('y:Q', axis=None)

  def names(chosen: Sequence[str], at: float, told: Any) -> alt.Chart:
    rows = [
      {'x': at, 'y': place(name, chosen), 'name': name + told(name)}
      for name in chosen
    ]
    drawn = alt.Chart(alt.Data(values=rows))
    return drawn.encode(x=x, y=y, text=alt.Text('name:N'))

  wide = alt.Scale(domain=[0, 1], range=[1, 7])
  rule = alt.Chart().mark_rule(color=UP, opacity=0.7)
  line = rule.encode(
    x=x,
    x2=alt.X2('x2:Q'),
    y=y,
    y2=alt.Y2('y2:Q'),
    strokeWidth=alt.StrokeWidth('value:Q', scale=wide, legend=None),
    tooltip=parts.tips('from_name:N', 'to_name:N', 'value:Q'),
  )
  return parts.whole(
    title,
    edges,
    line,
    names(left, -0.03, lambda _: '').mark_text(align='right'),
    names(right, 1.03, idle).mark_text(align='left'),
    width=before + between + after,
    height=28 * max(len(left), len(right)),
  )
