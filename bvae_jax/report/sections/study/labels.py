"""Scores against the number of labels, beside pairs and a choice."""

import numpy as np

from bvae_jax.report import names, page
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
        chosen = values[[np.nanargmax(chance)]]
        found[f'no labels, chosen by {by}'] = chosen
  return {
    group: float(np.nanmean(values))
    for group, values in found.items()
    if np.isfinite(values).any()
  }


def section(study: Study) -> page.Section:
  """A panel a score, where units differ in their labels."""
  title = 'Against the number of labels'
  places, pairs, plain = {}, [], []
  for unit in study.results:
    options = study.config['units'][unit]['options']
    if 'num_labels' in options:
      places[unit] = f'{options["labels"]} labels', float(options['num_labels'])
    else:
      (pairs if 'num_changed' in options else plain).append(unit)
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
