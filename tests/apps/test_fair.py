"""Erasures and gaps in closed form, and a spurious correlation of a grid."""

import jax
import numpy as np
import pytest

from bvae_jax.apps import erasure, fair


def test_gaps_are_differences_of_rates():
  group = np.array([0, 0, 0, 0, 1, 1, 1, 1])
  target = np.array([0, 0, 1, 1, 0, 0, 1, 1])
  predicted = np.array([0, 0, 0, 1, 0, 1, 1, 1])
  found = fair.gaps(predicted, target, group)
  assert found == (0.75, 0.5, 0.5)
  with pytest.raises(ValueError, match='no test image'):
    fair.gaps(predicted, target, 0 * group)


@pytest.mark.parametrize('weighted', (False, True))
def test_leace_leaves_no_linear_trace_and_moves_least(weighted):
  rng = np.random.default_rng(0)
  group = rng.integers(0, 2, 500)
  codes = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
  codes += np.outer(group, [1, 2, 0, -1])
  weight = rng.uniform(0.5, 2, 500) if weighted else np.ones(500)
  found = erasure.leace(codes, group, weight)(codes)
  share = weight / weight.sum()
  means = [
    np.average(found[group == g], axis=0, weights=weight[group == g])
    for g in (0, 1)
  ]
  np.testing.assert_allclose(means[0], means[1], atol=1e-10)
  np.testing.assert_allclose(share @ found, share @ codes, atol=1e-10)
  moved = (share @ (found - codes) ** 2).sum()
  # Another projection that forgets: orthogonal to the difference of means.
  gap = np.subtract(
    *[
      np.average(codes[group == g], axis=0, weights=weight[group == g])
      for g in (0, 1)
    ]
  )
  gap /= np.linalg.norm(gap)
  other = np.outer((codes - share @ codes) @ gap, gap)
  assert moved <= (share @ other**2).sum() + 1e-9


def test_dropped_and_swapped_latents_say_nothing():
  codes = np.arange(12.0).reshape(4, 3)
  dropped = erasure.drop([1], codes.mean(0))(codes)
  assert (dropped[:, 1] == 5.5).all()
  assert np.array_equal(dropped[:, [0, 2]], codes[:, [0, 2]])
  swapped = erasure.swap([0, 2], 0)(codes)
  assert sorted(swapped[:, 0]) == [0, 3, 6, 9]
  assert np.array_equal(swapped[:, 2] - swapped[:, 0], [2, 2, 2, 2])


def test_a_correlated_draw_and_a_perfect_coder(world):
  key = jax.random.key(0)
  train = fair.draw(world.dataset, key, 1500, (0, 2), 0.9)
  assert (train.group == train.target).mean() == pytest.approx(0.9, abs=0.03)
  assert train.group.mean() == pytest.approx(0.5, abs=0.05)
  test = fair.draw(world.dataset, jax.random.key(1), 800, (0, 2), 0.5)
  known = world.dataset.factors.factors
  codes, told = (world.coder.encode(x.sample.images)[0] for x in (train, test))
  latents = fair.knowing(
    codes, train.sample.factors[:, 0], train.sample.factors[:, 2],
    (known[0], known[2]), 0.1,
  )  # fmt: skip
  assert latents == [1]
  rows = fair.erasures(codes, train, latents, 0)
  found = fair.judge(rows['latents dropped'], codes, train, told, test)
  assert found.accuracy == 1 and found.opportunity == 0
  blind = erasure.drop([0, 1, 2, 3], codes.mean(0))
  assert fair.judge(blind, codes, train, told, test).parity == 0
