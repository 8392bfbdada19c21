"""Adversaries at their optima, and the density ratio that they measure."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses

CORRELATION = 0.8


def optimal_logits(z):
  """log q(z) and log q(z_1) q(z_2) of a Gaussian of unit variances."""
  precision = np.linalg.inv([[1, CORRELATION], [CORRELATION, 1]])
  joint = -0.5 * np.einsum('bi,ij,bj->b', z, precision, z)
  joint -= 0.5 * np.log(1 - CORRELATION**2)
  return jnp.asarray(np.stack([joint, -0.5 * np.sum(z**2, 1)], 1))


def draws(points=40_000):
  rng = np.random.default_rng(0)
  covariance = [[1, CORRELATION], [CORRELATION, 1]]
  joint = rng.multivariate_normal([0, 0], covariance, size=points)
  return joint, np.asarray(losses.permute_dims(jax.random.key(0), joint))


def test_optimal_discriminator_sees_the_total_correlation():
  exact = -0.5 * np.log(1 - CORRELATION**2)
  estimate = losses.density_ratio_tc(optimal_logits(draws()[0]))
  np.testing.assert_allclose(estimate, exact, atol=0.01)


def test_optimal_discriminator_beats_its_neighbours():
  joint, permuted = (optimal_logits(z) for z in draws())
  best = losses.discriminator_loss(joint, permuted)
  assert best < np.log(2)
  for factor in (0.8, 1.25):
    assert losses.discriminator_loss(factor * joint, factor * permuted) > best
  assert losses.discriminator_accuracy(joint, permuted) > 0.6


def test_permute_dims_breaks_the_rows_and_keeps_the_columns():
  z, permuted = draws()
  np.testing.assert_allclose(np.sort(permuted, 0), np.sort(z, 0), rtol=1e-6)
  assert abs(np.corrcoef(permuted.T)[0, 1]) < 0.02
  rows = np.arange(24.0).reshape(8, 3)
  moved = losses.permute_dims(jax.random.key(1), jnp.asarray(rows)) // 3
  assert not np.array_equal(moved[:, 0], moved[:, 1])
  assert not np.array_equal(moved[:, 0], moved[:, 2])


def test_discriminator_loss_by_hand():
  joint = jnp.array([[2.0, 0.0], [0.0, 1.0]])
  permuted = jnp.array([[1.0, 1.0], [-3.0, 0.0]])
  log_softmax = lambda a, b: a - np.log(np.exp(a) + np.exp(b))
  expected = -0.25 * (
    log_softmax(2, 0) + log_softmax(0, 1) - np.log(2) + log_softmax(0, -3)
  )
  actual = losses.discriminator_loss(joint, permuted)
  np.testing.assert_allclose(actual, expected, rtol=1e-6)
  np.testing.assert_allclose(losses.density_ratio_tc(joint), 0.5)
  np.testing.assert_allclose(
    losses.discriminator_accuracy(joint, permuted), (1 + 0 + 0.5 + 1) / 4
  )


def test_gan_losses_by_hand():
  real, fake = jnp.array([0.0, 2.0]), jnp.array([0.0, -1.0])
  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  expected = -np.mean(np.log(sigmoid(np.array([0, 2.0]))))
  expected -= np.mean(np.log(1 - sigmoid(np.array([0, -1.0]))))
  actual = losses.gan_discriminator_loss(real, fake)
  np.testing.assert_allclose(actual, expected, rtol=1e-6)
  np.testing.assert_allclose(
    losses.gan_generator_loss(fake),
    -np.mean(np.log(sigmoid(np.array([0, -1.0])))),
    rtol=1e-6,
  )
  # A generator that is found out for certain still has a slope to follow.
  slope = jax.grad(losses.gan_generator_loss)(jnp.array([-50.0]))
  np.testing.assert_allclose(slope, -1)


@pytest.mark.parametrize(
  'call, message',
  [
    (lambda a: losses.permute_dims(jax.random.key(0), a(1, 3)), r'\(1, 3\)'),
    (lambda a: losses.discriminator_loss(a(4, 2), a(3, 2)), r'\(3, 2\)'),
    (lambda a: losses.discriminator_loss(a(4, 1), a(4, 1)), r'\(4, 1\)'),
    (lambda a: losses.density_ratio_tc(a(4)), 'expected rank 2'),
    (lambda a: losses.gan_discriminator_loss(a(4), a(3)), r'\(3,\)'),
    (lambda a: losses.gan_generator_loss(a(4, 2)), 'expected rank 1'),
  ],
)
def test_bad_input(call, message):
  with pytest.raises(ValueError, match=message):
    call(lambda *shape: jnp.zeros(shape))
