"""Predictions that ignore a sensitive factor, from codes that know it.

A linear classifier is trained on codes of images in which the target goes with
the sensitive group, and judged where it does not (`groups`): on the codes as
they are, without the latents that know the factor, and after linear erasure.
"""

from typing import Any

import numpy as np

from bvae_jax.apps import coders, erasure, groups, pictures, probes, responses
from bvae_jax.apps.options import Options, called, doubts
from bvae_jax.apps.section import Section, Table
from bvae_jax.data import factors as factors_lib
from bvae_jax.evaluation import statistics
from bvae_jax.report.markup import count


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


def judge(rows: erasure.Rows, codes: Any, train: groups.Groups, told: Any,
          test: groups.Groups) -> groups.Gaps:  # fmt: skip
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
  return groups.gaps(predicted, test.target, test.group)


def erasures(
  codes: np.ndarray, train: groups.Groups, latents: list[int], seed: int
) -> dict[str, erasure.Rows]:
  """Every erasure that is compared, by name."""
  return {
    'nothing removed': erasure.keep,
    'latents dropped': erasure.drop(latents, codes.mean(0)),
    'latents swapped': erasure.swap(latents, seed),
    'LEACE': erasure.leace(codes, train.group),
    'LEACE, balanced': erasure.leace(codes, train.group, train.alike),
  }


def run(options: Options) -> Section:
  """All erasures on the codes of all members, and raw pixels beside them."""
  models, dataset = options.load()
  names = groups.names(dataset, options.factor, options.target)
  train, test = groups.split(dataset, options.key, names)
  (s, s_factor), (t, t_factor) = (
    coders.factor(dataset, name, 'fair') for name in names
  )
  sensitive, target = names
  if options.labels[0] > len(train.target):
    raise ValueError(
      f'fair: --labels={options.labels[0]} are more than the '
      f'{len(train.target)} images to train on; give fewer'
    )
  few = slice(options.labels[0])
  seen = float(np.isin(test.sample.index, train.sample.index).mean())
  found: dict[str, list[groups.Gaps]] = {}
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
    name: [
      statistics.estimate(column, statistics.SHARE) for column in zip(*each)
    ]
    for name, each in found.items()
  }
  told = '; '.join(
    f'member {m.member}: {", ".join(f"z{d}" for d in each) or "none"}'
    for m, each in zip(models, dropped)
  )
  chosen = f'The latents are chosen by {options.labels[0]} labelled images.'
  if options.latents:
    chosen = 'The latents are those of --latents.'
  pictured = _counterfactual(models[0], train, dropped[0], test)
  heads = ('', 'accuracy', 'demographic parity gap', 'equal opportunity gap')
  table = Table(
    f'Predicted: {groups.parts(t_factor)}. Sensitive group: '
    f'{groups.parts(s_factor)}. They agree in {100 * train.agree:.0f} % of '
    f'{count(len(train.target), "training image")}; in '
    f'{count(len(test.target), "test image")} their combinations weigh alike, '
    f'so that 0.5 is chance. {chosen} On pixels it is one '
    'classifier, with no interval.',
    heads,
    tuple((n, *map(str, es)) for n, es in cells.items()),
  )
  return Section(
    'fair',
    f'Fairness: {target} without {sensitive}',
    f'Latents that know {sensitive} beyond {target}, by a share of '
    f'{options.threshold} of their variance or more: {told}.',
    {
      'sensitive': sensitive, 'target': target, 'latents': dropped,
      'agree': train.agree,
      'methods': {n: dict(zip(groups.Gaps._fields, (e._asdict() for e in es)))
                  for n, es in cells.items()},
    },
    (table,),
    {'fair.svg': pictured},
    {'fair.svg': f'Counterfactual images of {called(models[0])}: the latents '
     f'that know {sensitive} are those of the mean of each group, the others '
     f'stay. Group 0 or 1: {groups.parts(s_factor)}.'
     + ' This member has no such latent.' * (not dropped[0])},
    (*_notes(sensitive, target, dropped, cells, seen), *doubts(models)),
  )  # fmt: skip


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


def _notes(sensitive, target, dropped, cells, seen):
  if seen:
    yield (
      f'The grid is small: {100 * seen:.0f} % of the test images are trained '
      'on too.'
    )
  if not all(dropped):
    yield (
      f'In {count(sum(not one for one in dropped), "member")} no latent knows '
      f'{sensitive}: nothing was dropped or swapped there.'
    )
  before, after = cells['nothing removed'], cells['latents dropped']
  if any(dropped):
    yield (
      f'Dropping latents changes the accuracy from {before[0].mean:.3f} to '
      f'{after[0].mean:.3f}, the parity gap from {before[1].mean:.3f} to '
      f'{after[1].mean:.3f}. Swapped, each image has those of another one, '
      'drawn at random.'
    )
  yield (
    'Demographic parity gap: between the two groups, how often the second part '
    f'of {target} is predicted; equal opportunity gap: the same of images '
    f'whose {target} is in that part. 0 is fair; 1 is of a prediction of the '
    'group itself.'
  )
  yield (
    f'LEACE erases what is linear in {sensitive} under the correlated '
    f'distribution, and with it what {target} shares with it; balanced, it '
    'weighs the four combinations alike.'
  )
  yield 'A small gap with an accuracy near 0.5 is no fairness but ignorance.'
