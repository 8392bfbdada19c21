"""A mark a member: curves, points on a line, in columns, against each other."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Unpack

import altair as alt
import numpy as np

from bvae_jax.report.charts import parts
from bvae_jax.report.charts.colours import NEUTRAL
from bvae_jax.report.charts.parts import Keys, Rows

_COUNTED = '!datum.stopped'  # members that count in means


def curves(
  rows: Rows, *, title: str, each: str = 'member', **keys: Unpack[Keys]
) -> alt.LayerChart:
  """A line a member over training; rows: member, step, value.

  Args:
    rows: the lines.
    title: names the values.
    each: what a line is of.
    **keys: see `Keys`.
  """
  members: dict[str, list] = {}
  for row in rows:
    members.setdefault(row['member'], []).append(row['value'])
  values = np.array([*itertools.zip_longest(*members.values())], np.float64)
  span, outside = parts.domain(values)
  crowd = len(members) > 12
  opacity, params = parts.faded(0.55 if crowd else 1.0, **keys)
  axis = alt.Axis(tickCount=4, labelExpr="format(datum.value, '~s')")  # 100k
  base = alt.Chart().encode(
    x=alt.X('step:Q', title='step', axis=axis),
    y=parts.y_axis('value', span),
    color=parts.colour(**keys),
    detail=alt.Detail('member:N'),
  )
  who = alt.Tooltip('member:N', title=each)
  line = base.mark_line(clip=True).encode(opacity=opacity, **parts.style(crowd))
  seen = 0 if len(values) > 1 else 1  # a line of one step is nothing to see
  point = base.mark_point(clip=True, filled=True, size=70, opacity=seen)
  return parts.whole(
    title,
    rows,
    line.add_params(*params),
    point.encode(tooltip=[who, *parts.tips(step='step', value=title)]),
    outside=outside,
  )


def _lanes(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
  """The lane of each point [M], so that neighbours do not overlap."""
  ends: list[Any] = [-math.inf] * 6
  lanes = np.zeros(len(values), int)
  scale = parts.SIZE['width'] / (span[1] - span[0])
  for m in np.argsort(values):
    if math.isfinite(values[m]):
      x = values[m] * scale
      free = [i for i, end in enumerate(ends) if x - end >= 11]
      lanes[m] = free[0] if free else int(np.argmin(ends))
      ends[lanes[m]] = x
  return lanes


def strip(
  rows: Rows,
  *,
  title: str,
  span: tuple[float, float] | None = None,
  **keys: Unpack[Keys],
) -> alt.LayerChart:
  """A point a member on a line, with the median; rows: member, value.

  The median is of the rows that are not `stopped`.

  Args:
    rows: the members.
    title: names the values.
    span: range of the axis; by default that of the values.
    **keys: see `Keys`.
  """
  values = parts.values_of(rows)
  if span is None:
    span, outside = parts.domain(values, pad=0.08)
  else:
    outside = int(((values < span[0]) | (values > span[1])).sum())
  lanes = _lanes(values, span)
  rows = [{**row, 'lane': int(lane)} for row, lane in zip(rows, lanes)]
  base = alt.Chart()
  scale = alt.Scale(domain=list(span), nice=False)
  x = alt.X(
    'value:Q', scale=scale, title=None, axis=alt.Axis(tickCount=5, grid=False)
  )
  y = alt.Y('lane:Q', scale=alt.Scale(domain=[-0.7, 6]), axis=None)
  tips = parts.tips('member:N', value=title)
  points = parts.points(base, tips, len(rows) > 100, **keys)
  median = base.transform_filter(_COUNTED).mark_rule(
    strokeDash=[2, 3], color=NEUTRAL, clip=True
  )
  return parts.whole(
    title,
    rows,
    median.encode(x=alt.X('median(value):Q', scale=scale, title=None)),
    points.encode(x=x, y=y),
    outside=outside,
    height=62,
  )


def latents(rows: Rows, *, title: str, **keys: Unpack[Keys]) -> alt.LayerChart:
  """KL by rank, bars the means; rows: member, rank, latent, value.

  The means are of the rows that are not `stopped`.
  """
  base = alt.Chart()
  order = 'latents of each member, the largest first'
  x = alt.X('rank:O', title=order, axis=alt.Axis(labelAngle=0))
  bar = (
    base.transform_filter(_COUNTED)
    .mark_bar(color=NEUTRAL, opacity=0.35)
    .encode(x=x, y=alt.Y('mean(value):Q', title=None))
  )
  members = len({row['member'] for row in rows})
  tips = parts.tips('member:N', 'latent:N', value=title)
  points = parts.points(base, tips, members > 12, **keys)
  points = points.encode(x=x, y=alt.Y('value:Q', title=None))
  return parts.whole(title, rows, bar, points, width=720, height=200)


def scatter(
  rows: Rows,
  *,
  title: str,
  x_title: str = '',
  lines: Rows = (),
  log_x: bool = False,
  ticks: Sequence[float] = (),
  **keys: Unpack[Keys],
) -> alt.LayerChart:
  """A point a member; rows: member, x, y.

  Args:
    rows: the members.
    title: names y.
    x_title: names x.
    lines: points of lines, one a group: group, x, y, order; dashed where
      `level` is true.
    log_x: whether x, then positive, is on a logarithmic scale.
    ticks: places of the ticks of x.
    **keys: see `Keys`.
  """
  (low, high), left_out = parts.domain(parts.values_of(rows, 'x'))
  levels = [row for row in lines if row.get('level')]
  span, outside = parts.domain(parts.values_of([*rows, *levels], 'y'))
  if log_x:
    known = [v for v in parts.values_of(rows, 'x').tolist() if v > 0]
    low, high = min(known), max(known)
    edge = max(1.15, (high / low) ** 0.04)  # no point is cut at an end
    low, high = low / edge, high * edge
    left_out = len(rows) - len(known)
  scale = alt.Scale(
    type='log' if log_x else 'linear', domain=[low, high], nice=False
  )
  axis = parts.ticks(ticks) if ticks else alt.Axis(tickCount=5)
  x = alt.X('x:Q', scale=scale, title=x_title or None, axis=axis)
  base = alt.Chart()
  tips = parts.tips('member:N', x=x_title or 'x', y=title)
  points = parts.points(base, tips, len(rows) > 100, **keys)
  layers = [points.encode(x=x, y=parts.y_axis('y', span))]
  if lines:
    dashed = alt.when('datum.level').then(alt.value([6, 3]))
    path = alt.Chart(alt.Data(values=list(lines))).mark_line(clip=True)
    layers.insert(
      0,
      path.encode(
        x=x,
        y=parts.y_axis('y', span),
        order=alt.Order('order:Q'),
        color=parts.colour(**keys),
        detail=alt.Detail('group:N'),
        strokeDash=alt.StrokeDashValue(**dashed.otherwise(alt.value([1, 0]))),
      ),
    )
  return parts.whole(title, rows, *layers, outside=max(outside, left_out))


def distribution(
  rows: Rows, *, title: str, **keys: Unpack[Keys]
) -> alt.LayerChart:
  """A row a setting, a point a seed, a bar their mean.

  Args:
    rows: member, setting, value.
    title: names the values.
    **keys: see `Keys`.
  """
  span, outside = parts.domain(parts.values_of(rows))
  golden = 0.618034  # neighbours in a row lie apart, the first in the middle
  settings = dict.fromkeys((row['setting'] for row in rows), 0.5)
  shifted = []
  for row in rows:
    at = row['setting']
    shifted.append({**row, 'shift': round(settings[at], 3)})
    settings[at] = (settings[at] + golden) % 1
  base = alt.Chart()
  most = alt.ExprRef('0.6 * containerSize()[0]')  # pixels of a name
  axis = alt.Axis(labelLimit=most, ticks=False, domain=False, grid=True)
  y = alt.Y('setting:N', sort=None, title=None, axis=axis)
  across = alt.Scale(domain=[-0.6, 1.6])
  place = alt.YOffset('shift:Q', scale=across)
  middle = alt.YOffsetDatum(0.5, scale=across)
  tips = parts.tips('member:N', value=title)
  crowd = len(rows) > 20 * len(settings)
  points = parts.points(base, tips, crowd, **keys)
  tick = base.mark_tick(size=15, thickness=2.5, color=NEUTRAL, clip=True)
  mean = tick.encode(x=alt.X('mean(value):Q', title=None), y=y, yOffset=middle)
  scale = alt.Scale(domain=list(span), zero=False, nice=False)
  above = 'top' if len(settings) > 30 else 'bottom'  # in sight of the first
  numbers = alt.Axis(tickCount=5, orient=above)
  x = alt.X('value:Q', scale=scale, title=None, axis=numbers)
  return parts.whole(
    title,
    shifted,
    mean,
    points.encode(x=x, y=y, yOffset=place),
    outside=outside,
    height=20 * max(3, len(settings)),
  )
