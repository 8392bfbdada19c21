"""Each loss by hand in float64, from its parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses

NLL = jnp.array([3.0, 5.0, 4.0, 8.0])  # mean 5
JOINT = jnp.array([[1.0, 0.0], [2.0, -1.0], [0.0, 0.5], [0.0, 0.5]])  # mean 3/4


@pytest.fixture
def posterior(draw):
  return draw(4, 3)


@pytest.fixture
def kl(posterior):
  """The batch mean of the KL, float64."""
  _, mean, logvar = (np.asarray(a, np.float64) for a in posterior)
  return np.mean(np.sum(mean**2 + np.exp(logvar) - 1 - logvar, 1)) / 2


def penalty(kind, mean, logvar):
  return losses.covariance_penalty(
    mean, logvar, lambda_od=2.0, lambda_d=3.0, kind=kind
  )


CASES = {
  'vae': (losses.vae, {}, lambda kl, *a: 5 + kl),
  'beta': (losses.beta_vae, {'beta': 4.0}, lambda kl, *a: 5 + 4 * kl),
  'annealed above': (
    losses.annealed_vae,
    {'gamma': 7.0, 'capacity': 0.5},
    lambda kl, *a: 5 + 7 * (kl - 0.5),
  ),
  'annealed below': (
    losses.annealed_vae,
    {'gamma': 7.0, 'capacity': 25.0},
    lambda kl, *a: 5 + 7 * (25 - kl),
  ),
  'tcvae': (
    losses.beta_tcvae,
    {'beta': 6.0},
    lambda kl, *a: 5 + kl + 5 * losses.total_correlation(*a),
  ),
  'tcvae through a channel': (
    losses.beta_tcvae,
    {'beta': 6.0, 'gamma': 7.0, 'capacity': 25.0},
    lambda kl, *a: 5 + 7 * (25 - kl) + 5 * losses.total_correlation(*a),
  ),
  'tcvae mss': (
    losses.beta_tcvae,
    {'beta': 6.0, 'estimator': 'mss', 'dataset_size': 50},
    lambda kl, *a: (
      5
      + kl
      + 5 * losses.kl_decomposition(*a, dataset_size=50, estimator='mss')[1]
    ),
  ),
  'factor': (
    losses.factor_vae,
    {'gamma': 10.0, 'joint_logits': JOINT},
    lambda kl, *a: 5 + kl + 10 * 0.75,
  ),
  'factor through a channel': (
    losses.factor_vae,
    {'gamma': 10.0, 'kl_weight': 7.0, 'capacity': 25.0, 'joint_logits': JOINT},
    lambda kl, *a: 5 + 7 * (25 - kl) + 10 * 0.75,
  ),
  'dip i through a channel': (
    losses.dip_vae,
    {
      'lambda_od': 2.0,
      'lambda_d': 3.0,
      'kl_weight': 7.0,
      'capacity': 25.0,
      'kind': 'i',
    },
    lambda kl, z, *a: 5 + 7 * (25 - kl) + penalty('i', *a),
  ),
  'dip i': (
    losses.dip_vae,
    {'lambda_od': 2.0, 'lambda_d': 3.0, 'kind': 'i'},
    lambda kl, z, *a: 5 + kl + penalty('i', *a),
  ),
  'dip ii': (
    losses.dip_vae,
    {'lambda_od': 2.0, 'lambda_d': 3.0, 'kind': 'ii'},
    lambda kl, z, *a: 5 + kl + penalty('ii', *a),
  ),
  'semi-supervised': (
    losses.semi_supervised,
    {
      'beta': 2.0,
      'gamma_sup': 10.0,
      'labelled_mean': jnp.zeros((6, 3)),
      'labels': jnp.full((6, 2), 0.3),
    },
    lambda kl, *a: 5 + 2 * kl + 10 * 2 * np.log(2),
  ),
  'infogan': (
    losses.infogan,
    {
      'lambda_info': 2.0,
      'fake_logits': jnp.zeros(6),
      'code': jnp.ones((6, 3)),
      'code_mean': jnp.zeros((6, 3)),
      'code_logvar': jnp.zeros((6, 3)),
    },
    # log 2, and -log Q of (1, 1, 1) under N(0, I) is the entropy N(0, I) has.
    lambda kl, *a: np.log(2),
  ),
}


@pytest.mark.parametrize('name', CASES)
def test_by_hand(posterior, kl, name):
  function, options, expected = CASES[name]
  compute = jax.jit(lambda *a: function(NLL, *a, **options))
  loss, terms = compute(*posterior)
  np.testing.assert_allclose(loss, expected(kl, *posterior), rtol=1e-5)
  np.testing.assert_allclose(terms['nll'], 5)
  np.testing.assert_allclose(terms['kl'], kl, rtol=1e-6)


@pytest.mark.parametrize('name', CASES)
def test_bad_shapes(posterior, name):
  function, options, _ = CASES[name]
  z, mean, logvar = posterior
  with pytest.raises(ValueError, match=r'nll of shape \(4,\), got \(4, 1\)'):
    function(NLL[:, None], *posterior, **options)
  with pytest.raises(ValueError, match=r'logvar \(4, 2\)'):
    function(NLL, z, mean, logvar[:, :2], **options)
  with pytest.raises(ValueError, match=r'z \(3, 3\)'):
    function(NLL, z[:3], mean, logvar, **options)


def test_capacity_is_of_the_mean_not_a_mean_of_capacities():
  """KLs of 0 and 2 nats meet a capacity of 1 together."""
  mean = jnp.array([[0.0], [2.0]])
  flat = jnp.zeros_like(mean)
  loss, _ = losses.annealed_vae(
    jnp.zeros(2), flat, mean, flat, gamma=1000.0, capacity=1.0
  )
  np.testing.assert_allclose(loss, 0, atol=1e-5)


@pytest.mark.parametrize('name', ['beta_tcvae', 'dip_vae_i', 'dip_vae_ii'])
def test_a_batch_of_one_is_refused(draw, name):
  entry = losses.OBJECTIVES[name]
  with pytest.raises(ValueError, match=r'at least 2, got \w+ \(1, 3\)'):
    entry.loss(NLL[:1], *draw(1, 3), **entry.hparams, **entry.options)


def test_tcvae_names_its_estimators(posterior):
  with pytest.raises(ValueError, match="'data_free', 'mws', 'mss'"):
    losses.beta_tcvae(NLL, *posterior, beta=2.0, estimator='MWS')
  message = 'dataset_size, an integer of at least 4, got None'
  with pytest.raises(ValueError, match=message):
    losses.beta_tcvae(NLL, *posterior, beta=2.0, estimator='mss')


def test_hyperparameters_may_be_traced(posterior):
  """A trade-off curve is one compilation."""
  curve = jax.jit(
    jax.vmap(lambda beta: losses.beta_tcvae(NLL, *posterior, beta=beta)[0])
  )(jnp.arange(4.0))
  np.testing.assert_allclose(np.diff(curve, n=2), 0, atol=1e-4)
