"""Training curves, the KL of each latent, matrices, and sweeps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bvae_jax import losses
from bvae_jax.report import charts, markup, relations, scores
from bvae_jax.report import traversals as traversal_lib
from bvae_jax.report import view as view_lib

_FIRST = (
  'elbo',
  'nll',
  'kl',
  losses.SHOWN_TC,
  'mutual_information_mss',
  'total_correlation_mss',
  'dimension_wise_kl_mss',
)
_POINTS = 9_000  # of all members in one panel; longer curves are thinned


def _thinned(length: int, members: int) -> np.ndarray:
  """Which lines of a log are drawn, the first and the last among them."""
  most = min(length, max(40, min(300, _POINTS // members)))
  return np.unique(np.linspace(0, length - 1, most).round().astype(int))


def _curve_panel(views: Sequence[view_lib.View], key: str) -> Any:
  rows, colours = [], {}
  for view in views:
    steps, values = view.series(key)
    size = len(view.entries)
    keep = _thinned(len(steps), size * len(views))
    rows += [
      view.row(m, step=int(steps[i]), value=charts.rounded(float(values[i, m])))
      for m in range(size)
      for i in keep
    ]
    colours |= view.colours
  title = view_lib.name(key)
  return charts.curves(rows, title=title, colours=colours, legend=False)


def _latent_panel(view: view_lib.View) -> list[Any]:
  """The KL of each latent of the best member over training."""
  steps, values = view.series(
    'variance_per_latent' if view.points else 'kl_per_latent'
  )
  if values.ndim < 3:  # every member was stopped before the first line
    return []
  values = values[:, view.best]
  order = [int(d) for d in traversal_lib.order_by_kl(values[-1])]
  strong = [d for d in order[:6] if view.points or values[-1, d] > 0.05]
  colours = {f'z{d}': view_lib.ramp(i / 5) for i, d in enumerate(strong)}
  others = 'other latents'
  rows = [
    {
      'member': f'z{d}',
      'group': f'z{d}' if d in strong else others,
      'step': int(steps[i]),
      'value': charts.rounded(float(values[i, d])),
    }
    for d in order
    for i in _thinned(len(steps), 1)
  ]
  what = 'Variance' if view.points else 'KL'
  unit = '' if view.points else ' [nats]'
  title = f'{what} of each latent, best member{unit}'
  colours[others] = view_lib.NEUTRAL
  return [charts.curves(rows, title=title, colours=colours)]


def _logged(view: view_lib.View) -> set[str]:
  """The terms that the log has numbers of."""
  return {
    k
    for line in view.log
    for m in line['members']
    for k, v in m.items()
    if markup.is_number(v) and k not in ('seed', 'alive')
  }


def together(views: Sequence[view_lib.View]) -> list[Any]:
  """A panel a term that all views log, a line a member."""
  found = set.intersection(*map(_logged, views))
  keys = [k for k in _FIRST if k in found] + sorted(found - set(_FIRST))
  return [_curve_panel(views, key) for key in keys]


def training(view: view_lib.View) -> str:
  """Every logged term, a line a member."""
  if not view.log:
    return ''
  shown = losses.SHOWN_TC in _logged(view)
  return markup.panels(
    together([view]) + _latent_panel(view),
    'Training. Means over the steps of each log line'
    + (
      '.'
      if view.points
      else '; the decomposition of the KL (mutual information, total '
      'correlation, dimension-wise KL), MSS, is the minibatch-stratified '
      'estimate on a fixed sample.'
    )
    + (f' {markup.text(losses.SHOWN_TC_NOTE)}' if shown else ''),
    above=scores.legend(view),
  )


def latents(view: view_lib.View) -> str:
  """KL of each latent, sorted within each member."""
  kl = np.array([e.carried for e in view.entries], np.float64)
  orders = [traversal_lib.order_by_kl(row) for row in kl]
  single = len(kl) == 1
  rows = [
    view.row(
      m, rank=rank, latent=f'z{d}', value=charts.rounded(float(kl[m, d]))
    )
    for m, order in enumerate(orders)
    for rank, d in enumerate(order, 1)
  ]
  title = 'KL of each latent [nats]'
  if view.points:
    title = 'Variance of each latent, share of the largest'
  if single:
    named = [{'name': row['latent'], 'value': row['value']} for row in rows]
    chart = charts.bars(named, title=title)
  else:
    colours = view.colours
    chart = charts.latents(rows, title=title, colours=colours, legend=False)
  return markup.panels(
    [chart],
    f'{title}, largest first.'
    + ('' if single else ' Bars: mean over members. Points: each member.'),
    above=scores.legend(view),
    kind='whole',
  )


def matrix_map(
  matrix: Sequence[Sequence[Any]],
  names: Sequence[str],
  columns: Mapping[str, int],
  title: str,
) -> Any:
  """A map of [D][K]: factors by some latents, {label: latent}."""
  rows = [
    {'row': name, 'column': label, 'value': charts.rounded(matrix[d][k])}
    for k, name in enumerate(names)
    for label, d in columns.items()
  ]
  return charts.heat_map(rows, title=title)


def matrices(view: view_lib.View) -> str:
  """Factor-by-latent matrices of the best and the median member."""
  names = view.results['dataset']['factor_names']
  letter = 'c' if view.components else 'z'
  maps = []
  for role, m in view.shown.items():
    entry = view.entries[m]
    kl = entry.carried
    order = range(len(kl)) if view.components else traversal_lib.order_by_kl(kl)
    order = order[: traversal_lib.MAX_ROWS]
    columns = {f'{letter}{d}': d for d in order}
    for key, matrix in entry['matrices'].items():
      title = f'{view_lib.name(key)}, {view.role(role)}'
      maps.append(matrix_map(matrix, names, columns, title))
  if not maps:
    return ''
  return markup.panels(
    maps,
    (
      f'Which of the {view.components} of the codes knows of which factor. '
      if view.components
      else f'Which latent knows of which factor; latents by {view.order}. '
    )
    + 'For MIG: '
    'mutual information as a share of the factor’s entropy. A disentangled '
    'code has one full cell in each row.',
    kind='maps',
  )


def sweep(view: view_lib.View) -> str:
  """Scores against each swept hyperparameter, and the trade-off curves."""
  if not view.swept:
    return ''
  keys = [*view.scores, *view.bounds]
  figures = [
    markup.panels(
      [relations.panel([view], name, k, hparam=True) for k in keys],
      f'Against {markup.text(name)}: a point a member, the line their mean.',
      above=scores.legend(view) if name == view.swept[0] else '',
    )
    for name in view.swept
  ]
  pairs = [('nll', s) for s in view.scores]
  if 'kl' in view.bounds:
    pairs.insert(0, ('kl', 'nll'))
  trade = [relations.panel([view], x, y, lines=False) for x, y in pairs]
  figures.append(
    markup.panels(
      trade,
      'Trade-offs: rate (KL), where there is one, against distortion (nll), '
      'and distortion against each score, a point a member.',
    )
  )
  return ''.join(figures)
