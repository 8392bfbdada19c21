"""Likelihoods against their definitions in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from bvae_jax import losses


@pytest.fixture
def outputs_and_images():
  rng = np.random.default_rng(0)
  return rng.normal(size=(5, 4, 3, 2)) * 3, rng.uniform(size=(5, 4, 3, 2))


def test_bernoulli_is_the_sum_of_cross_entropies(outputs_and_images):
  logits, images = outputs_and_images
  p = 1 / (1 + np.exp(-logits))
  log_p = images * np.log(p) + (1 - images) * np.log(1 - p)
  actual = losses.bernoulli_nll(jnp.asarray(logits), jnp.asarray(images))
  np.testing.assert_allclose(actual, -log_p.sum((1, 2, 3)), rtol=1e-6)


def test_bernoulli_of_extreme_logits_and_integers():
  logits = jnp.array([[1e4, -1e4], [1e4, -1e4]])
  images = jnp.array([[1, 0], [0, 1]], jnp.uint8)
  np.testing.assert_array_equal(
    losses.bernoulli_nll(logits, images), [0.0, 2e4]
  )
  grads = jax.grad(lambda x: losses.bernoulli_nll(x, images).sum())(logits)
  np.testing.assert_array_equal(grads, [[0, 0], [1, -1]])


def test_half_precision_is_summed_in_single():
  logits = jnp.zeros((1, 4096), jnp.bfloat16)
  nll = losses.bernoulli_nll(logits, jnp.zeros((1, 4096), jnp.bfloat16))
  assert nll.dtype == jnp.float32
  np.testing.assert_allclose(nll, 4096 * np.log(2), rtol=1e-6)


@pytest.mark.parametrize('scale', [1.0, 0.3])
def test_gaussian_is_the_log_density(outputs_and_images, scale):
  mean, images = outputs_and_images
  density = np.exp(-(((images - mean) / scale) ** 2) / 2)
  log_density = np.log(density / np.sqrt(2 * np.pi * scale**2))
  actual = losses.gaussian_nll(
    jnp.asarray(mean), jnp.asarray(images), scale=scale
  )
  np.testing.assert_allclose(actual, -log_density.sum((1, 2, 3)), rtol=1e-5)


def test_learned_scale_settles_at_the_residual():
  """d nll / d log s = 0 at the root mean square of the residuals."""
  rng = np.random.default_rng(0)
  logits, images = rng.normal(size=(6, 8)), rng.uniform(size=(6, 8))
  residual = images - special.expit(logits)
  log_scale = 0.5 * np.log(np.mean(residual**2))
  mean = lambda name, params: losses.LIKELIHOODS[name](
    params, logits, images
  ).mean()
  nll = jax.jit(
    jax.value_and_grad(
      lambda s: mean('gaussian_learned', {'likelihood': {'log_scale': s}})
    )
  )
  assert abs(nll(log_scale)[1]) < 1e-5
  assert nll(log_scale + 0.1)[1] > 0.1
  fixed = jax.jit(lambda: mean('gaussian', {}))()
  np.testing.assert_allclose(fixed, nll(0.0)[0], rtol=1e-6)


@pytest.mark.parametrize(
  'images, message',
  [
    (jnp.full((2, 3), 255.0), r'\[0, 1\], got values from 255.0 to 255.0'),
    (jnp.full((2, 3), -0.5), r'from -0.5'),
    (jnp.full((2, 3), 1 + 3e-6), r'\[0, 1\]'),
    (jnp.full((2, 3), jnp.nan), 'nan'),
  ],
)
def test_targets_of_bernoulli_are_probabilities(images, message):
  with pytest.raises(ValueError, match=message):
    losses.bernoulli_nll(jnp.zeros((2, 3)), images)


@pytest.mark.parametrize('nll', [losses.bernoulli_nll, losses.gaussian_nll])
@pytest.mark.parametrize(
  'images, message',
  [
    (jnp.full((2, 3), jnp.nan), 'nan'),
    (jnp.zeros((2, 4)), r'outputs \(2, 3\), images \(2, 4\)'),
    (jnp.zeros((1, 3)), r'outputs \(2, 3\), images \(1, 3\)'),
  ],
)
def test_bad_images(nll, images, message):
  with pytest.raises(ValueError, match=message):
    nll(jnp.zeros((2, 3)), images)


@pytest.mark.parametrize('nll', [losses.bernoulli_nll, losses.gaussian_nll])
def test_integers_under_jit_are_refused_by_their_dtype(nll):
  """Their range is hidden there: 255 would be read as a probability."""
  images = np.full((2, 3), 255, np.uint8)
  with pytest.raises(ValueError, match='uint8 under jit.*/ 255'):
    jax.jit(nll)(jnp.zeros((2, 3)), images)
  expected = nll(jnp.zeros((2, 3)), jnp.ones((2, 3)))
  for truth in (images > 0, images / 255):
    actual = jax.jit(nll)(jnp.zeros((2, 3)), truth)
    np.testing.assert_allclose(actual, expected)


def test_rounding_over_one_is_forgiven():
  """What resizing a white image leaves."""
  for dtype, eps in ((jnp.float32, 2e-7), (jnp.bfloat16, 0.0078125)):
    images = jnp.full((1, 400), 1 + eps, dtype)
    assert images.max() > 1
    nll = losses.bernoulli_nll(jnp.zeros((1, 400)), images)
    np.testing.assert_allclose(nll, 400 * np.log(2), rtol=1e-5)


def test_gaussian_takes_any_real_image():
  images = np.random.default_rng(0).normal(size=(2, 5)) * 3
  density = 0.5 * (images**2 + np.log(2 * np.pi))
  for nll in (losses.gaussian_nll, jax.jit(losses.gaussian_nll)):
    actual = nll(jnp.zeros((2, 5)), images)
    np.testing.assert_allclose(actual, density.sum(1), rtol=1e-5)


def test_bad_rank_and_scale():
  with pytest.raises(ValueError, match=r'\(3,\)'):
    losses.bernoulli_nll(jnp.zeros(3), jnp.zeros(3))
  for scale in (0.0, -1.0, jnp.nan):
    with pytest.raises(ValueError, match='scale must be positive'):
      losses.gaussian_nll(jnp.zeros((2, 3)), jnp.zeros((2, 3)), scale=scale)


def test_images_are_checked_where_jit_closes_over_them():
  images = jnp.full((2, 3), 2.0)
  with pytest.raises(ValueError, match='got values from 2.0'):
    jax.jit(lambda x: losses.bernoulli_nll(x, images))(jnp.zeros((2, 3)))
