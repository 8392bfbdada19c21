"""Do the scores rank members alike?"""

from bvae_jax.evaluation import statistics
from bvae_jax.report import charts, markup, names, page
from bvae_jax.report.markup import count
from bvae_jax.report.view import View


def section(view: View) -> page.Section:
  """Spearman correlation of all pairs of scores, from four members on."""
  title = 'Agreement of the metrics'
  healthy = view.healthy
  if healthy.sum() < 4:
    return page.section(title)
  found = [view.values(key)[healthy] for key in view.keys]
  rows = [
    {
      'row': f'{i} {names.name(key)}',
      'column': str(j),
      'with': names.short(other),
      'value': charts.rounded(statistics.spearman(a, b)),
    }
    for i, (key, a) in enumerate(zip(view.keys, found), 1)
    for j, (other, b) in enumerate(zip(view.keys, found), 1)
  ]
  told = {'row': 'score', 'with': 'with'}
  figure = markup.panels(
    [charts.heat_map(rows, title='Rank correlation', limit=1.0, told=told)],
    'Spearman correlation of the scores over '
    f'{count(int(healthy.sum()), "member")}; columns are numbered as the rows. '
    'Blue: both rise together; orange: one falls as the other rises.'
    f'{names.directions(view.keys)}',
    kind='scroll',
  )
  return page.section(title, figure)
