"""The Gaussian posterior against numerical integration and sampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses


def test_kl_is_the_integral():
  mean, logvar = np.array([[0.0, 1.5, -0.7]]), np.array([[0.0, -2.0, 1.0]])
  x = np.linspace(-30, 30, 200_001)[:, None]
  log_q = -0.5 * ((x - mean) ** 2 / np.exp(logvar) + logvar)
  log_p = -0.5 * x**2
  q = np.exp(log_q) / np.sqrt(2 * np.pi)
  integral = np.sum(q * (log_q - log_p), axis=0) * (x[1] - x[0])
  kl = losses.gaussian_kl(jnp.asarray(mean), jnp.asarray(logvar))
  np.testing.assert_allclose(kl[0], integral, rtol=1e-6, atol=1e-6)


def test_kl_of_a_collapsed_latent_keeps_its_digits():
  logvar = jnp.full((1, 1), 1e-3)
  exact = 0.5 * (np.expm1(1e-3) - 1e-3)
  kl = losses.gaussian_kl(jnp.zeros((1, 1)), logvar)
  np.testing.assert_allclose(kl, exact, rtol=1e-3)


def test_reparameterize_has_the_moments_and_the_gradients():
  mean = jnp.tile(jnp.array([[2.0, -1.0]]), (40_000, 1))
  logvar = jnp.tile(jnp.log(jnp.array([[0.25, 4.0]])), (40_000, 1))
  key = jax.random.key(0)
  z = losses.reparameterize(key, mean, logvar)
  np.testing.assert_allclose(z.mean(0), [2, -1], atol=0.04)
  np.testing.assert_allclose(z.std(0), [0.5, 2], rtol=0.02)
  total = lambda m, v: losses.reparameterize(key, m, v).sum()
  by_mean, by_logvar = jax.grad(total, (0, 1))(mean, logvar)
  np.testing.assert_allclose(by_mean, 1)
  np.testing.assert_allclose(by_logvar, (z - mean) / 2, atol=1e-5)


@pytest.mark.parametrize(
  'mean, logvar, message',
  [
    ((4, 3), (4, 2), r'mean \(4, 3\), logvar \(4, 2\)'),
    ((4, 3), (1, 3), r'mean \(4, 3\), logvar \(1, 3\)'),
    ((4,), (4,), 'expected rank 2'),
  ],
)
def test_bad_shapes(mean, logvar, message):
  with pytest.raises(ValueError, match=message):
    losses.gaussian_kl(jnp.zeros(mean), jnp.zeros(logvar))
  with pytest.raises(ValueError, match=message):
    losses.reparameterize(jax.random.key(0), jnp.zeros(mean), jnp.zeros(logvar))
