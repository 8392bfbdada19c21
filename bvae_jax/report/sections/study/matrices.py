"""What the best and the median model of each method know of the factors."""

from bvae_jax.report import markup, page
from bvae_jax.report.sections.run import latents
from bvae_jax.report.study_view import Study


def section(study: Study) -> page.Section:
  """A heading a method, and its matrices."""
  parts = (
    markup.element('heading', method) + latents.matrices(view)
    for method, view in study.methods.items()
    if any(entry.matrices for entry in view.entries)
  )
  return page.section('What the latents know', *parts)
