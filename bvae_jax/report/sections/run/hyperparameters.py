"""Scores against the hyperparameters that are swept."""

from markupsafe import Markup

from bvae_jax.report import markup, page
from bvae_jax.report.sections import panels
from bvae_jax.report.view import View


def _sweep(view: View, name: str) -> Markup:
  """Every score against one hyperparameter."""
  return markup.panels(
    [panels.against([view], name, key, hparam=True) for key in view.keys],
    f'Against {name}: a point a member, the line their mean.'
    + panels.left_out([view]),
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
    'and distortion against each score, a point a member.'
    + panels.left_out([view]),
  )


def section(view: View) -> page.Section:
  """The sweep, where there is one."""
  title = 'Hyperparameters'
  if not view.swept:
    return page.section(title)
  sweeps = (_sweep(view, name) for name in view.swept)
  return page.section(title, *sweeps, _trade_offs(view))
