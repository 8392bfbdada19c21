"""Factors that go together: Cramér's V in closed form, and who tells of it."""

import dataclasses

import helpers
import numpy as np
import pages
import pytest

from bvae_jax.data import dependence, show
from bvae_jax.evaluation import labelled, results
from bvae_jax.report.sections.run import data as figures


def test_v_is_the_correlation_of_two_binary_columns():
  rng = np.random.default_rng(0)
  one = rng.integers(0, 2, 20_000)
  for agree in (0.5, 0.7, 1.0):
    two = np.where(rng.random(len(one)) < agree, one, 1 - one)
    expected = np.corrcoef(one, two)[0, 1]
    found = dependence.cramers_v(one, two)
    assert found == pytest.approx(abs(expected), abs=0.01)
  # A function of the other, however it is called; a constant; few points.
  told = dependence.cramers_v([0, 1, 2, 0, 1, 2], [7, 3, 5, 7, 3, 5])
  assert told == pytest.approx(1)
  assert dependence.cramers_v([0, 1, 2], [4, 4, 4]) == 0
  few = [dependence.cramers_v(*rng.integers(0, 8, (2, 60))) for _ in range(200)]
  assert np.mean(few) < 0.1  # without the correction it is 0.34


def test_unknown_labels_are_left_out_and_numbers_are_cut():
  x = np.linspace(0, 1, 1000)
  table = np.stack([x, np.exp(x), np.arange(1000) % 2], 1)
  table[:500, 2] = np.nan
  assert dependence.between(table, (0, 0, 2)) == pytest.approx((1, 0, 0))
  assert dependence.between(table[:, :1], (0,)) == ()


@pytest.mark.parametrize(
  'changes, strongest, least',
  (
    ({'correlated': ('shape', 'x'), 'sigma': 0.2}, {'shape', 'x'}, 0.5),
    ({'holdout_where': ('shape=1..2', 'x=1..3')}, {'shape', 'x'}, 0.45),
    ({'holdout': 0.1}, None, None),
    ({}, None, None),
  ),
)
def test_only_what_is_trained_on_counts(changes, strongest, least):
  own = {'image_size': 8, 'factor_stride': (1, 2, 10, 8, 8)}
  dataset = helpers.dataset(**own | changes)
  found = dependence.pairs(dataset.factor_names, dependence.of(dataset))
  facts = results.DatasetFacts(
    'd', 'd', dataset.factor_names, dataset.factor_sizes, (8, 8, 1), 9,
    dependence=dependence.of(dataset),
  )  # fmt: skip
  if strongest is None:
    assert all(v < 0.1 for *_, v in found) and not labelled.warnings(facts)
    assert bool(found) == bool(changes)
    return
  assert set(found[0][:2]) == strongest and found[0][2] > least
  assert found[1][2] < 0.1
  (line,) = labelled.warnings(facts)
  assert f'shape and x {found[0][2]:.2f}; scores are of the whole grid' in line
  (line,) = labelled.warnings(dataclasses.replace(facts, complete_grid=False))
  assert f'shape and x {found[0][2]:.2f}; a latent of the one tells' in line
  drawn = figures.figures(show.Look(np.zeros((4, 8, 8, 1)), {}, [], found))
  chart = pages.charts(pages.tree(f'<div>{drawn}</div>'))
  assert chart['Factors that go together'][0]['name'] == 'shape, x'
