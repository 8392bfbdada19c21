"""Predictions that ignore a sensitive factor, from codes that know it.

Training images have a spurious correlation: the grid is weighted so that the
target agrees with the sensitive group in 9 of 10. Test images have none. For
groups s, predictions p and targets t (all 0 or 1):

  demographic parity gap  |P(p=1 | s=1) - P(p=1 | s=0)|
  equal opportunity gap   |P(p=1 | t=1, s=1) - P(p=1 | t=1, s=0)|

Both are 0 of a fair and of a useless prediction: read them with the accuracy.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data
from bvae_jax.apps import coders, erasure, pictures, probes, responses
from bvae_jax.apps.options import Options
from bvae_jax.apps.section import Section, Table
from bvae_jax.data import factors as factors_lib
from bvae_jax.evaluation import statistics

AGREE = 0.9  # of the training images: target and group agree
_TRAIN, _TEST = 2000, 4000


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


def gaps(predicted: Any, target: Any, group: Any) -> Gaps:
  """Accuracy, and the two gaps, of binary predictions [N].

  Raises:
    ValueError: a group or a target is not there.
  """
  predicted, target, group = map(np.asarray, (predicted, target, group))

  def rate(chosen: np.ndarray) -> float:
    if not chosen.any():
      raise ValueError('a group has no test image of one target; give others')
    return float(predicted[chosen].mean())

  parity = rate(group == 1) - rate(group == 0)
  good = target == 1
  opportunity = rate(good & (group == 1)) - rate(good & (group == 0))
  return Gaps(
    float((predicted == target).mean()), abs(parity), abs(opportunity)
  )


def knowing(
  codes: Any,
  sensitive: Any,
  target: Any,
  factors: tuple[factors_lib.Factor, factors_lib.Factor],
  threshold: float,
) -> list[int]:
  """Latents that know the sensitive factor beyond what the target tells.

  Args:
    codes: float [N, D].
    sensitive, target: values of the factors [N].
    factors: what is known of the two, in this order.
    threshold: from which share of its variance on, added to what the target
      explains, a latent knows.
  """
  beside = responses.features(target, factors[1])
  share = responses.fit(codes, sensitive, factors[0], beside=beside).share
  return np.flatnonzero(share >= threshold).tolist()


def halves(values: Any, factor: factors_lib.Factor) -> np.ndarray:
  """Lower and upper half of an ordinal factor; the first kind and the rest."""
  cut = 1 if factor.kind == 'categorical' else factor.size / 2
  return (np.asarray(values) >= cut).astype(np.int64)


def draw(
  dataset: data.Dataset,
  key: jax.Array,
  count: int,
  places: tuple[int, int],
  agree: float,
) -> Groups:
  """Images in which target and group agree with a probability.

  Each of the four combinations of (sensitive, target) is equally likely but for
  the agreement; within it, all images of the grid are.

  Args:
    dataset: with discrete factors.
    key: randomness.
    count: images.
    places: of the sensitive factor and of the target.
    agree: the probability.

  Raises:
    ValueError: a combination has no image.
  """
  known = dataset.require_labels('fair').factors
  drawn, own = jax.random.split(key)
  pool = data.sample_index(drawn, 12 * count, dataset.num_images)
  labels = np.asarray(dataset.labels(pool))
  group, target = (halves(labels[:, k], known[k]) for k in places)
  cell = 2 * group + target
  size = np.bincount(cell, minlength=4)
  if size.min() == 0:
    raise ValueError(
      f'fair: no image has one of the combinations of '
      f'{known[places[0]].name} and {known[places[1]].name}'
    )
  wanted = np.where(group == target, agree, 1 - agree) / 2
  chance = wanted / size[cell]
  chosen = jax.random.choice(
    own, len(pool), (count,), p=jnp.asarray(chance / chance.sum())
  )
  chosen = np.asarray(chosen)
  sample = coders.take(dataset, np.asarray(pool)[chosen])
  return Groups(sample, target[chosen], group[chosen])


def judge(rows: erasure.Rows, codes: Any, train: Groups, told: Any,
          test: Groups) -> Gaps:  # fmt: skip
  """A linear classifier on erased codes.

  Args:
    rows: the erasure.
    codes: of the training images [N, D].
    train: what they are.
    told: codes of the test images [T, D].
    test: what those are.
  """
  fitted = probes.linear(rows(np.asarray(codes)), train.target, 2)
  predicted = probes.predict(fitted, rows(np.asarray(told)))
  return gaps(predicted, test.target, test.group)


def erasures(
  codes: np.ndarray, train: Groups, latents: list[int], seed: int
) -> dict[str, erasure.Rows]:
  """Every erasure that is compared, by name."""
  # As it would be if group and target were independent.
  cell = 2 * train.group + train.target
  balanced = 1 / np.bincount(cell, minlength=4)[cell]
  return {
    'nothing removed': erasure.keep,
    'latents dropped': erasure.drop(latents, codes.mean(0)),
    'latents swapped': erasure.swap(latents, seed),
    'LEACE': erasure.leace(codes, train.group),
    'LEACE, balanced': erasure.leace(codes, train.group, balanced),
  }


def run(options: Options) -> Section:
  """All erasures on the codes of all members, and raw pixels beside them."""
  models, dataset = options.load()
  sensitive, target = _names(options, dataset)
  s, s_factor = coders.factor(dataset, sensitive, 'fair')
  t, t_factor = coders.factor(dataset, target, 'fair')
  if s == t:
    raise ValueError('fair: --factor and --target must be two factors')
  keys = jax.random.split(options.key, 2)
  train = draw(dataset, keys[0], _TRAIN, (s, t), AGREE)
  test = draw(dataset, keys[1], _TEST, (s, t), 0.5)
  coders.require_classes(train.target, 'fair')
  few = slice(options.labels[0])
  found: dict[str, list[Gaps]] = {}
  dropped = []
  for model in models:
    codes, told = (
      np.asarray(model.encode(one.sample.images)[0], np.float64)
      for one in (train, test)
    )
    latents = list(options.latents) or knowing(
      codes[few], train.sample.factors[few, s], train.sample.factors[few, t],
      (s_factor, t_factor), options.threshold,
    )  # fmt: skip
    dropped.append(coders.check_latents(latents, model.num_latents))
    for name, rows in erasures(codes, train, latents, options.seed).items():
      found.setdefault(name, []).append(judge(rows, codes, train, told, test))
  flat = lambda one: one.sample.images.reshape(len(one.target), -1)
  found['pixels, nothing removed'] = [
    judge(erasure.keep, flat(train), train, flat(test), test)
  ]
  cells = {
    name: [statistics.estimate(column) for column in zip(*each)]
    for name, each in found.items()
  }
  told = '; '.join(
    f'member {m.member}: {", ".join(f"z{d}" for d in each) or "none"}'
    for m, each in zip(models, dropped)
  )
  pictured = _counterfactual(models[0], train, dropped[0], test)
  heads = ('', 'accuracy', 'demographic parity gap', 'equal opportunity gap')
  table = Table(
    f'Prediction of {target} (upper half) with {sensitive} as the sensitive '
    f'factor; {_TRAIN} training images agree in {AGREE:.0%}, {_TEST} test '
    'images do not. The latents are chosen by '
    f'{options.labels[0]} labelled images.',
    heads, tuple((n, *map(str, es)) for n, es in cells.items()),
  )  # fmt: skip
  return Section(
    'fair',
    f'Fairness: {target} without {sensitive}',
    f'Latents that know {sensitive} beyond {target}, by a share of '
    f'{options.threshold} of their variance or more: {told}.',
    {
      'sensitive': sensitive, 'target': target, 'latents': dropped,
      'methods': {n: dict(zip(Gaps._fields, (e._asdict() for e in es)))
                  for n, es in cells.items()},
    },
    (table,),
    {'fair.svg': pictured},
    {'fair.svg': f'Counterfactual images: the latents that know {sensitive} '
     'are those of the mean of each group, the others stay.'},
    tuple(_notes(sensitive, target, dropped, cells)),
  )  # fmt: skip


def _names(options: Options, dataset: data.Dataset) -> tuple[str, str]:
  """Sensitive and target; by default ordinal: the last, and the coarsest."""
  known = dataset.require_labels('fair').factors
  free = [f for f in known if f.kind == 'ordinal'] or list(known)
  coarse = sorted(free, key=lambda f: f.size)
  target = options.target or next(
    (f.name for f in coarse if f.name != options.factor), ''
  )
  sensitive = options.factor or next(
    (f.name for f in free[::-1] if f.name != target), ''
  )
  return sensitive, target


def _counterfactual(model, train, latents, test) -> str:
  """Images, their reconstructions, and the same in either group."""
  images = test.sample.images[:8]
  codes = np.asarray(model.encode(train.sample.images)[0], np.float64)
  mean = np.asarray(model.encode(images)[0], np.float64)
  rows = [images, np.asarray(model.decode(mean))]
  for group in (0, 1):
    middle = codes[train.group == group].mean(0)
    rows.append(np.asarray(model.decode(erasure.drop(latents, middle)(mean))))
  names = ['image', 'reconstructed', 'as group 0', 'as group 1']
  return pictures.labelled(np.stack(rows), names, title='Counterfactual images')


def _notes(sensitive, target, dropped, cells):
  if not all(dropped):
    yield (
      f'In {sum(not one for one in dropped)} members no latent knows '
      f'{sensitive}: nothing was dropped there.'
    )
  before, after = cells['nothing removed'], cells['latents dropped']
  yield (
    f'Dropping latents changes the accuracy from {before[0].mean:.3f} to '
    f'{after[0].mean:.3f}, the parity gap from {before[1].mean:.3f} to '
    f'{after[1].mean:.3f}.'
  )
  yield (
    f'LEACE erases what is linear in {sensitive} under the correlated '
    f'distribution, and with it what {target} shares with it; balanced, it '
    'weighs the four combinations alike.'
  )
  yield 'A small gap with an accuracy near 0.5 is no fairness but ignorance.'
