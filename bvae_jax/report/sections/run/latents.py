"""What each latent carries, and which factor it knows of."""

import numpy as np
from markupsafe import Markup

from bvae_jax.report import charts, markup, names, page
from bvae_jax.report.sections import panels
from bvae_jax.report.traversals import MAX_ROWS, order_by_kl
from bvae_jax.report.view import View


def _carried(view: View) -> Markup:
  """What latents carry, sorted within each member."""
  carried = np.array([e.carried for e in view.entries], np.float64)
  rows = [
    view.row(m, rank=rank, latent=f'z{d}', value=own[d])
    for m, own in enumerate(carried)
    for rank, d in enumerate(order_by_kl(own), 1)
  ]
  title = 'KL of each latent [nats]'
  if view.points:
    title = 'Variance of each latent, share of the largest'
  if view.single:
    named = [{'name': row['latent'], 'value': row['value']} for row in rows]
    chart = charts.bars(named, title=title)
  else:
    colours = view.colours
    chart = charts.latents(rows, title=title, colours=colours, legend=False)
  over = 'members' if view.healthy.all() else 'members that did not stop'
  more = '' if view.single else f' Bars: mean over {over}. Points: each member.'
  return markup.panels(
    [chart],
    f'{title}, largest first.{more}',
    above=panels.legend(view),
    kind='whole',
  )


def _largest(view: View, key: str) -> float:
  """The largest cell of a metric's maps, whose colours are thus the same."""
  found = (view.entries[m].matrices.get(key, 0.0) for m in view.shown.values())
  cells = (np.nan_to_num(np.array(of, np.float64), posinf=0.0) for of in found)
  return max(float(of.max(initial=0.0)) for of in cells)


def matrices(view: View) -> Markup:
  """Factor-by-latent matrices of the best and the median member."""
  factors = view.results.dataset.factor_names
  unit = 'component' if view.components else 'latent'
  maps = []
  for role, m in view.shown.items():
    entry = view.entries[m]
    latents = order_by_kl(entry.carried)[:MAX_ROWS]
    columns = {f'z{d}': d for d in latents}
    if view.components:
      columns = {f'c{d}': d for d in range(len(entry.carried))[:MAX_ROWS]}
    for key, matrix in entry.matrices.items():
      title = f'{names.name(key)}, {view.role(role)}'
      limit = _largest(view, key)
      maps.append(panels.matrix(matrix, factors, columns, title, unit, limit))
  return panels.matrices(
    maps,
    view.entries[view.best].matrices,
    f'Which of the {view.components} of the codes knows of which factor.'
    if view.components
    else f'Which latent knows of which factor; latents by {view.order}.',
  )


def section(view: View) -> page.Section:
  """The latents of all members, then what those shown know."""
  return page.section('Latents', _carried(view), matrices(view))
