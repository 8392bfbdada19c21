"""The total correlation that is shown, against its closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses


@pytest.fixture(scope='module')
def estimate():
  compiled = jax.jit(losses.gaussian_total_correlation)
  return lambda z, seed=0: compiled(jax.random.key(seed), z)


@pytest.mark.parametrize('correlation', [0.0, 0.5, 0.9])
def test_it_is_that_of_the_gaussian_within_its_error(estimate, correlation):
  covariance = np.eye(10)
  covariance[0, 1] = covariance[1, 0] = correlation
  exact = -0.5 * np.log(1 - correlation**2)
  values = []
  for seed in range(8):
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal(np.zeros(10), covariance, size=256)
    value, error = estimate(z, seed)
    assert 0.005 < error < 0.05
    if not correlation:
      assert abs(value) < 4 * error
    values.append(value)
  np.testing.assert_allclose(np.mean(values), exact, atol=0.04)


def test_scale_shift_and_constant_latents_change_nothing(estimate):
  z = np.random.default_rng(0).normal(size=(256, 10)) @ np.ones((10, 10))
  z = z + 3 * np.random.default_rng(1).normal(size=z.shape)
  z[:, 7] = 0.3
  moved = 1e-3 * z
  moved[:, :3] += 5
  value, _ = estimate(z)
  assert np.isfinite(value) and value > 1
  np.testing.assert_allclose(estimate(moved)[0], value, rtol=1e-3)
  # So neither does the gradient move a latent along itself, or all of it.
  slope = jax.jit(jax.grad(lambda z: estimate(z)[0]))(jnp.asarray(z))
  assert not slope[:, 7].any() and np.abs(slope).max() > 1e-3
  for along in (slope, slope * z):
    np.testing.assert_allclose(along.sum(0), 0, atol=1e-4)


def test_bad_input():
  with pytest.raises(ValueError, match=r'at least 11, got z \(10, 10\)'):
    losses.gaussian_total_correlation(jax.random.key(0), jnp.zeros((10, 10)))
  with pytest.raises(ValueError, match='num_permutations.*2, got 1'):
    losses.gaussian_total_correlation(
      jax.random.key(0), jnp.zeros((10, 2)), num_permutations=1
    )
