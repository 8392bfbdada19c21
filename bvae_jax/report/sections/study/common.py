"""What several sections of a study share: its scores, unit by unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from bvae_jax import metrics
from bvae_jax.evaluation.results import UNRANKED
from bvae_jax.report import charts, markup
from bvae_jax.report import view as view_lib
from bvae_jax.report.charts import colours as colour_lib
from bvae_jax.report.sections import panels
from bvae_jax.report.study_view import Study

# Scores that do not say how disentangled a model is.
_OTHER = (*UNRANKED, 'udr', 'downstream', 'few_labels')


def judged(study: Study) -> list[str]:
  """The scores of disentanglement that the study has."""
  known = [s for s in study.everyone.scores if s in metrics.METRICS]
  return [score for score in known if score not in _OTHER]


def values(study: Study, units: Sequence[str], key: str) -> np.ndarray:
  """A score of the members of some units that trained to the end."""
  return view_lib.values_of(
    [m for u in units for m in study.results[u].ok], key
  )


def by_unit(
  study: Study,
  titles: Mapping[str, str],
  places: Mapping[str, tuple[str, float]],
  caption: str,
  levels: Mapping[str, Mapping[str, float]] | None = None,
  **options: Any,
) -> Markup:
  """A panel a score: a point a member, a line through each group's means.

  A group has the colour of its first unit, so that it is one on the whole page.

  Args:
    study: whose units.
    titles: {score: what its panel is called}.
    places: {unit: (its group, its x)}.
    caption: of the figure.
    levels: {score: {group: value}} of dashed lines, the same everywhere.
    **options: of `charts.scatter`.
  """
  levels = levels or {}
  level_groups = dict.fromkeys(g for found in levels.values() for g in found)
  groups = [*(group for group, _ in places.values()), *level_groups]
  own = {g: study.colours[u] for u, (g, _) in reversed([*places.items()])}
  colours = colour_lib.apart(groups, {**study.colours, **own})
  ends = sorted({x for _, x in places.values()})
  row = lambda member, group, x, y: {
    'member': member,
    'group': group,
    'x': x,
    'y': charts.rounded(float(y)),
  }
  drawn, members = [], {group: {} for group in colours}
  for key, title in titles.items():
    points = [
      panels.Point(row(f'{unit} seed={member.seed}', group, x, y), group, x)
      for unit, (group, x) in places.items()
      for member, y in zip(study.results[unit].ok, values(study, [unit], key))
    ]
    lines = []
    for group, y in levels.get(key, {}).items():
      flat = [row('', group, x, y) | {'order': x} for x in (ends[0], ends[-1])]
      lines += [point | {'level': True} for point in flat]
    for point in points:
      members[point.row['group']][point.row['member']] = True
    drawn.append(
      panels.scatter(
        points,
        lines,
        title=title,
        colours=colours,
        legend=False,
        ticks=ends,
        **options,
      )
    )
  keys = [markup.key(colours[g], g, [*own]) for g, own in members.items()]
  return markup.panels(drawn, caption, above=markup.element('legend', keys))
