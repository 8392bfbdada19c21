"""What all charts share: frames, colours, and what a click singles out."""

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

import altair as alt
import numpy as np
import vl_convert
from altair.utils import schemapi

from bvae_jax.report.charts.colours import NEUTRAL

Rows = Sequence[Mapping[str, Any]]
Colours = Mapping[str, str]

SIZE = {'width': 300, 'height': 170}


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
  is left out, if that is further than the median's own size and no more than a
  quarter lie so far out: one that diverged does not flatten the others.
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
    size = max(abs(np.median(low)), abs(np.median(high)))
    inside = np.maximum(apart(low), apart(high)) <= max(30 * typical, size)
    if (~inside).sum() > max(1, len(inside) // 4):
      inside[:] = True  # no strays, but a kind of their own
  first, last = float(low[inside].min()), float(high[inside].max())
  margin = pad * (last - first) or 0.05 * abs(last) or 1.0
  return (first - margin, last + margin), int((~inside).sum())


def values_of(rows: Rows, key: str = 'value') -> np.ndarray:
  """The numbers of a column, NaN where there is none."""
  return np.array([row[key] for row in rows], np.float64)


def whole(
  title: str, rows: Rows, *layers: Any, outside: int = 0, **size: Any
) -> Any:
  """A panel of layers of rows under its title; each gets a group and a role."""
  rows = [{'group': row.get('member', ''), 'role': '', **row} for row in rows]
  words = f'{title} ({outside} beyond the axis)' if outside else title
  with schemapi.debug_mode(False):  # no check of every row
    return alt.layer(
      *layers,
      data=alt.Data(values=tuple(rows)),  # a list is copied, row by row
      title=alt.Title(words, anchor='start', fontSize=12),
      **(SIZE | size),
    )


class Keys(TypedDict, total=False):
  """How groups are told apart.

  Attributes:
    colours: of each group; by default Vega's own.
    legend: whether the chart has a legend of its own; by default it has.
  """

  colours: Colours
  legend: bool


def colour(**keys: Unpack[Keys]) -> alt.Color:
  shown = alt.Legend(title=None) if keys.get('legend', True) else None
  colours = keys.get('colours')
  if not colours:
    return alt.Color('group:N', legend=shown)
  scale = alt.Scale(domain=list(colours), range=list(colours.values()))
  return alt.Color('group:N', scale=scale, legend=shown)


def _by_role(values: list[Any]) -> dict[str, Any]:
  """A value for each of no role, the median and the best member."""
  scale = alt.Scale(domain=['', 'median', 'best'], range=values)
  return {'scale': scale, 'legend': None}


def style(crowd: bool) -> dict[str, Any]:
  """Lines of the best and the median member stand out."""
  widths = [0.8, 1.8, 1.8] if crowd else [1.4, 2.2, 2.6]
  dashes = [[1, 0], [5, 4], [1, 0]]
  return {
    'strokeWidth': alt.StrokeWidth('role:O', **_by_role(widths)),
    'strokeDash': alt.StrokeDash('role:O', **_by_role(dashes)),
  }


def faded(full: float, **keys: Unpack[Keys]) -> tuple[Any, list[alt.Parameter]]:
  """The opacity of what is singled out and of the rest; its parameters."""
  params = [alt.selection_point(name='picked', fields=['member'])]
  if keys.get('legend', True):
    by = {'fields': ['group'], 'bind': 'legend'}
    params.append(alt.selection_point(name='keys', **by))
  chosen = alt.when(functools.reduce(operator.and_, params))
  found = chosen.then(alt.value(full)).otherwise(alt.value(0.06))
  return alt.OpacityValue(**found), params


def tips(*fields: str, **titles: str) -> list[alt.Tooltip]:
  """What is told of a mark under the pointer: fields, and numbers by titles.

  Altair takes a field by itself as well, but needs 5 ms to find its class.
  """
  named = [alt.Tooltip(f'{key}:Q', title=t) for key, t in titles.items()]
  return [*map(alt.Tooltip, fields), *named]


def points(
  base: alt.Chart, tooltip: list[alt.Tooltip], crowd: bool, **keys: Unpack[Keys]
) -> alt.Chart:
  """Points, those of the best and the median member ringed and larger."""
  opacity, params = faded(0.85, **keys)
  sizes = [18, 60, 70] if crowd else [50, 90, 100]
  return (
    base.mark_circle(clip=True, stroke='currentColor')
    .encode(
      color=colour(**keys),
      opacity=opacity,
      size=alt.Size('role:O', **_by_role(sizes)),
      strokeWidth=alt.StrokeWidth('role:O', **_by_role([0, 1, 2])),
      order=alt.Order('role:O'),
      tooltip=tooltip,
    )
    .add_params(*params)
  )


def y_axis(key: str, span: tuple[float, float]) -> alt.Y:
  scale = alt.Scale(domain=list(span), zero=False, nice=False)
  return alt.Y(f'{key}:Q', scale=scale, title=None, axis=alt.Axis(tickCount=5))


def ticks(places: Sequence[float]) -> alt.Axis:
  """An axis with ticks at some places, each by its own number."""
  return alt.Axis(values=list(places), labelExpr="format(datum.value, '~g')")


def svg(chart: Any) -> str:
  """The chart as an SVG file, in the colour of the text around it."""
  ink = 'currentColor'
  config = {
    'background': 'transparent',
    'padding': {'left': 5, 'top': 5, 'bottom': 5, 'right': 20},  # wide fonts
    'title': {'color': ink, 'offset': 14},  # also: over names that stand
    'text': {'color': ink},
    'legend': {'labelColor': ink, 'titleColor': ink},
    'view': {'stroke': None},
    'axis': {'labelColor': ink, 'titleColor': ink, 'gridColor': NEUTRAL,
             'gridOpacity': 0.3, 'titleFontWeight': 'normal'},
  }  # fmt: skip
  spec = chart.to_dict(validate=False)
  return vl_convert.vegalite_to_svg({**spec, 'config': config})
