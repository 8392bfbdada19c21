"""Scores against the hyperparameters that are swept."""

from markupsafe import Markup

from bvae_jax.evaluation import statistics
from bvae_jax.report import markup, names, page
from bvae_jax.report.markup import number
from bvae_jax.report.sections import panels
from bvae_jax.report.view import View


def _sweep(view: View, name: str) -> Markup:
  """Every score against one hyperparameter."""
  return markup.panels(
    [panels.against([view], name, key, hparam=True) for key in view.keys],
    f'Against {name}: a point a member, the line their mean.',
    above=panels.legend(view) if name == view.swept[0] else '',
  )


def _trade_offs(view: View) -> Markup:
  """Rate against distortion, and distortion against the scores."""
  pairs = [('nll', score) for score in view.scores]
  if 'kl' in view.bounds:
    pairs.insert(0, ('kl', 'nll'))
  return markup.panels(
    [panels.against([view], x, y, lines=False) for x, y in pairs],
    'Trade-offs: rate (KL), where there is one, against distortion (nll), '
    'and distortion against each score, a point a member.',
  )


def _settings(view: View) -> Markup:
  """Mean ± std over seeds at each setting, and the seeds' share of variance."""
  columns = [(v, markup.digits(v)) for v in map(view.values, view.keys)]
  rows = [
    [
      view.words(setting),
      len(chosen),
      *(markup.spread(v[chosen], places) for v, places in columns),
    ]
    for setting, chosen in view.settings.items()
  ]
  caption = 'Scores at each setting, mean ± std over its seeds.'
  groups = [*view.settings.values()]
  if max(map(len, groups)) > 1:
    shares = [statistics.seed_share(v, groups) for v, _ in columns]
    rows.append(['share of the seed', '', *(number(s, 2) for s in shares)])
    caption += (
      ' The last row is the share of the variance over all members that lies '
      'between seeds of one setting: 1 where the setting explains nothing.'
    )
  head = ['', 'members', *map(names.name, view.keys)]
  return markup.figure(markup.table(head, rows), caption)


def section(view: View) -> page.Section:
  """The sweep, where there is one."""
  title = 'Hyperparameters'
  if not view.swept:
    return page.section(title)
  sweeps = (_sweep(view, name) for name in view.swept)
  return page.section(title, *sweeps, _trade_offs(view), _settings(view))
