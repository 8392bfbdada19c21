"""Scores against what the units of a study differ in: labels, correlation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bvae_jax.report import charts, claims, markup
from bvae_jax.report import view as view_lib
from bvae_jax.report.study_view import Study

# Scores that choose a model without labels, or with few of them.
_JUDGES = {
  'udr': 'UDR',
  'few_labels': '100 labels',
  'few_labels/mig_1000': '1,000 labels',
}


def _values(study: Study, unit: str, key: str) -> np.ndarray:
  """A score of the members of a unit that trained to the end."""
  return view_lib.values_of(study.results[unit].ok, key)


def _mean(values: np.ndarray) -> float | None:
  known = values[np.isfinite(values)]
  return charts.rounded(float(known.mean())) if len(known) else None


def _panel(
  study: Study,
  key: str,
  places: Mapping[str, tuple[str, float]],
  levels: Mapping[str, float | None],
  x_title: str,
  log_x: bool,
) -> Any:
  """A point a member, a line through the means of each group.

  Args:
    places: {unit: (its group, its x)}.
    levels: {group: value} of lines that are the same everywhere.
  """
  rows, lines = [], []
  for unit, (group, x) in places.items():
    found = _values(study, unit, key)
    lines.append({'group': group, 'x': x, 'y': _mean(found), 'order': x})
    rows += [
      {'member': f'{unit} seed={m.seed}', 'group': group, 'x': x,
       'y': charts.rounded(float(value))}
      for m, value in zip(study.results[unit].ok, found)
    ]  # fmt: skip
  ends = sorted({x for _, x in places.values()})
  for group, value in levels.items():
    lines += [{'group': group, 'x': x, 'y': value, 'order': x}
              for x in (ends[0], ends[-1])]  # fmt: skip
  # A line's level is inside the frame as a member's value is.
  rows += [
    {'member': group, 'group': group, 'x': ends[0], 'y': value}
    for group, value in levels.items()
  ]
  groups = dict.fromkeys([group for group, _ in places.values()] + [*levels])
  palette = view_lib.PALETTE
  colours = {g: palette[i % len(palette)] for i, g in enumerate(groups)}
  return charts.scatter(
    rows,
    title=view_lib.name(key),
    x_title=x_title,
    lines=lines,
    colours=colours,
    log_x=log_x,
    ticks=ends,
  )


def _chosen(study: Study, units: list[str], key: str, by: str) -> float | None:
  """The score of the model that another score would choose among units."""
  judge = np.concatenate([_values(study, unit, by) for unit in units])
  values = np.concatenate([_values(study, unit, key) for unit in units])
  if not np.isfinite(judge).any():
    return None
  return charts.rounded(float(values[np.nanargmax(judge)]))


def labels(study: Study) -> str:
  """Scores against the number of labels, beside pairs and a choice."""
  places, pairs, plain = {}, [], []
  for unit in study.results:
    options = study.config['units'][unit]['options']
    if 'num_labels' in options:
      kind = options['labels']
      places[unit] = f'{kind} labels', float(options['num_labels'])
    elif 'num_changed' in options:
      pairs.append(unit)
    else:
      plain.append(unit)
  if not places:
    return ''
  panels = []
  for key in claims.judged(study):
    levels = {unit: _mean(_values(study, unit, key)) for unit in pairs}
    if plain:
      without = np.concatenate([_values(study, unit, key) for unit in plain])
      levels['no labels, mean'] = _mean(without)
      for judge, by in _JUDGES.items():
        levels[f'no labels, chosen by {by}'] = _chosen(study, plain, key, judge)
    known = {group: y for group, y in levels.items() if y is not None}
    panels.append(
      _panel(study, key, places, known, 'labelled images', log_x=True)
    )
  return markup.panels(
    panels,
    'A point a member, lines through the means: of labels that are whole, '
    'binned (5 values), noisy (10 % random) or partial (two factors), and, '
    'level, of pairs of images and of models trained without a label: their '
    'mean, and the one that UDR chooses, or the MIG of a few labels.',
    kind='panels wide',
  )


def correlation(study: Study) -> str:
  """Scores against the strength of a correlation of two factors."""
  places, pair = {}, []
  for unit, result in study.results.items():
    dataset = study.config['units'][unit]['dataset']
    pair = list(dataset['correlated']) or pair
    strength = 1 / dataset['sigma'] if dataset['correlated'] else 0.0
    places[unit] = result.objective, float(strength)
  if not pair:
    return ''
  keys = claims.judged(study)
  known = {key for m in study.everyone.entries for key in m.metrics}
  own = [f'{key}/{factor}' for key in keys for factor in pair]
  panels = [
    _panel(study, key, places, {}, '1 / sigma', log_x=False)
    for key in (*keys, *(key for key in own if key in known))
  ]
  return markup.panels(
    panels,
    f'Trained on images in which {" and ".join(pair)} go together, the more so '
    'the further right (0: not at all), scored on all images. A point a '
    'member, lines through the means.',
    kind='panels wide',
  )
