"""Probes: what a linear classifier and a network can learn of few labels."""

import jax
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.apps import coders, probes, tasks, transfer


def test_perfect_codes_need_few_labels(world):
  everything = coders.take(world.dataset, np.arange(30))
  goal = tasks.task(world.dataset, 'middle', 'transfer')
  rows_of = transfer.representations((world.coder,), None)
  trains = [tasks.part(everything, np.arange(0, 30, 2))]
  found = probes.scores(rows_of['codes'], trains, everything, goal)
  assert found.tolist() == [[1.0]]
  # The interval of one member is over the draws, and is called so.
  draws = np.array([[0.1, 0.2, 0.6]])
  assert transfer.over_members(draws).values == (0.1, 0.2, 0.6)
  assert transfer.intervals(1, 'codes') == 'Intervals: over draws.'
  assert transfer.over_members(np.tile(draws, (2, 1))).values == (0.3, 0.3)
  assert 'over members for codes' in transfer.intervals(2, 'codes')
  with pytest.raises(ValueError, match='no factor'):
    tasks.task(world.dataset, 'colour', 'transfer')


def test_only_images_whose_label_is_known_are_a_task(scattered):
  dataset, _ = scattered
  goal = tasks.task(dataset, 'middle', 'transfer')
  told = tasks.labelled(dataset, [goal.place])
  assert told.tolist() == [i for i in range(200) if i % 10]
  assert [f.name for f in tasks.discrete(dataset, 'x')] == ['on', 'middle']
  drawn = coders.draw(dataset, jax.random.key(0), 180, told)
  assert sorted(drawn.index) == told.tolist()
  assert drawn.factors[:, 2].min() >= 0 and drawn.factors[:, 2].max() <= 1
  with pytest.raises(ValueError, match='choose a discrete one: on, middle'):
    tasks.task(dataset, 'fine', 'transfer')


def test_classes_are_of_equal_width():
  assert coders.classes([0, 1, 2], 3).tolist() == [0, 1, 2]
  assert coders.classes([0, 15, 16, 31], 32, 2).tolist() == [0, 0, 1, 1]
  for kind, classes in (('categorical', 10), ('ordinal', 6)):  # kinds stay
    factors = data.Table((data.Factor('of', kind, 10),), np.arange(10)[:, None])
    dataset = data.Dataset('ten', '', (1, 1, 1), 10, (), None, factors=factors)
    goal = tasks.task(dataset, 'of', 'transfer')
    sample = coders.Sample(np.arange(10), None, factors.values)
    told = len(np.unique(goal.labels(sample)))
    assert goal.num_classes == told == classes


def test_the_network_learns_what_one_pixel_says():
  rng = np.random.default_rng(1)
  labels = rng.integers(0, 2, 64)
  images = np.zeros((64, 16, 16, 1))
  images[labels == 1, 4:12] = 1.0
  told = probes.supervised(
    jax.random.key(0), 'mlp_small', images, labels, images, 2, rows=80, steps=20
  )
  assert (told == labels).all()


def test_the_sentence_names_a_method_once():
  of = lambda *means: [transfer.over_members(np.array([[m]])) for m in means]
  lines = {'codes': of(0.4, 0.4, 0.6), 'PCA': of(0.3, 0.5, 0.5)}
  assert transfer._verdict('shape', [10, 100, 1000], lines) == (
    'Of shape, the highest mean is that of codes with 10, 1000 labels; '
    'PCA with 100 labels.'
  )
  lines = {'codes': of(1.0), 'pixels': of(0.9), 'PCA': of(0.9999)}
  assert transfer._verdict('hue', [10], lines) == (
    'Of hue, the highest mean is that of codes and PCA with 10 labels.'
  )
