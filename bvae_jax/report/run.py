"""The page of a run: its sections in the order in which a reader asks."""

from bvae_jax.report import page
from bvae_jax.report.sections.run import (
  agreement,
  data,
  head,
  hyperparameters,
  latents,
  reconstructions,
  scores,
  training,
  traversals,
)
from bvae_jax.report.view import View

SECTIONS = (
  scores.section,
  reconstructions.section,
  traversals.section,
  latents.section,
  hyperparameters.section,
  agreement.section,
  training.section,
  data.section,
)


def document(view: View) -> str:
  """The whole page, one HTML file."""
  sections = [section(view) for section in SECTIONS]
  return page.document(head.head(view), sections, view.config)
