"""The units of a study, and where their own pages are."""

from markupsafe import Markup

from bvae_jax.report import markup, names, page
from bvae_jax.report import view as view_lib
from bvae_jax.report.study_view import Study


def section(study: Study) -> page.Section:
  """A row a unit: its own report and its mean scores."""
  keys = study.everyone.keys
  places = [markup.digits(study.everyone.values(key)) for key in keys]
  rows = []
  for unit, result in study.results.items():
    name = markup.element('link', unit, f'units/{unit}/report.html')
    values = (view_lib.values_of(result.ok, key) for key in keys)
    scores = map(markup.spread, values, places)
    rows.append([name, len(result.members), *scores])
  figure = markup.figure(
    markup.table(['', 'members', *map(names.short, keys)], rows),
    Markup(
      'The units, each with a report of its own; scores are mean ± std over '
      'its members. <code>results.csv</code> beside this page has every score '
      'of every member.'
    ),
  )
  return page.section('Units', figure)
