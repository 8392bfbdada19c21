"""Charts: each a function from tidy rows to an `alt.Chart`.

A row is a dict; `member` names the model it is of, `group` its entry in the
legend and `role` is 'best', 'median' or ''. A click on a point, a line or an
entry of the legend singles it out. In a notebook:

    from bvae_jax.report import charts
    charts.scatter([{'member': 'seed=0', 'x': 3.0, 'y': 0.2}], title='MIG')
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from altair.utils import schemapi

Rows = Sequence[Mapping[str, Any]]
Colours = Mapping[str, str]

UP, BELOW, NEUTRAL = '#3d83c4', '#c46a1c', '#8793a0'
SIZE = {'width': 300, 'height': 170}
_ROLES = ['', 'median', 'best']


def rounded(value: Any) -> float | None:
  """A number to five digits, None for one that is not finite."""
  if not isinstance(value, int | float) or not math.isfinite(value):
    return None
  return float(f'{value:.5g}')


def domain(
  values: Any, *, pad: float = 0.05
) -> tuple[tuple[float, float], int]:
  """The range of curves [L, M] or of points [M], and how many lie beyond it.

  A member whose range ends over 30 typical ranges away from the median member's
  is left out: one that diverged does not flatten the others.
  """
  values = np.atleast_2d(np.asarray(values, np.float64))
  seen = np.isfinite(values)
  columns = np.flatnonzero(seen.any(0))
  if not len(columns):
    return (0.0, 1.0), 0
  low = np.where(seen, values, np.inf).min(0)[columns]
  high = np.where(seen, values, -np.inf).max(0)[columns]
  apart = lambda ends: np.abs(ends - np.median(ends))
  typical = max(
    float(np.median(of)) for of in (high - low, apart(low), apart(high))
  )
  inside = np.ones(len(columns), bool)
  if typical > 0:
    inside = np.maximum(apart(low), apart(high)) <= 30 * typical
  first, last = float(low[inside].min()), float(high[inside].max())
  margin = pad * (last - first) or 0.05 * abs(last) or 1.0
  return (first - margin, last + margin), int((~inside).sum())


def _of(rows: Rows, key: str = 'value') -> list[float]:
  found = [row[key] for row in rows]
  return [math.nan if v is None else v for v in found]


def _whole(
  title: str, rows: Rows, *layers: Any, outside: int = 0, **size: Any
) -> Any:
  """A panel of layers of rows under its title; each gets a group and a role."""
  rows = [{'group': row.get('member', ''), 'role': '', **row} for row in rows]
  words = f'{title} ({outside} outside the frame)' if outside else title
  with schemapi.debug_mode(False):  # no check of every row
    chart = alt.layer(*layers, data=alt.Data(values=rows))
    return chart.properties(
      title=alt.Title(words, anchor='start', fontSize=12), **(SIZE | size)
    )


def _picked() -> alt.Parameter:
  return alt.selection_point(name='picked', fields=['member'])


def _colour(colours: Colours | None, legend: bool) -> alt.Color:
  shown = alt.Legend(title=None) if legend else None
  if not colours:
    return alt.Color('group:N', legend=shown)
  scale = alt.Scale(domain=list(colours), range=list(colours.values()))
  return alt.Color('group:N', scale=scale, legend=shown)


def _style(crowd: bool) -> dict[str, Any]:
  """Lines of the best and the median member stand out."""
  scale = lambda values: alt.Scale(domain=_ROLES, range=values)
  widths = [0.8, 1.8, 1.8] if crowd else [1.4, 2.2, 2.6]
  dashes = scale([[1, 0], [5, 4], [1, 0]])
  return {
    'strokeWidth': alt.StrokeWidth('role:N', scale=scale(widths), legend=None),
    'strokeDash': alt.StrokeDash('role:N', scale=dashes, legend=None),
  }


def _faded(
  picked: alt.Parameter, colours: Colours | None, legend: bool, full: float
) -> tuple[Any, list[alt.Parameter]]:
  """The opacity of what is singled out and of the rest; its parameters."""
  if not legend:
    return alt.when(picked).then(alt.value(full)).otherwise(alt.value(0.06)), [
      picked
    ]
  group = alt.selection_point(name='keys', fields=['group'], bind='legend')
  both = alt.when(picked & group)
  return both.then(alt.value(full)).otherwise(alt.value(0.06)), [picked, group]


def _y(key: str, span: tuple[float, float], title: str | None = None) -> alt.Y:
  scale = alt.Scale(domain=list(span), zero=False, nice=False)
  return alt.Y(f'{key}:Q', scale=scale, title=title, axis=alt.Axis(tickCount=5))


def curves(
  rows: Rows,
  *,
  title: str,
  colours: Colours | None = None,
  legend: bool = True,
) -> alt.LayerChart:
  """A line a member over training; rows: member, step, value."""
  members = list(dict.fromkeys(row['member'] for row in rows))
  by = {m: [] for m in members}
  for row in rows:
    by[row['member']].append(row['value'])
  longest = max(map(len, by.values()), default=0)
  grid = np.full((longest, len(members)), np.nan)
  for m, values in enumerate(by.values()):
    grid[: len(values), m] = _of([{'value': v} for v in values])
  span, outside = domain(grid)
  crowd = len(members) > 12
  opacity, params = _faded(_picked(), colours, legend, 0.55 if crowd else 1.0)
  base = alt.Chart().encode(
    x=alt.X('step:Q', title='step', axis=alt.Axis(tickCount=4, format='~s')),
    y=_y('value', span),
    color=_colour(colours, legend),
    detail='member:N',
  )
  line = base.mark_line(clip=True).encode(opacity=opacity, **_style(crowd))
  point = base.mark_point(clip=True, filled=True, size=70, opacity=0)
  return _whole(
    title,
    rows,
    line.add_params(*params),
    point.encode(tooltip=['member:N', 'step:Q', 'value:Q']),
    outside=outside,
  )


def _lanes(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
  """The lane of each point [M], so that neighbours do not overlap."""
  ends: list[Any] = [-math.inf] * 6
  lanes = np.zeros(len(values), int)
  scale = SIZE['width'] / (span[1] - span[0])
  for m in np.argsort(values):
    if math.isfinite(values[m]):
      x = values[m] * scale
      free = [i for i, end in enumerate(ends) if x - end >= 11]
      lanes[m] = free[0] if free else int(np.argmin(ends))
      ends[lanes[m]] = x
  return lanes


def _points(
  base: alt.Chart,
  colours: Colours | None,
  legend: bool,
  tooltip: list[str],
  crowd: bool,
) -> alt.Chart:
  """Points, those of the best and the median member ringed and larger."""
  opacity, params = _faded(_picked(), colours, legend, 0.85)
  sizes = [18, 60, 70] if crowd else [50, 90, 100]
  return (
    base.mark_circle(clip=True, stroke='currentColor')
    .encode(
      color=_colour(colours, legend),
      opacity=opacity,
      size=alt.Size(
        'role:N', scale=alt.Scale(domain=_ROLES, range=sizes), legend=None
      ),
      strokeWidth=alt.StrokeWidth(
        'role:N', scale=alt.Scale(domain=_ROLES, range=[0, 1, 2]), legend=None
      ),
      order=alt.Order('role:N'),
      tooltip=tooltip,
    )
    .add_params(*params)
  )


def strip(
  rows: Rows,
  *,
  title: str,
  colours: Colours | None = None,
  span: tuple[float, float] | None = None,
  legend: bool = True,
) -> alt.LayerChart:
  """A point a member on a line, with the median; rows: member, value.

  Args:
    rows: the members.
    title: names the values.
    colours: of each group.
    span: range of the axis; by default that of the values.
    legend: whether the chart has a legend of its own.
  """
  found, outside = domain(_of(rows), pad=0.08)
  span = span or found
  lanes = _lanes(np.array(_of(rows)), span)
  rows = [{**row, 'lane': int(lane)} for row, lane in zip(rows, lanes)]
  base = alt.Chart()
  scale = alt.Scale(domain=list(span), nice=False)
  x = alt.X(
    'value:Q', scale=scale, title=None, axis=alt.Axis(tickCount=5, grid=False)
  )
  y = alt.Y('lane:Q', scale=alt.Scale(domain=[-0.7, 6]), axis=None)
  tips = ['member:N', 'value:Q']
  points = _points(base, colours, legend, tips, len(rows) > 100)
  median = base.mark_rule(strokeDash=[2, 3], color=NEUTRAL, clip=True)
  return _whole(
    title,
    rows,
    median.encode(x=alt.X('median(value):Q', scale=scale, title=None)),
    points.encode(x=x, y=y),
    outside=outside,
    height=62,
  )


def heat_map(
  rows: Rows, *, title: str, limit: float | None = None
) -> alt.LayerChart:
  """Cells by size, blue up and orange below zero; rows: row, column, value."""
  sizes = [abs(v) for v in _of(rows) if math.isfinite(v)]
  limit = limit or max(sizes, default=0.0) or 1.0
  rows = [
    {**row, 'share': min(abs(v) / limit, 1.0) if math.isfinite(v) else 0.0}
    for row, v in zip(rows, _of(rows))
  ]
  base = (
    alt.Chart().encode(
      x=alt.X('column:N', sort=None, title=None,
              axis=alt.Axis(orient='top', labelAngle=0)),
      y=alt.Y('row:N', sort=None, title=None, axis=alt.Axis(labelLimit=260)),
      tooltip=['row:N', 'column:N', 'value:Q'],
    )
  )  # fmt: skip
  cells = base.mark_rect().encode(
    color=alt.when('datum.value < 0').then(alt.value(BELOW)).otherwise(
      alt.value(UP)
    ),
    opacity=alt.Opacity(
      'share:Q', scale=alt.Scale(domain=[0, 1], range=[0.05, 0.95]), legend=None
    ),
  )  # fmt: skip
  numbers = base.mark_text(fontSize=11).encode(
    text=alt.Text('value:Q', format='.2f'),
    color=alt.when('datum.share > 0.6').then(alt.value('#fff')),
  )
  step = alt.Step
  return _whole(title, rows, cells, numbers, width=step(44), height=step(26))


def bars(rows: Rows, *, title: str, numbers: bool = True) -> alt.LayerChart:
  """A bar a name from zero, perhaps with its number; rows: name, value."""
  base = alt.Chart().encode(
    x=alt.X(
      'name:N',
      sort=None,
      title=None,
      axis=alt.Axis(labelAngle=0, labelOverlap='greedy'),
    ),
    y=alt.Y('value:Q', title=None),
    tooltip=['name:N', 'value:Q'],
  )
  layers = [base.mark_bar(color=NEUTRAL, opacity=0.6)]
  if numbers:
    told = alt.Text('value:Q', format='.2f')
    layers.append(base.mark_text(dy=-6).encode(text=told))
  return _whole(title, rows, *layers)


def latents(
  rows: Rows,
  *,
  title: str,
  colours: Colours | None = None,
  legend: bool = True,
) -> alt.LayerChart:
  """KL by rank, bars the means; rows: member, rank, latent, value."""
  base = alt.Chart()
  x = alt.X('rank:O', title='latents of each member, by falling KL',
            axis=alt.Axis(labelAngle=0))  # fmt: skip
  bar = base.mark_bar(color=NEUTRAL, opacity=0.35).encode(
    x=x, y=alt.Y('mean(value):Q', title=None)
  )
  members = len({row['member'] for row in rows})
  tips = ['member:N', 'latent:N', 'value:Q']
  points = _points(base, colours, legend, tips, members > 12)
  points = points.encode(x=x, y=alt.Y('value:Q', title=None))
  return _whole(title, rows, bar, points, width=720, height=200)


def scatter(
  rows: Rows,
  *,
  title: str,
  x_title: str = '',
  lines: Rows = (),
  colours: Colours | None = None,
  log_x: bool = False,
  ticks: Sequence[float] = (),
  legend: bool = True,
) -> alt.LayerChart:
  """A point a member; rows: member, x, y.

  Args:
    rows: the members.
    title: names y.
    x_title: names x.
    lines: points of lines, one a group: group, x, y, order.
    colours: of each group.
    log_x: whether x, then positive, is on a logarithmic scale.
    ticks: places of the ticks of x.
    legend: whether the chart has a legend of its own.
  """
  (low, high), left_out = domain(_of(rows, 'x'))
  span, outside = domain(_of(rows, 'y'))
  if log_x:
    known = [v for v in _of(rows, 'x') if v > 0]
    low, high = min(known) / 1.15, max(known) * 1.15
  scale = alt.Scale(
    type='log' if log_x else 'linear', domain=[low, high], nice=False
  )
  axis = alt.Axis(values=list(ticks), format='~g') if ticks else alt.Axis(
    tickCount=5
  )  # fmt: skip
  x = alt.X('x:Q', scale=scale, title=x_title or None, axis=axis)
  base = alt.Chart()
  tips = [
    'member:N',
    alt.Tooltip('x:Q', title=x_title or 'x'),
    alt.Tooltip('y:Q', title=title),
  ]
  points = _points(base, colours, legend, tips, len(rows) > 100)
  layers = [points.encode(x=x, y=_y('y', span))]
  if lines:
    path = alt.Chart(alt.Data(values=list(lines))).mark_line(clip=True)
    layers.insert(
      0,
      path.encode(
        x=x,
        y=_y('y', span),
        order='order:Q',
        color=_colour(colours, legend),
        detail='group:N',
      ),
    )
  return _whole(title, rows, *layers, outside=max(outside, left_out))


def distribution(
  rows: Rows,
  *,
  title: str,
  colours: Colours | None = None,
  legend: bool = True,
) -> alt.LayerChart:
  """A column a setting, a point a seed; rows: member, setting, value.

  The bar of a column is its mean over the rows that count, those whose
  `counted` is not false.
  """
  span, outside = domain(_of(rows))
  golden = 0.618034  # neighbours in a column lie apart, the first in the middle
  settings = dict.fromkeys((row['setting'] for row in rows), 0.5)
  shifted = []
  for row in rows:
    at = row['setting']
    shifted.append({**row, 'shift': round(settings[at], 3)})
    settings[at] = (settings[at] + golden) % 1
  base = alt.Chart()
  axis = alt.Axis(labelAngle=-30, labelOverlap='greedy', labelLimit=120)
  x = alt.X('setting:N', sort=None, title=None, axis=axis)
  tips = ['member:N', 'value:Q']
  points = _points(base, colours, legend, tips, len(rows) > 100)
  across = alt.Scale(domain=[-0.6, 1.6])
  place = alt.XOffset('shift:Q', scale=across)
  middle = alt.XOffsetDatum(0.5, scale=across)
  mean = (
    base.transform_filter('datum.counted !== false')
    .mark_point(shape='stroke', size=500, strokeWidth=2, color=NEUTRAL)
    .encode(x=x, xOffset=middle, y=alt.Y('mean(value):Q', title=None))
  )
  points = points.encode(x=x, xOffset=place, y=_y('value', span))
  width = max(300, min(1000, 36 * len(settings)))
  return _whole(title, shifted, points, mean, outside=outside, width=width)
