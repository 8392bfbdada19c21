"""What is predicted of images, and the images whose labels are known."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bvae_jax import data
from bvae_jax.apps import coders
from bvae_jax.data import factors as factors_lib


class Task(NamedTuple):
  """What is predicted of images.

  Attributes:
    place: of the factor.
    factor: what is known of it.
    num_classes: C; an ordinal factor of more values than `coders.MAX_CLASSES`
      is cut in equal parts, and kinds stay apart, however many they are.
  """

  place: int
  factor: factors_lib.Factor
  num_classes: int

  def labels(self, sample: coders.Sample) -> np.ndarray:
    """Classes of a sample, int [N]."""
    values = sample.factors[:, self.place]
    return coders.classes(values, self.factor.size, self.num_classes)


def task(dataset: data.Dataset, name: str, what: str) -> Task:
  """The task of a discrete factor.

  Raises:
    ValueError: no such factor, or it is continuous.
  """
  place, factor = coders.factor(dataset, name, what)
  if factor not in discrete(dataset, what):
    raise ValueError(
      f'{what}: --target={name} is continuous; choose a discrete one: '
      + ', '.join(f.name for f in discrete(dataset, what))
    )
  most = factor.size if factor.kind == 'categorical' else coders.MAX_CLASSES
  return Task(place, factor, min(factor.size, most))


def discrete(dataset: data.Dataset, what: str) -> list[factors_lib.Factor]:
  """The factors that have classes.

  Raises:
    ValueError: there is none.
  """
  known = dataset.require_factors(what).factors
  found = [f for f in known if f.size]
  if not found:
    raise ValueError(
      f'{what}: predicts classes, and all factors of data set {dataset.name} '
      'are continuous'
    )
  return found


def labelled(dataset: data.Dataset, places: Sequence[int]) -> np.ndarray:
  """The images of which some factors are all known, int [n]."""
  index = np.arange(dataset.num_images)
  if dataset.is_grid:
    return index
  factors = dataset.require_factors('labels').factors
  labels = np.asarray(dataset.labels(index))
  for k in places:
    index = index[coders.known(labels[index, k], factors[k])]
  return index


def num_draws(size: int, images: int, repeats: int) -> int:
  """How many draws of `size` of so many images there are: `repeats`, or one.

  Draws of more than half of the images share most of theirs: their spread is
  not that between labels, and there is no interval.
  """
  return repeats if 2 * size <= images else 1


def part(sample: coders.Sample, kept: np.ndarray) -> coders.Sample:
  """The images where `kept` [N] (bool, or places)."""
  return coders.Sample(*(x[kept] for x in sample))
