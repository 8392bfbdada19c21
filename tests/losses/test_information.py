"""InfoGAN's codes: densities by hand, and the bound at its optimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses

CATEGORIES = 3


@pytest.fixture
def code():
  return losses.sample_prior(
    jax.random.key(0), (30_000, 5), num_categories=CATEGORIES
  )


def test_prior_has_its_moments(code):
  np.testing.assert_allclose(code[:, :2].mean(0), 0, atol=0.02)
  np.testing.assert_allclose(code[:, :2].var(0), 1, rtol=0.03)
  np.testing.assert_array_equal(code[:, 2:].sum(1), 1)
  np.testing.assert_allclose(code[:, 2:].mean(0), 1 / 3, atol=0.01)


def test_the_uniform_prior_has_the_moments_of_the_normal():
  code = losses.sample_prior(
    jax.random.key(0), (30_000, 5), num_categories=3, prior='uniform'
  )
  square = code[:, :2]
  np.testing.assert_allclose(square.mean(0), 0, atol=0.02)
  np.testing.assert_allclose(square.var(0), 1, rtol=0.03)
  assert 1.72 < np.abs(square).max() <= np.float32(np.sqrt(3))
  np.testing.assert_array_equal(code[:, 2:].sum(1), 1)
  # A square of side 2 sqrt 3, and three categories.
  entropy = losses.code_entropy(5, num_categories=3, prior='uniform')
  np.testing.assert_allclose(entropy, np.log(12.0) + np.log(3.0))
  with pytest.raises(ValueError, match="prior.*'round'"):
    losses.sample_prior(jax.random.key(0), (3, 2), prior='round')


def test_nll_by_hand():
  code = jnp.array([[0.3, 0.0, 1.0], [-1.0, 1.0, 0.0]])
  mean = jnp.array([[0.0, 1.0, 2.0], [1.0, 0.5, 0.5]])
  logvar = jnp.log(jnp.array([[0.5, 9.0, 9.0], [2.0, 9.0, 9.0]]))
  continuous = [
    0.5 * (0.3**2 / 0.5 + np.log(2 * np.pi * 0.5)),
    0.5 * (4 / 2 + np.log(2 * np.pi * 2)),
  ]
  categorical = [np.log(1 + np.exp(-1)), np.log(2)]
  nll = losses.code_nll(code, mean, logvar, num_categories=2)
  np.testing.assert_allclose(nll, np.add(continuous, categorical), rtol=1e-6)


def test_a_q_that_knows_nothing_bounds_by_zero(code):
  """Q = prior: E[-log Q] = H(c), and its KL from the prior is 0."""
  flat = jnp.zeros_like(code)
  nll = losses.code_nll(code, flat, flat, num_categories=CATEGORIES)
  entropy = losses.code_entropy(5, num_categories=CATEGORIES)
  np.testing.assert_allclose(nll.mean(), entropy, atol=0.02)
  kl = losses.code_kl(flat, flat, num_categories=CATEGORIES)
  np.testing.assert_allclose(kl, 0, atol=1e-6)


def test_optimal_q_reaches_the_mutual_information(code):
  """x = c + noise of variance v: I = log(1 + 1/v) / 2 each, plus log C."""
  variance = 0.25
  noise = jax.random.normal(jax.random.key(1), code.shape)
  x = code + np.sqrt(variance) * noise
  logits = jnp.where(code > 0.5, 50.0, -50.0)  # the category in full
  mean = (x / (1 + variance)).at[:, 2:].set(logits[:, 2:])
  logvar = jnp.full_like(mean, np.log(variance / (1 + variance)))
  nll = losses.code_nll(code, mean, logvar, num_categories=CATEGORIES)
  entropy = losses.code_entropy(5, num_categories=CATEGORIES)
  exact = np.log(1 + 1 / variance) + np.log(CATEGORIES)
  np.testing.assert_allclose(entropy - nll.mean(), exact, atol=0.02)


def test_kl_of_categories_by_hand():
  mean = jnp.array([[0.5, 1.0, -2.0, 0.0]])
  logvar = jnp.array([[-1.0, 3.0, 3.0, 3.0]])
  kl = losses.code_kl(mean, logvar, num_categories=CATEGORIES)
  p = np.exp([1.0, -2.0, 0.0])
  p = p / p.sum()
  np.testing.assert_allclose(kl[0, 1:].sum(), np.sum(p * np.log(3 * p)), 1e-5)
  assert np.all(kl >= 0)
  gaussian = losses.gaussian_kl(mean, logvar)
  np.testing.assert_allclose(kl[0, 0], gaussian[0, 0])
  np.testing.assert_allclose(losses.code_kl(mean, logvar), gaussian)


def test_posterior_samples_follow_the_logits():
  mean = jnp.tile(jnp.log(jnp.array([[1.0, 0.7, 0.2, 0.1]])), (30_000, 1))
  logvar = jnp.zeros_like(mean)
  z = losses.sample_posterior(
    jax.random.key(0), mean, logvar, num_categories=CATEGORIES
  )
  np.testing.assert_allclose(z[:, 1:].mean(0), [0.7, 0.2, 0.1], atol=0.01)
  np.testing.assert_allclose([z[:, 0].mean(), z[:, 0].std()], [0, 1], atol=0.02)


@pytest.mark.parametrize('num_categories', [-1, 1, 5])
def test_impossible_categories(num_categories):
  array = jnp.zeros((2, 4))
  match = rf'mean \(2, 4\), got {num_categories}'
  with pytest.raises(ValueError, match=match):
    losses.code_nll(array, array, array, num_categories=num_categories)
  with pytest.raises(ValueError, match=match):
    losses.code_kl(array, array, num_categories=num_categories)
  with pytest.raises(ValueError, match=match):
    losses.sample_prior(
      jax.random.key(0), (2, 4), num_categories=num_categories
    )
  with pytest.raises(ValueError, match=rf'4 columns .* got {num_categories}'):
    losses.code_entropy(4, num_categories=num_categories)
