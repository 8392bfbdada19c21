"""What a trial's scores and codes are called."""

from collections.abc import Mapping

from bvae_jax import metrics
from bvae_jax.evidence import trial
from bvae_jax.evidence.representations import KINDS

Who = tuple[str, float]
Cells = Mapping[Who, Mapping[str, trial.Cell]]

# Further scores of metrics that are shown beside their main one.
_BESIDE = {
  'dci': ('completeness', 'informativeness_test'),
  'modularity_explicitness': ('explicitness_test',),
  'infomec': ('infoc', 'infoe'),
}


def shown(cells: Cells) -> list[str]:
  """The scores of the map: each metric's main one and those beside it."""
  known = {name for found in cells.values() for name in found}
  every = [
    score
    for metric in metrics.METRICS
    for score in (metric, *(f'{metric}/{s}' for s in _BESIDE.get(metric, ())))
  ]
  return [score for score in every if score in known]


def label(who: Who) -> str:
  """A kind with its level: `rotated, degrees 45`."""
  kind, level = who
  unit = KINDS[kind].level
  return f'{kind}, {unit} {level:g}' if unit else kind
