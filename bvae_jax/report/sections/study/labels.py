"""Scores against the number of labels, beside pairs and a choice."""

from collections.abc import Mapping

import numpy as np

from bvae_jax.report import kinds, names, page
from bvae_jax.report.sections.study import common
from bvae_jax.report.study_view import Study

# Scores that choose a model without labels, or with few of them.
_JUDGES = {
  'udr': 'UDR',
  'few_labels': '100 labels',
  'few_labels/mig_1000': '1,000 labels',
}


def _levels(
  study: Study, pairs: list[str], plain: list[str], key: str
) -> dict[str, float]:
  """The score of what sees no labels: of pairs, and of choices of a model."""
  found = {unit: common.values(study, [unit], key) for unit in pairs}
  if plain:
    values = common.values(study, plain, key)
    found['no labels, mean'] = values
    for judge, by in _JUDGES.items():
      chance = common.values(study, plain, judge)
      if np.isfinite(chance).any():
        found[f'no labels, chosen by {by}'] = values[[np.nanargmax(chance)]]
  return {
    group: float(np.nanmean(values))
    for group, values in found.items()
    if np.isfinite(values).any()
  }


def _groups(units: Mapping[str, dict]) -> dict[str, str]:
  """The line of each unit with labels: of what kind, and whose if several."""
  alike = {'num_labels': 0, 'labels': ''}
  methods = kinds.methods(
    {u: {**c, 'options': {**c['options'], **alike}} for u, c in units.items()}
  )
  several = len({*methods.values()}) > 1
  return {
    unit: f'{methods[unit]}, ' * several + f'{c["options"]["labels"]} labels'
    for unit, c in units.items()
  }


def section(study: Study) -> page.Section:
  """A panel a score, where units differ in their labels."""
  title = 'Against the number of labels'
  labelled, pairs, plain = {}, [], []
  for unit in study.results:
    config = study.config['units'][unit]
    if 'num_labels' in config['options']:
      labelled[unit] = config
    else:
      (pairs if 'num_changed' in config['options'] else plain).append(unit)
  groups = _groups(labelled)
  places = {
    unit: (groups[unit], float(config['options']['num_labels']))
    for unit, config in labelled.items()
  }
  if not places:
    return page.section(title)
  keys = common.judged(study)
  figure = common.by_unit(
    study,
    {key: names.name(key) for key in keys},
    places,
    'A point a member, lines through the means: of labels that are whole, '
    'binned (5 values), noisy (10 % random) or partial (two factors), and, '
    'dashed, of pairs of images and of models trained without a label: their '
    'mean, and the one that UDR chooses, or the MIG of a few labels.',
    {key: _levels(study, pairs, plain, key) for key in keys},
    x_title='labelled images',
    log_x=True,
  )
  return page.section(title, figure)
