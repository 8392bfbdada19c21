"""Factorised support, against a loop over all combinations."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax.losses import support


def reference(mean):
  total = 0.0
  for i, j in itertools.combinations(range(mean.shape[1]), 2):
    total += max(
      min((a[i] - c[i]) ** 2 + (b[j] - c[j]) ** 2 for c in mean)
      for a in mean
      for b in mean
    )
  return total


def test_it_is_the_hausdorff_distance_of_each_pair():
  mean = np.random.default_rng(0).normal(size=(7, 3))
  step = jax.jit(jax.value_and_grad(support.factorised_support))
  found, slope = step(mean)
  assert found == pytest.approx(reference(mean), rel=1e-5)
  numeric = np.zeros_like(mean)
  for place in np.ndindex(*mean.shape):
    step = np.zeros_like(mean)
    step[place] = 1e-4
    numeric[place] = (reference(mean + step) - reference(mean - step)) / 2e-4
  np.testing.assert_allclose(slope, numeric, atol=1e-3)


def test_correlated_factors_have_a_factorised_support():
  """Unlike total correlation: how often a combination occurs is no matter."""
  square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
  correlated = square[[0, 0, 0, 0, 1, 2, 3, 3, 3, 3]]
  assert np.corrcoef(correlated.T)[0, 1] > 0.5
  factorised_support = jax.jit(support.factorised_support)
  assert factorised_support(correlated) == 0
  # Without one corner, that corner is a side away from the nearest point.
  assert factorised_support(square[:3]) == 1
  diagonal = np.array([[0, 0], [2, 2]], np.float32)
  assert factorised_support(diagonal) == 4


def test_the_scale_is_held_up():
  mean = jnp.array([[0.0, 3.0, 0.0], [1.0, -3.0, 0.0]])
  zero = jnp.zeros_like(mean)
  weights = {'beta': 0.0, 'gamma': 0.0, 'delta': 2.0}
  loss = lambda m: support.hfs(jnp.zeros(2), m, m, zero, **weights)[0]
  value, slope = jax.jit(jax.value_and_grad(loss))(mean)
  assert value == pytest.approx(2 * (0.5 + 0 + 1))
  assert np.isfinite(slope).all()
  with pytest.raises(ValueError, match='of at least 2, got mean'):
    support.hfs(jnp.zeros(1), mean[:1], mean[:1], mean[:1], **weights)
