"""Do the scores rank the members of all methods alike?"""

from bvae_jax.report import page
from bvae_jax.report.sections.run import agreement
from bvae_jax.report.study_view import Study


def section(study: Study) -> page.Section:
  """The rank correlations over everyone."""
  return agreement.section(study.everyone)
