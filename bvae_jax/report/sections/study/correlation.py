"""Scores against the strength of a correlation of two factors."""

from bvae_jax.report import kinds, names, page
from bvae_jax.report.sections.study import common
from bvae_jax.report.study_view import Study


def section(study: Study) -> page.Section:
  """A panel a score, then one a score of each of the two factors."""
  title = 'Against the correlation'
  places, pair, units = {}, [], study.config['units']
  methods = kinds.methods(kinds.uncorrelated(units))
  for unit in study.results:
    dataset = units[unit]['dataset']
    pair = list(dataset['correlated']) or pair
    strength = 1 / dataset['sigma'] if dataset['correlated'] else 0.0
    places[unit] = methods[unit], float(strength)
  if not pair:
    return page.section(title)
  keys = common.judged(study)
  known = {key for m in study.everyone.entries for key in m.metrics}
  own = {
    f'{key}/{factor}': f'{names.name(key)}, {factor}'
    for key in keys
    for factor in pair
  }
  figure = common.by_unit(
    study,
    {key: names.name(key) for key in keys}
    | {key: title for key, title in own.items() if key in known},
    places,
    f'Trained on images in which {" and ".join(pair)} go together, the more so '
    'the further right (0: not at all), scored on all images. A point a '
    'member, lines through the means.',
    x_title='1 / sigma',
  )
  return page.section(title, figure)
