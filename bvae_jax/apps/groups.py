"""Images with a binary target and a binary sensitive group, and fair measures.

Training images have the two go together; test images have the four combinations
weigh alike, so that what a prediction makes of the group is its own doing. For
groups s, predictions p and targets t (all 0 or 1):

  demographic parity gap  |P(p=1 | s=1) - P(p=1 | s=0)|
  equal opportunity gap   |P(p=1 | t=1, s=1) - P(p=1 | t=1, s=0)|

Both are 0 of a fair and of a useless prediction: read them with the accuracy.
"""

import itertools
from typing import Any, NamedTuple

import jax
import numpy as np

from bvae_jax import data
from bvae_jax.apps import coders, tasks
from bvae_jax.data import dependence
from bvae_jax.data import factors as factors_lib
from bvae_jax.data.correlated import Correlation

SIGMA = 0.2  # of the pair in training, where the run has none of its own
_RAREST = 0.002  # share of each combination in training, else sigma grows
_TRAIN, _TEST = 2000, 4000
_LARGE = 4 * _TEST  # images of a grid, from which on no image is in both


class Gaps(NamedTuple):
  """How a prediction treats two groups."""

  accuracy: float
  parity: float
  opportunity: float


class Groups(NamedTuple):
  """Images with a binary target and a binary sensitive group.

  Attributes:
    sample: the images.
    target, group: 0 or 1, int [N].
  """

  sample: coders.Sample
  target: np.ndarray
  group: np.ndarray

  @property
  def agree(self) -> float:
    """How often target and group are the same."""
    return float((self.target == self.group).mean())

  @property
  def alike(self) -> np.ndarray:
    """Weights by which the four combinations are equally frequent [N]."""
    cell = 2 * self.group + self.target
    return 1 / np.bincount(cell, minlength=4)[cell]


def gaps(predicted: Any, target: Any, group: Any) -> Gaps:
  """Accuracy, and the two gaps, of binary predictions [N].

  The four combinations of target and group weigh alike.

  Raises:
    ValueError: a combination is not there.
  """
  predicted, target, group = map(np.asarray, (predicted, target, group))
  rate = np.empty((2, 2))  # of p = 1, by group and target
  for s, t in np.ndindex(2, 2):
    chosen = (group == s) & (target == t)
    if not chosen.any():
      raise ValueError(
        f'group {s} has no test image of target {t}: choose another --factor '
        'or --target'
      )
    rate[s, t] = predicted[chosen].mean()
  right = (1 - rate[:, 0] + rate[:, 1]) / 2
  parity = rate.mean(1)
  return Gaps(
    float(right.mean()),
    float(abs(parity[1] - parity[0])),
    float(abs(rate[1, 1] - rate[0, 1])),
  )


def halves(values: Any, factor: factors_lib.Factor) -> np.ndarray:
  """Lower and upper half of an ordered factor; the first kind and the rest.

  A continuous one is cut at the median.
  """
  values = np.asarray(values)
  cut = {
    'categorical': lambda: 1,
    'ordinal': lambda: factor.size / 2,
    'continuous': lambda: np.median(values),
  }[factor.kind]()
  return (values >= cut).astype(np.int64)


def parts(factor: factors_lib.Factor) -> str:
  """The two parts of `halves` in words, that of 0 first."""
  if factor.kind == 'continuous':
    return f'{factor.name} below its median or above'
  if factor.kind == 'ordinal':
    return f'lower or upper values of {factor.name}'
  first, *rest = factor.values or map(str, range(factor.size))
  return f'{factor.name} {first} or {rest[0] if len(rest) == 1 else "another"}'


def lower_half(factor: factors_lib.Factor) -> str:
  """The first half of a factor's values in words: kinds have no order."""
  what = 'lower half'
  if factor.kind == 'categorical':
    what = f'first {factor.size // 2} of {factor.size} kinds'
  return f'the {what} of {factor.name}'


def own_law(
  places: tuple[int, int], factors: tuple[factors_lib.Factor, ...]
) -> Correlation:
  """The correlation of two factors in training, where the run has none.

  Its sigma is `SIGMA`, or as many twentieths more as leave each combination of
  their two parts one image in five hundred; a quarter of what it would have
  without a correlation, where that is less.

  Args:
    places: of the factors.
    factors: what is known of the two, of a grid.
  """
  one, two = (halves(np.arange(f.size), f) for f in factors)
  cell = np.add.outer(2 * one, two).ravel()
  least = min(_RAREST, np.bincount(cell, minlength=4).min() / cell.size / 4)

  def rarest(sigma: float) -> float:
    law = Correlation((0, 1), sigma).log_joint([f.size for f in factors])
    joint = np.exp(law).ravel()
    return np.bincount(cell, joint / joint.sum(), 4).min()

  sigmas = (SIGMA + step / 20 for step in itertools.count())
  return Correlation(places, next(s for s in sigmas if rarest(s) >= least))


def split(
  dataset: data.Dataset, key: jax.Array, names: tuple[str, str]
) -> tuple[Groups, Groups]:
  """Images to train on, with a spurious correlation, and images to test on.

  Of a grid, training images follow `Correlation`, with the sigma of the data
  set where it has these two factors correlated, and test images are uniform;
  none is both where the grid has 16,000 images or more. Of observed points,
  both are drawn from those that have both labels, none twice: the correlation
  is the one that is there.

  Args:
    dataset: with known factors.
    key: randomness.
    names: of the sensitive factor and of the target.

  Raises:
    ValueError: no such factors, or a combination of both has no image.
  """
  places, factors = zip(*(coders.factor(dataset, n, 'fair') for n in names))
  if places[0] == places[1]:
    raise ValueError('fair: --factor and --target must be two factors')
  drawn, own = jax.random.split(key)
  if dataset.is_grid:
    law = dataset.correlation
    if law is None or set(law.pair) != set(places):
      law = own_law(places, factors)
    if dataset.num_images < _LARGE:
      train = law.draw(drawn, _TRAIN, dataset.factor_sizes)
      test = data.sample_index(own, _TEST, dataset.num_images)
    else:  # as much of each combination is tested on, so the law stays
      size = dataset.num_images
      test = np.asarray(jax.random.choice(own, size, (_TEST,), replace=False))
      train = np.asarray(law.draw(drawn, 2 * _TRAIN, dataset.factor_sizes))
      train = train[~np.isin(train, test)][:_TRAIN]
  else:
    index = tasks.labelled(dataset, places)
    index = np.asarray(jax.random.permutation(drawn, index))
    first = min(_TEST, len(index) // 2)
    test, train = index[:first], index[first : first + _TRAIN]
  whole = coders.take(dataset, np.concatenate([train, test]))
  target, group = (
    halves(whole.factors[:, places[k]], factors[k]) for k in (1, 0)
  )
  found = []
  for rows in np.split(np.arange(len(whole.index)), [len(train)]):
    sample = tasks.part(whole, rows)
    found.append(Groups(sample, target[rows], group[rows]))
    if np.bincount(2 * group[rows] + target[rows], minlength=4).min() == 0:
      raise ValueError(
        f'fair: of {len(rows)} images none has one of the combinations of '
        f'{names[0]} and {names[1]}; choose other factors'
      )
  return found[0], found[1]


def names(
  dataset: data.Dataset, sensitive: str | None, target: str | None
) -> tuple[str, str]:
  """Sensitive factor and target, those not given by default.

  The two that go together most in the data, where they do; of a whole grid the
  last ordinal factor and the coarsest one.

  Raises:
    ValueError: fewer than two factors are known.
  """
  known = dataset.require_factors('fair').factors
  if len(known) < 2:
    raise ValueError(
      f'fair: needs two factors, data set {dataset.name} has one'
    )
  if dataset.is_grid and dataset.correlation is None:
    free = [f for f in known if f.kind == 'ordinal'] or list(known)
    first = [f.name for f in free[::-1]]
    second = [f.name for f in sorted(free, key=lambda f: f.size)]
  else:
    found = dependence.pairs(dataset.factor_names, dependence.of(dataset))
    given = {sensitive, target} - {None}
    first = next((two for *two, _ in found if given <= set(two)), [])
    second = first[::-1]
  target = target or next((n for n in second if n != sensitive), '')
  return sensitive or next((n for n in first if n != target), ''), target
