"""What all runs log, a line a member."""

from bvae_jax.report import markup, page
from bvae_jax.report.sections import panels
from bvae_jax.report.sections.run import training
from bvae_jax.report.study_view import Study


def section(study: Study) -> page.Section:
  """A panel a term, where every run has a log."""
  title, views = 'Training', list(study.methods.values())
  if not all(view.log for view in views):
    return page.section(title)
  figure = markup.panels(
    training.terms(views),
    'Training, a line a member, of the terms that all runs log.',
    above=panels.keys(study.everyone),
  )
  return page.section(title, figure)
