"""Losses in at least float32, whatever the type and the size of the inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from bvae_jax import losses

N = 1000


def exact_parts(z, mean, logvar):
  """MI, TC and dimension-wise KL of 'mws' in float64."""
  z, mean, logvar = (np.asarray(a, np.float64) for a in (z, mean, logvar))
  log_q = -0.5 * (
    (z[:, None] - mean) ** 2 * np.exp(-logvar) + logvar + np.log(2 * np.pi)
  )
  weight = -np.log(N * len(z))
  own = np.diagonal(log_q.sum(2))
  joint = logsumexp(weight + log_q.sum(2), axis=1)
  marginals = logsumexp(weight + log_q, axis=1).sum(1)
  prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(1)
  parts = own - joint, joint - marginals, marginals - prior
  return np.mean(parts, axis=1)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_half_precision_posteriors_are_summed_in_single(draw, dtype):
  """The very same rounded inputs in float64 are the right answer."""
  z, mean, logvar = (a.astype(dtype) for a in draw(32, 6))

  @jax.jit  # or each operation is compiled by itself
  def compute(z, mean, logvar):
    args = jnp.zeros(32, dtype), z, mean, logvar
    return {
      'parts': losses.kl_decomposition(z, mean, logvar, dataset_size=N),
      'kl': losses.gaussian_kl(mean, logvar),
      'dip': losses.dip_vae(*args, lambda_od=1.0, lambda_d=1.0, kind='ii'),
      'hfs': losses.hfs(*args, beta=1.0, gamma=1.0, delta=1.0),
      'codes': losses.tripod(
        *args[:3], multiinformation=1.0, hessian=1.0, share=args[0]
      ),
      'pair': losses.aggregate_pair(mean, logvar, z, logvar, kind='gvae').mean,
    }

  found = compute(z, mean, logvar)
  assert {x.dtype.name for x in jax.tree.leaves(found)} == {'float32'}
  exact = exact_parts(z, mean, logvar)
  np.testing.assert_allclose(found['parts'], exact, atol=1e-3)
  m, v = (np.asarray(a, np.float64) for a in (mean, logvar))
  kl = (m**2 + np.expm1(v) - v) / 2
  np.testing.assert_allclose(found['kl'], kl, rtol=1e-5)
  shrunk = np.maximum(1 - m.std(0), 0).sum()
  support = found['hfs'][1]
  np.testing.assert_allclose(support['support_shrinkage'], shrunk, rtol=1e-5)


def test_half_precision_does_not_overflow():
  half = lambda x: jnp.full((2, 1), x, jnp.float16)
  np.testing.assert_allclose(losses.gaussian_kl(half(300.0), half(0.0)), 45000)
  logits = jnp.array([[300.0, -300.0]] * 2, jnp.float16)
  np.testing.assert_allclose(losses.discriminator_loss(logits, -logits), 0)
  np.testing.assert_allclose(losses.density_ratio_tc(logits), 600)


@jax.jit
def _at_vanishing(mean, logvar):
  z = losses.reparameterize(jax.random.key(0), mean, logvar)
  value_and_grad = jax.value_and_grad(losses.total_correlation, (0, 1, 2))
  pair = losses.aggregate_pair(mean, logvar, mean, logvar, kind='mlvae')
  return *value_and_grad(z, mean, logvar), pair


@pytest.mark.parametrize('x64', [False, True])
@pytest.mark.parametrize('logvar', [-30.0, -80.0, -95.0, -120.0])
def test_vanishing_variances(x64, logvar):
  """Each sample lies on its own posterior alone: the data-free TC is 0."""
  with jax.enable_x64(x64):
    mean = jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), float)
    spread = jnp.full(mean.shape, logvar)
    value, grads, pair = _at_vanishing(mean, spread)
    np.testing.assert_allclose(value, 0, atol=1e-4)
    assert all(np.isfinite(g).all() for g in grads)
    np.testing.assert_allclose(grads[2], 0, atol=1e-5)
    assert np.isfinite(pair.mean).all()


def test_scaled_square_keeps_its_gradient_where_it_rescales():
  """d (x^2 e^-v) / dv = -x^2 e^-v, at logvar -95 as at -1."""
  from bvae_jax.losses import divergence

  for logvar in (-1.0, -95.0):
    x = 3 * np.exp(0.5 * logvar)
    value, slope = jax.value_and_grad(divergence.scaled_square, 1)(
      jnp.float32(x), jnp.float32(logvar)
    )
    np.testing.assert_allclose([value, slope], [9, -9], rtol=1e-4)


def test_complex_numbers_are_refused():
  bad = jnp.ones((4, 2), jnp.complex64)
  with pytest.raises(ValueError, match='real numbers, got complex64'):
    losses.gaussian_kl(bad, bad)
