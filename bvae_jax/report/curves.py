"""Training curves, the KL of each latent, matrices, and sweeps."""

import numpy as np

from bvae_jax.report import markup, panels, relations, scores, svg
from bvae_jax.report import traversals as traversal_lib
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number, tag

_FIRST = (
  'elbo',
  'nll',
  'kl',
  'mutual_information_mss',
  'total_correlation_mss',
  'dimension_wise_kl_mss',
)
_POINTS = 20_000  # of all members in one panel; longer curves are thinned


def _thinned(length: int, members: int) -> np.ndarray:
  """Which lines of a log are drawn, the first and the last among them."""
  most = min(length, max(40, min(300, _POINTS // members)))
  return np.unique(np.linspace(0, length - 1, most).round().astype(int))


def _curve_panel(view, key) -> str:
  steps, values = view.series(key)
  keep = _thinned(len(steps), len(view.entries))
  chart = svg.Chart(
    (0.0, float(steps[-1])),
    svg.domain(values),
    title=view_lib.name(key),
    x_label='step',
  )
  for m in svg.drawing_order(view.marks):
    last = values[np.isfinite(values[:, m]), m][-1:]
    tip = f'{view.labels[m]}: {number(float(last[0])) if len(last) else ""}'
    chart.line(steps[keep], values[keep, m], view.marks[m], tip=tip)
  return chart.render()


def _latent_panel(view) -> str:
  """The KL of each latent of the best member over training."""
  steps, values = view.series('kl_per_latent')
  if values.ndim < 3:  # every member was stopped before the first line
    return ''
  values = values[:, view.best]
  keep = _thinned(len(steps), 1)
  chart = svg.Chart(
    (0.0, float(steps[-1]) * 1.1),
    svg.domain(np.append(values, 0.0)),
    title='KL of each latent, best member [nats]',
    x_label='step',
  )
  free = chart.bottom
  order = traversal_lib.order_by_kl(values[-1])
  for rank, d in reversed(list(enumerate(order))):
    strong = rank < 6 and values[-1, d] > 0.05
    colour = view_lib.ramp(rank / 5) if strong else view_lib.NEUTRAL
    chart.line(steps[keep], values[keep, d], svg.Mark(colour, f'z{d}'))
    if strong:
      free = min(free, chart.py(values[-1, d]) + 4)
      chart.note(float(chart.right), free, f'z{d}')
      free -= 11
  return chart.render()


def training(view: view_lib.View) -> str:
  """Every logged term, a line a member."""
  if not view.log:
    return ''
  found = {
    k
    for line in view.log
    for m in line['members']
    for k, v in m.items()
    if markup.is_number(v) and k not in ('seed', 'alive')
  }
  keys = [k for k in _FIRST if k in found] + sorted(found - set(_FIRST))
  charts = [view.crowded(_curve_panel(view, key)) for key in keys]
  return markup.figure(
    scores.legend(view)
    + tag('div', *charts, _latent_panel(view), class_='panels'),
    'Training. Means over the steps of each log line; the decomposition of the '
    'KL (mutual information, total correlation, dimension-wise KL) is the '
    'minibatch-stratified estimate on a fixed sample.',
  )


def latents(view: view_lib.View) -> str:
  """KL of each latent, sorted within each member."""
  kl = np.array([e['elbo']['kl_per_latent'] for e in view.entries], np.float64)
  orders = [traversal_lib.order_by_kl(row) for row in kl]
  ordered = np.stack([row[order] for row, order in zip(kl, orders)])
  ranks = np.arange(kl.shape[1])
  single = len(kl) == 1
  ticks = [
    (float(r), f'z{orders[0][r]}' if single else str(r + 1)) for r in ranks
  ]
  chart = svg.Chart(
    (-0.6, len(ranks) - 0.4),
    (0.0, svg.domain(kl)[1]),
    title='KL of each latent [nats]',
    x_ticks=ticks,
    x_label='latent' if single else 'latents of each member, by falling KL',
    size=(720, 240),
  )
  finite = np.isfinite(ordered)
  means = np.where(finite, ordered, 0).sum(0) / np.maximum(finite.sum(0), 1)
  for r in ranks:
    word = f'z{orders[0][r]}' if single else f'mean at rank {r + 1}'
    chart.bar(float(r), means[r], 0.8, tip=f'{word}: {number(float(means[r]))}')
  for m in [] if single else svg.drawing_order(view.marks):
    shift = 0.6 * ((m + 0.5) / len(kl) - 0.5)
    for r in ranks:
      tip = f'{view.labels[m]}, z{orders[m][r]}: {number(float(ordered[m, r]))}'
      chart.dot(r + shift, ordered[m, r], view.marks[m], tip=tip)
  return markup.figure(
    tag('div', view.crowded(chart.render()), class_='scroll'),
    'KL of each latent to the prior, largest first.'
    + ('' if single else ' Bars: mean over members. Points: each member.'),
  )


def matrices(view: view_lib.View) -> str:
  """Factor-by-latent matrices of the best and the median member."""
  names = view.results['dataset']['factor_names']
  maps = []
  for role, m in view.shown.items():
    entry = view.entries[m]
    order = traversal_lib.order_by_kl(entry['elbo']['kl_per_latent'])
    order = order[: traversal_lib.MAX_ROWS]
    for key, matrix in entry['matrices'].items():
      rows = [[matrix[d][k] for d in order] for k in range(len(names))]
      maps.append(
        panels.heat_map(
          rows,
          names,
          [f'z{d}' for d in order],
          f'{view_lib.name(key)}, {view.role(role)}',
        )
      )
  if not maps:
    return ''
  return markup.figure(
    tag('div', *maps, class_='maps'),
    'Which latent knows of which factor; latents by falling KL. For MIG: '
    'mutual information as a share of the factor’s entropy. A disentangled '
    'code has one full cell in each row.',
  )


def sweep(view: view_lib.View) -> str:
  """Scores against each swept hyperparameter, and the trade-off curves."""
  if not view.swept:
    return ''
  keys = [*view.scores, 'nll', 'kl']
  mean = svg.Mark(view_lib.NEUTRAL, 'mean')
  figures = [
    markup.figure(
      (scores.legend(view) if name == view.swept[0] else '')
      + tag(
        'div',
        *(
          relations.panel([view], name, k, hparam=True, lines=[mean])
          for k in keys
        ),
        class_='panels',
      ),
      f'Against {markup.text(name)}: a point a member, the line their mean.',
    )
    for name in view.swept
  ]
  pairs = [('kl', 'nll'), *(('nll', s) for s in view.scores)]
  trade = [relations.panel([view], x, y) for x, y in pairs]
  figures.append(
    markup.figure(
      tag('div', *trade, class_='panels'),
      'Trade-offs: rate (KL) against distortion (nll), and distortion against '
      'each score, a point a member.',
    )
  )
  return ''.join(figures)
