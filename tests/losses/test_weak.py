"""Aggregation of pairs against a loop over pairs and latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses

aggregate_pair = jax.jit(losses.aggregate_pair, static_argnames='kind')


def by_hand(m1, v1, m2, v2, kind):
  """Means and variances of both images, from the text of the paper."""
  m1, v1, m2, v2 = (a.copy() for a in (m1, v1, m2, v2))
  for b in range(len(m1)):
    kl = [
      np.log(np.sqrt(v2[b, d] / v1[b, d]))
      + (v1[b, d] + (m1[b, d] - m2[b, d]) ** 2) / (2 * v2[b, d])
      - 0.5
      for d in range(m1.shape[1])
    ]
    threshold = (min(kl) + max(kl)) / 2
    for d in range(m1.shape[1]):
      if kl[d] >= threshold:
        continue
      a, b_, p, q = m1[b, d], m2[b, d], v1[b, d], v2[b, d]
      if kind == 'gvae':
        mean, variance = (a + b_) / 2, (p + q) / 2
      else:
        variance = 1 / (1 / p + 1 / q)
        mean = variance * (a / p + b_ / q)
      m1[b, d] = m2[b, d] = mean
      v1[b, d] = v2[b, d] = variance
  return m1, np.log(v1), m2, np.log(v2)


@pytest.mark.parametrize('kind', ['gvae', 'mlvae'])
def test_by_hand(kind):
  rng = np.random.default_rng(0)
  m1, m2 = rng.normal(size=(2, 6, 5))
  v1, v2 = rng.uniform(0.1, 1.0, size=(2, 6, 5))
  arrays = [jnp.asarray(a) for a in (m1, np.log(v1), m2, np.log(v2))]
  pair = aggregate_pair(*arrays, kind=kind)
  expected = by_hand(m1, v1, m2, v2, kind)
  for actual, value in zip(pair, expected):
    np.testing.assert_allclose(actual, value, rtol=1e-5, atol=1e-6)
  np.testing.assert_array_equal(pair.shared, expected[0] == expected[2])
  assert 0 < pair.shared.mean() < 1


@pytest.mark.parametrize('kind', ['gvae', 'mlvae'])
def test_the_changed_latent_stays_apart(kind):
  mean, logvar = jnp.zeros((1, 3)), jnp.log(jnp.full((1, 3), 0.5))
  moved = jnp.array([[0.1, 4.0, -0.2]])
  pair = aggregate_pair(mean, logvar, moved, logvar, kind=kind)
  np.testing.assert_array_equal(pair.shared, [[True, False, True]])
  np.testing.assert_allclose(pair.mean, [[0.05, 0.0, -0.1]], atol=1e-7)
  np.testing.assert_allclose(pair.pair_mean, [[0.05, 4.0, -0.1]], atol=1e-7)
  variance = 0.5 if kind == 'gvae' else 0.25
  np.testing.assert_allclose(
    jnp.exp(pair.logvar), [[variance, 0.5, variance]], rtol=1e-6
  )


def test_a_pair_of_one_image_is_left_alone(draw):
  _, mean, logvar = draw(5, 4)
  pair = aggregate_pair(mean, logvar, mean, logvar, kind='gvae')
  np.testing.assert_allclose(pair.mean, mean)
  np.testing.assert_allclose(pair.pair_logvar, logvar, atol=1e-6)


@pytest.mark.parametrize('kind', ['gvae', 'mlvae'])
def test_gradients_reach_both_images(draw, kind):
  _, mean, logvar = draw(5, 4)
  _, other, other_logvar = draw(5, 4, seed=1)
  total = lambda *a: losses.aggregate_pair(*a, kind=kind).mean.sum()
  by_first, _, by_second, _ = jax.jit(jax.grad(total, range(4)))(
    mean, logvar, other, other_logvar
  )
  np.testing.assert_allclose(by_first + by_second, 1, rtol=1e-6)


def test_bad_input():
  good = jnp.zeros((3, 2))
  with pytest.raises(ValueError, match="'ml'.*'gvae', 'mlvae'"):
    losses.aggregate_pair(good, good, good, good, kind='ml')
  with pytest.raises(ValueError, match=r'pair_mean \(2, 2\)'):
    losses.aggregate_pair(good, good, good[:2], good, kind='gvae')
