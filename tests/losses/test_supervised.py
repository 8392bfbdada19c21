"""The supervised penalty by hand, and where it comes to rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses

MEAN = jnp.array([[0.0, 2.0, 9.0], [-1.0, 0.5, 9.0]])
LABELS = jnp.array([[0.0, 1.0], [0.25, 0.5]])


def test_cross_entropy_by_hand():
  p = 1 / (1 + np.exp(-np.asarray(MEAN[:, :2], np.float64)))
  v = np.asarray(LABELS, np.float64)
  expected = -np.sum(v * np.log(p) + (1 - v) * np.log(1 - p)) / 2
  actual = losses.supervised_penalty(MEAN, LABELS)
  np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_squares_by_hand():
  targets = np.sqrt(12) * (np.asarray(LABELS) - 0.5)
  expected = np.sum((np.asarray(MEAN)[:, :2] - targets) ** 2) / 2
  actual = losses.supervised_penalty(MEAN, LABELS, kind='l2')
  np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize(
  'kind, rest',
  [
    ('bce', lambda v: np.log(v / (1 - v))),
    ('l2', lambda v: (v - 0.5) * 12**0.5),
  ],
)
def test_rests_on_the_factors_and_leaves_the_other_latents(kind, rest):
  labels = jnp.array([[0.1, 0.9], [0.4, 0.5]])
  mean = jnp.concatenate([rest(np.asarray(labels)), jnp.ones((2, 1))], 1)
  slope = jax.grad(losses.supervised_penalty)(mean, labels, kind=kind)
  np.testing.assert_allclose(slope, 0, atol=1e-6)


@pytest.mark.parametrize(
  'mean, labels, kind, message',
  [
    (MEAN, LABELS, 'xent', "'xent'.*'bce', 'l2'"),
    (MEAN, LABELS * 3, 'bce', r'labels must lie in \[0, 1\].*3.0'),
    (MEAN, LABELS[:1], 'bce', r'labels \(1, 2\) beside mean \(2, 3\)'),
    (MEAN[:, :1], LABELS, 'bce', r'labels \(2, 2\) beside mean \(2, 1\)'),
    (MEAN, LABELS[0], 'bce', 'expected rank 2'),
  ],
)
def test_bad_input(mean, labels, kind, message):
  with pytest.raises(ValueError, match=message):
    losses.supervised_penalty(mean, labels, kind=kind)
