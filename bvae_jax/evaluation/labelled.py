"""What the scores of observed points rest on, in numbers and in words."""

from typing import Any

import numpy as np

from bvae_jax import metrics
from bvae_jax.data import dependence
from bvae_jax.evaluation.results import DatasetFacts

IMBALANCED = 0.9  # share of one value above which a line warns
_NAMED = 5  # pairs of factors that a line names
_CONTINUOUS = (
  f'continuous: {metrics.CONTINUOUS_BINS} bins of equally many points; '
  'regression in dci, correlation in sap'
)
_OF_POINTS = (
  '; a latent of the one tells of the other, so mig, dci, sap and modularity '
  'mislead there'
)
_OF_GRID = (
  '; scores are of the whole grid, where they do not: a latent that mixes the '
  'two lowers them'
)


def facts(table: Any, sizes: tuple[int, ...]) -> dict[str, tuple]:
  """The fields of `DatasetFacts` that tell of labels.

  Args:
    table: [N, K], see `metrics.Sample`.
    sizes: with 0 of a continuous factor.
  """
  classes, bins = metrics.factor_classes(table, sizes)
  classes = np.asarray(classes)
  shares = []
  for column, size in zip(classes.T, bins):
    count = np.bincount(column[column >= 0], minlength=size)
    shares.append(float(count.max() / max(count.sum(), 1)))
  return {
    'missing_labels': tuple((classes < 0).sum(0).tolist()),
    'largest_shares': tuple(shares),
  }


def described(dataset: DatasetFacts) -> list[str]:
  """Each factor in a few words: what it is, and what is not known of it."""
  told = []
  missing = dataset.missing_labels or (0,) * len(dataset.factor_sizes)
  for name, size, lacking in zip(
    dataset.factor_names, dataset.factor_sizes, missing
  ):
    kind = f'{size} values' if size else _CONTINUOUS
    unknown = f'; {lacking} points without a label' if lacking else ''
    told.append(f'{name} ({kind}{unknown})')
  return told


def warnings(dataset: DatasetFacts) -> list[str]:
  """A line on each thing that a reader of the scores should know."""
  lines = []
  missing = {
    name: count
    for name, count in zip(dataset.factor_names, dataset.missing_labels)
    if count
  }
  if missing:
    lines.append(
      'labels are missing, and those points are left out of that factor: '
      + ', '.join(f'{name} {count}' for name, count in missing.items())
    )
  largest = {
    name: share
    for name, share in zip(dataset.factor_names, dataset.largest_shares)
    if share > IMBALANCED
  }
  if largest:
    lines.append(
      'most points have one value: '
      + ', '.join(f'{name} {share:.0%}' for name, share in largest.items())
      + '; accuracies (dci, sap, downstream) are as high for codes that tell '
      'nothing'
    )
  pairs = dependence.pairs(dataset.factor_names, dataset.dependence)
  strong = [pair for pair in pairs if pair[2] >= dependence.STRONG]
  if strong:
    more = len(strong) - _NAMED
    grid = dataset.complete_grid
    lines.append(
      f'factors go together{" in training" * grid} '
      f"(Cramér's V of {dependence.STRONG} or more): "
      + ', '.join(f'{one} and {two} {v:.2f}' for one, two, v in strong[:_NAMED])
      + (f' and {more} more pairs' if more > 0 else '')
      + (_OF_GRID if grid else _OF_POINTS)
    )
  return lines
