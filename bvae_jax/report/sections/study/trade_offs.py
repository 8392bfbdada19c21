"""Scores against each other, and against what is swept."""

from collections.abc import Iterable

from markupsafe import Markup

from bvae_jax import losses
from bvae_jax.report import markup, page
from bvae_jax.report.sections import panels
from bvae_jax.report.study_view import LOGGED, Study


def _legend(study: Study) -> Markup:
  """Whose the points are; those of a single method are ringed by their role."""
  return (panels.legend if study.single else panels.keys)(study.everyone)


def against(study: Study, pairs: Iterable[tuple[str, str]]) -> Markup:
  """Panels of one score against another, a line a method."""
  views = list(study.methods.values())
  lines = '; the lines run through the means over the seeds of each setting'
  return markup.panels(
    [panels.against(views, x, y) for x, y in pairs],
    'A point a member'
    + lines * any(len(v.settings) > 1 for v in views)
    + f'.{panels.left_out(views)}',
    above=_legend(study),
  )


def section(study: Study) -> page.Section:
  """Reconstruction against every score, and rate against distortion."""
  pairs = [('nll', key) for key in study.everyone.scores]
  figure = against(study, [*pairs, ('kl', 'nll')])
  return page.section('Reconstruction against scores', figure)


def over_hparam(study: Study) -> page.Section:
  """Scores, ELBO and total correlation against what all methods sweep."""
  views = list(study.methods.values())
  shared = [k for k in views[0].swept if all(k in v.swept for v in views)]
  known = {k for e in study.everyone.entries for k in e.metrics}
  keys = [*study.everyone.keys, *sorted(known.intersection(LOGGED))]
  note = f' {losses.SHOWN_TC_NOTE}' if losses.SHOWN_TC in known else ''
  if 'total_correlation_mss' in known:
    note += f' {losses.MINIBATCH_NOTE}'
  figures = (
    markup.panels(
      [panels.against(views, name, key, hparam=True) for key in keys],
      f'Against {name}: a point a member, the lines their means.{note}'
      + panels.left_out(views),
      above=_legend(study),
    )
    for name in shared
  )
  return page.section('Against the hyperparameter', *figures)
