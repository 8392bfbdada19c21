"""What several sections of a study share: its scores, unit by unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bvae_jax import metrics
from bvae_jax.evaluation.results import UNRANKED
from bvae_jax.report import charts, names
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
  key: str,
  places: Mapping[str, tuple[str, float]],
  levels: Mapping[str, float] | None = None,
  **options: Any,
) -> Any:
  """A point a member, a line through the means of each group.

  Args:
    study: whose units.
    key: the score.
    places: {unit: (its group, its x)}.
    levels: {group: value} of lines that are the same everywhere.
    **options: of `charts.scatter`.
  """
  row = lambda member, group, x, y: {
    'member': member,
    'group': group,
    'x': x,
    'y': charts.rounded(float(y)),
  }
  points = [
    panels.Point(row(f'{unit} seed={member.seed}', group, x, y), group, x)
    for unit, (group, x) in places.items()
    for member, y in zip(study.results[unit].ok, values(study, [unit], key))
  ]
  ends = sorted({x for _, x in places.values()})
  lines = []
  for group, y in (levels or {}).items():
    lines += [row('', group, x, y) | {'order': x} for x in (ends[0], ends[-1])]
    # Inside the frame as a member's value is.
    points.append(panels.Point(row(group, group, ends[0], y)))
  groups = [group for group, _ in places.values()] + [*(levels or ())]
  return panels.scatter(
    points,
    lines,
    title=names.name(key),
    colours=colour_lib.cycled(groups),
    ticks=ends,
    **options,
  )
