"""Charts that several sections share, and their legends."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from bvae_jax import metrics
from bvae_jax.report import charts, markup, names
from bvae_jax.report.view import View


def keys(view: View, *more: Markup) -> Markup:
  """The groups of a view, each a button that singles it out."""
  groups = [
    markup.key(colour, words, [m.label for m in view.marks if m.group == words])
    for colour, words in view.legend
  ]
  return markup.element('legend', [*groups, *more])


def legend(view: View) -> Markup:
  """Which colour is whose; nothing for a single member."""
  if view.single:
    return Markup()
  roles = [
    markup.key(mark.colour, f'{role}: {mark.label}', [mark.label], role)
    for role, mark in ((r, view.marks[m]) for r, m in view.shown.items())
  ]
  return keys(view, *roles)


def left_out(views: Iterable[View]) -> str:
  """Whether a figure lacks members, in a sentence."""
  stopped = not all(view.healthy.all() for view in views)
  return ' Members that stopped are left out.' * stopped


class Point(NamedTuple):
  """A member in a scatter plot.

  Attributes:
    row: who it is, x and y.
    line: the line that runs through the mean of its like; None of none.
    at: its place on that line, which its like share.
  """

  row: Mapping[str, Any]
  line: str | None = None
  at: float = 0.0


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
  """The mean of what is there, None where nothing is."""
  found = [row[key] for row in rows if row[key] is not None]
  return charts.rounded(float(np.mean(found))) if found else None


def scatter(
  points: Iterable[Point], lines: Iterable[dict] = (), **options: Any
) -> Any:
  """`charts.scatter` with lines through the means; `lines` are more of them."""
  points = list(points)
  like: dict[tuple[str, float], list] = {}
  for point in points:
    if point.line is not None:
      like.setdefault((point.line, point.at), []).append(point.row)
  means = [
    {'group': line, 'x': _mean(rows, 'x'), 'y': _mean(rows, 'y'), 'order': at}
    for (line, at), rows in like.items()
  ]
  rows = [point.row for point in points]
  return charts.scatter(rows, lines=[*means, *lines], **options)


def against(
  views: Sequence[View],
  x_key: str,
  y_key: str,
  *,
  hparam: bool = False,
  lines: bool = True,
) -> Any:
  """y of each healthy member against a hyperparameter, or another score.

  Args:
    views: the runs or methods that share the chart.
    x_key, y_key: what the axes show; y is a score or a bound.
    hparam: whether x is a hyperparameter.
    lines: whether lines, one a view, run through the means over seeds.
  """
  points, colours = [], {}
  for view in views:
    x = view.hparam(x_key) if hparam else view.values(x_key)
    y = view.values(y_key)
    colours |= view.colours
    group = view.marks[0].group
    if len(views) == 1 and lines:
      group = 'mean over seeds'
      colours[group] = charts.NEUTRAL
    place = x.copy()  # of a hyperparameter, over all else that is swept
    if not hparam:
      for i, chosen in enumerate(view.settings.values()):
        place[chosen] = i
    points += [
      Point(view.row(m, x=x[m], y=y[m]), group if lines else None, place[m])
      for m in np.flatnonzero(view.healthy).tolist()
    ]
  levels = sorted({point.row['x'] for point in points}) if hparam else []
  return scatter(
    points,
    title=names.name(y_key),
    x_title=x_key if hparam else names.name(x_key),
    colours=colours,
    log_x=bool(levels) and levels[0] > 0 and levels[-1] / levels[0] >= 8,
    ticks=levels,
    legend=False,
  )


def alike_share(groups: Sequence[Sequence[int]]) -> float:
  """The mean share of the seed where settings are alike.

  Of k groups of N normal values in all, E[1 - eta^2] = (N - k) / (N - 1).
  """
  size = sum(map(len, groups))
  return (size - len(groups)) / (size - 1)


def by_chance(groups: Sequence[Sequence[int]]) -> str:
  """How to read a share of the seed: a sentence after `It is` or its like."""
  alike = markup.number(alike_share(groups), 2)
  return f'0 where the setting decides, about {alike} where it does nothing'


_MUCH = 0.05  # of a factor's entropy
_INFORMATION = 'the share of the factor’s entropy that the latent knows'
_CELLS = {  # what the cells of a metric's matrix are
  'mig': _INFORMATION,
  'mig_sampled': _INFORMATION,
  'infomec': _INFORMATION,
  'infomec_discrete': _INFORMATION,
  'sap': 'how often the latent alone tells the factor’s value, which chance '
  'does once in as many times as there are values (of a continuous factor, the '
  'squared correlation)',
  'dci': 'the importance of the latent to trees that tell the factor; each row '
  'sums to 1',
  'irs': 'how still the latent stays while all other factors change; 1 is '
  'unmoved',
}


def by_bins(view: View) -> str:
  """What a latent that knows nothing seems to know, where that is much.

  The mutual information of B bins and K values of N points is too high by about
  (B - 1) (K - 1) / 2N nats (Miller 1955); here as a share of log K.
  """
  dataset, usual = view.results.dataset, view.config['evaluation']['num_train']
  points = (dataset.num_points or (usual,))[0]
  bins = metrics.NUM_BINS - 1
  shares = {
    name: bins * (size - 1) / (2 * points * math.log(size))
    for name, values in zip(dataset.factor_names, dataset.factor_sizes)
    if (size := values or metrics.CONTINUOUS_BINS) > 1
  }
  name = max(shares, key=lambda name: shares[name], default='')
  if not name or shares[name] < _MUCH:
    return ''
  return (
    f' Of only {points:,} points in bins, a latent that knows nothing of '
    f'{name} may seem to know about {100 * shares[name]:.0f} %.'
  )


def matrices(maps: Sequence[Any], keys: Iterable[str], lead: str) -> Markup:
  """A figure of `matrix` maps, if there are any.

  Args:
    maps: one a metric and member.
    keys: their metrics.
    lead: says whose they are.
  """
  if not maps:
    return Markup()
  meant: dict[str, list[str]] = {}
  for key in dict.fromkeys(keys):
    if key in _CELLS:
      meant.setdefault(_CELLS[key], []).append(names.name(key))
  told = [f'{" and ".join(found)}: {words}.' for words, found in meant.items()]
  return markup.panels(
    maps,
    ' '.join([lead, *told])
    + ' In a disentangled code one cell of each row stands out, each in a'
    ' column of its own.',
    kind='maps',
  )


def matrix(
  matrix: Sequence[Sequence[Any]],
  factors: Sequence[str],
  columns: Mapping[str, int],
  title: str,
  unit: str = 'latent',
  limit: float | None = None,
) -> Any:
  """A map of [D][K]: factors by some latents, {label: latent}, or by `unit`.

  The fullest colour is that of `limit`, by default of the largest cell.
  """
  rows = [
    {'row': name, 'column': label, 'value': charts.rounded(matrix[d][k])}
    for k, name in enumerate(factors)
    for label, d in columns.items()
  ]
  return charts.heat_map(
    rows,
    title=title,
    limit=limit,
    told={'row': 'factor', 'column': unit},
    value='value',  # of the metric's matrix: the metric is one of all cells
  )
