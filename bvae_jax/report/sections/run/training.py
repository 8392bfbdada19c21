"""Training curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax import losses
from bvae_jax.report import charts, markup, names, page
from bvae_jax.report.charts import colours as colour_lib
from bvae_jax.report.sections import panels
from bvae_jax.report.traversals import order_by_kl
from bvae_jax.report.view import View

_FIRST = (
  'elbo',
  'nll',
  'kl',
  losses.SHOWN_TC,
  f'{losses.SHOWN_TC}_error',
  'mutual_information_mss',
  'total_correlation_mss',
  'dimension_wise_kl_mss',
)
_POINTS = 9_000  # of all members in one panel; longer curves are thinned


def _thinned(length: int, members: int) -> np.ndarray:
  """Which lines of a log are drawn, the first and the last among them."""
  most = min(length, max(40, min(300, _POINTS // members)))
  return np.unique(np.linspace(0, length - 1, most).round().astype(int))


def _term(views: Sequence[View], key: str) -> Any:
  rows, colours = [], {}
  for view in views:
    steps, values = view.series(key)
    held = ~np.isnan(values).all(1)  # scores are not on every line
    steps, values = steps[held], values[held]
    keep = _thinned(len(steps), len(view.entries) * len(views))
    rows += [
      view.row(m, step=int(steps[i]), value=values[i, m])
      for m in range(len(view.entries))
      for i in keep
    ]
    colours |= view.colours
  title = names.name(key)
  return charts.curves(rows, title=title, colours=colours, legend=False)


def _latents(view: View) -> list[Any]:
  """What each latent of the best member carries over training."""
  steps, values = view.series(
    'variance_per_latent' if view.points else 'kl_per_latent'
  )
  if values.ndim < 3:  # every member was stopped before the first line
    return []
  trained = ~np.isnan(values[:, view.best]).any(1)  # it may stop early
  steps, values = steps[trained], values[trained, view.best]
  order = order_by_kl(values[-1])
  strong = [d for d in order[:6] if view.points or values[-1, d] > 0.05]
  colours = {f'z{d}': colour_lib.ramp(i / 5) for i, d in enumerate(strong)}
  others = 'other latents'
  rows = [
    {
      'member': f'z{d}',
      'group': f'z{d}' if d in strong else others,
      'step': int(steps[i]),
      'value': charts.rounded(values[i, d]),
    }
    for d in order
    for i in _thinned(len(steps), 1)
  ]
  what = 'Variance' if view.points else 'KL'
  unit = '' if view.points else ' [nats]'
  title = f'{what} of each latent, best member{unit}'
  colours[others] = charts.NEUTRAL
  return [charts.curves(rows, title=title, each='latent', colours=colours)]


def _logged(view: View) -> set[str]:
  """The terms that the log has numbers of."""
  return {
    k
    for line in view.log
    for m in line['members']
    for k, v in m.items()
    if markup.is_number(v) and k not in ('seed', 'alive')
  }


def terms(views: Sequence[View]) -> list[Any]:
  """A panel a term that all views log, a line a member."""
  found = set.intersection(*map(_logged, views))
  keys = [k for k in _FIRST if k in found] + sorted(found - set(_FIRST))
  return [_term(views, key) for key in keys]


def section(view: View) -> page.Section:
  """Every logged term, a line a member."""
  title = 'Training'
  if not view.log:
    return page.section(title)
  caption = 'Training. Means over the steps of each log line'
  if not view.points:
    caption += (
      '; the decomposition of the KL (mutual information, total correlation, '
      'dimension-wise KL), MSS, is the minibatch-stratified estimate on a '
      'fixed sample'
    )
  caption += '.'
  logged = _logged(view)
  if losses.SHOWN_TC in logged:
    caption += f' {losses.SHOWN_TC_NOTE}'
  if not view.points:
    caption += f' {losses.MINIBATCH_NOTE}'
  caption += names.meant(sorted(logged))
  drawn = terms([view]) + _latents(view)
  return page.section(
    title, markup.panels(drawn, caption, above=panels.legend(view))
  )
