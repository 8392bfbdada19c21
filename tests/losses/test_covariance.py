"""Covariance penalties by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses

# Covariance over B of the means [[2, 1], [1, 2/3]]; mean variance [0.5, 2].
MEAN = jnp.array([[0.0, 1.0], [3.0, 3.0], [3.0, 2.0]])
LOGVAR = jnp.log(jnp.array([[0.5, 1.0], [0.25, 2.0], [0.75, 3.0]]))


@pytest.mark.parametrize(
  'kind, diagonal', [('i', (2, 2 / 3)), ('ii', (2.5, 2 + 2 / 3))]
)
def test_by_hand(kind, diagonal):
  # Off the diagonal: 2 * 1^2, under either kind.
  expected = 3 * 2 + 5 * sum((c - 1) ** 2 for c in diagonal)
  actual = losses.covariance_penalty(
    MEAN, LOGVAR, lambda_od=3.0, lambda_d=5.0, kind=kind
  )
  np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_a_whitened_batch_costs_nothing():
  rng = np.random.default_rng(0)
  basis, _ = np.linalg.qr(np.c_[np.ones(10), rng.normal(size=(10, 3))])
  mean = jnp.asarray(basis[:, 1:] * np.sqrt(10) + 7)  # mean 7, covariance I
  weights = {'lambda_od': 10.0, 'lambda_d': 100.0}
  zero = losses.covariance_penalty(
    mean, jnp.zeros_like(mean), kind='i', **weights
  )
  np.testing.assert_allclose(zero, 0, atol=1e-8)
  # Means of variance 1/4 beside posterior variances of 3/4: kind ii is at rest.
  zero = losses.covariance_penalty(
    mean / 2, jnp.full_like(mean, np.log(0.75)), kind='ii', **weights
  )
  np.testing.assert_allclose(zero, 0, atol=1e-8)


@pytest.mark.parametrize(
  'mean, logvar, kind, message',
  [
    (MEAN, LOGVAR, 'I', "'I'.*'i', 'ii'"),
    (MEAN[:1], LOGVAR[:1], 'i', r'at least 2, got mean \(1, 2\)'),
    (MEAN, LOGVAR[:, :1], 'ii', r'mean \(3, 2\), logvar \(3, 1\)'),
    (MEAN[0], LOGVAR[0], 'i', 'expected rank 2'),
  ],
)
def test_bad_input(mean, logvar, kind, message):
  with pytest.raises(ValueError, match=message):
    losses.covariance_penalty(
      mean, logvar, lambda_od=1.0, lambda_d=1.0, kind=kind
    )
