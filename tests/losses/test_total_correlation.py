"""Estimates of q(z) against loops in float64, and against closed forms."""

import importlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses

# The package's attribute of this name is the function.
module = importlib.import_module('bvae_jax.losses.total_correlation')
ESTIMATORS, _log_weights = module.ESTIMATORS, module._log_weights
N = 100

# One program each: their operations one by one take longer to compile.
kl_decomposition = jax.jit(
  losses.kl_decomposition,
  static_argnames=('dataset_size', 'estimator', 'num_categories'),
)


def weights_by_hand(batch, size, estimator):
  """w_ji, row by row, from the text of Chen et al. 2018."""
  if estimator == 'mws':
    return np.full((batch, batch), 1 / (size * batch))
  m = batch - 1
  weights = np.full((batch, batch), 1 / m)
  for j in range(batch):
    weights[j, j] = 1 / size
    weights[j, (j + 1) % batch] = (size - m) / (size * m)
  return weights


def decomposition_by_hand(z, mean, logvar, weights):
  """MI, TC and dimension-wise KL by loops over points and densities."""
  z, mean, logvar = (np.asarray(a, np.float64) for a in (z, mean, logvar))
  normal = lambda x, m, v: (
    np.exp(-((x - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
  )
  rows = []
  for j in range(len(z)):
    density = normal(z[j], mean, np.exp(logvar))  # [B, D]
    joint = np.log(np.sum(weights[j] * density.prod(1)))
    marginals = np.log(weights[j] @ density).sum()
    own = np.log(density[j].prod())
    prior = np.log(normal(z[j], 0, 1).prod())
    rows.append([own - joint, joint - marginals, marginals - prior])
  return np.mean(rows, axis=0)


@pytest.mark.parametrize('estimator', ESTIMATORS)
@pytest.mark.parametrize('batch, size', [(2, N), (7, N), (7, 7)])
def test_decomposition_by_hand(draw, estimator, batch, size):
  arrays = draw(batch, 3)
  weights = weights_by_hand(batch, size, estimator)
  parts = kl_decomposition(*arrays, dataset_size=size, estimator=estimator)
  np.testing.assert_allclose(
    parts, decomposition_by_hand(*arrays, weights), rtol=2e-5, atol=1e-5
  )


@pytest.mark.parametrize('batch, size', [(2, 9), (7, 7), (64, 737_280)])
def test_stratified_rows_sum_to_one(batch, size):
  weights = np.exp(_log_weights(batch, size, 'mss'))
  np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)
  np.testing.assert_allclose(np.diagonal(weights), 1 / size, rtol=1e-6)
  expected = weights_by_hand(batch, size, 'mss')
  np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_stratified_estimate_of_the_density_is_unbiased():
  """Averaged over all ordered batches that hold x_0, it is q(z_0) itself."""
  size, batch = 5, 3
  density = np.random.default_rng(0).uniform(size=size)  # q(z_0 | x_i)
  weights = np.exp(_log_weights(batch, size, 'mss'))[0]
  estimates = [
    weights @ density[[0, *others]]
    for others in itertools.permutations(range(1, size), batch - 1)
  ]
  np.testing.assert_allclose(np.mean(estimates), density.mean(), rtol=1e-6)


def test_data_free_form_is_mws_up_to_a_constant(draw):
  arrays = draw(16, 4)
  of_mws = lambda *a: (
    losses.kl_decomposition(*a, dataset_size=N).total_correlation
  )
  (free, grads), (mws, mws_grads) = (
    jax.jit(jax.value_and_grad(form, (0, 1, 2)))(*arrays)
    for form in (losses.total_correlation, of_mws)
  )
  np.testing.assert_allclose(mws, free + 3 * np.log(N * 16), rtol=1e-5)
  np.testing.assert_allclose(grads, mws_grads, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('estimator', ESTIMATORS)
def test_blocks_of_rows_equal_the_whole(draw, monkeypatch, estimator):
  """Values and gradients, also where the blocks do not divide the batch."""
  arrays = draw(24, 4)

  def run():
    def terms(*arrays):  # made anew, since JAX keeps what it has traced
      parts = losses.kl_decomposition(
        *arrays, dataset_size=N, estimator=estimator
      )
      return jnp.stack([*parts, losses.total_correlation(*arrays)])

    def step(*arrays):
      values, pullback = jax.vjp(terms, *arrays)
      return values, jax.vmap(pullback)(jnp.eye(len(values)))

    traced = jax.jit(step).trace(*arrays)
    values, grads = traced.lower().compile()(*arrays)
    return 'scan' in str(traced.jaxpr), values, grads

  in_blocks, values, grads = run()
  assert not in_blocks
  for rows in (5, 8):
    monkeypatch.setattr(module, 'BLOCK', rows * arrays[0].size)
    in_blocks, blocked_values, blocked_grads = run()
    assert in_blocks
    np.testing.assert_allclose(blocked_values, values, rtol=1e-6)
    for blocked, whole in zip(blocked_grads, grads, strict=True):
      np.testing.assert_allclose(blocked, whole, rtol=1e-5, atol=1e-6)


def test_a_large_batch_never_holds_all_pairs():
  shape = jax.ShapeDtypeStruct((1024, 10), jnp.float32)
  step = jax.jit(jax.value_and_grad(losses.total_correlation, (0, 1, 2)))
  stats = step.lower(shape, shape, shape).compile().memory_analysis()
  assert stats.temp_size_in_bytes < 4 * 1024 * 1024 * 10


@pytest.mark.parametrize('estimator', ESTIMATORS)
def test_terms_add_up_to_the_sampled_kl(draw, estimator):
  z, mean, logvar = draw(32, 5)
  parts = kl_decomposition(z, mean, logvar, dataset_size=N, estimator=estimator)
  noise = np.asarray((z - mean) * np.exp(-0.5 * logvar), np.float64)
  sampled = 0.5 * np.sum(z**2 - logvar - noise**2, axis=1).mean()
  np.testing.assert_allclose(sum(parts), sampled, rtol=1e-4)
  np.testing.assert_allclose(
    parts.mutual_information + parts.marginal_kl, sampled, rtol=1e-4
  )
  apart = 1e3 * np.arange(4.0)[:, None] * np.ones(2)  # no two overlap
  most = kl_decomposition(
    apart, apart, 0 * apart, dataset_size=N, estimator=estimator
  )
  np.testing.assert_allclose(
    most.mutual_information, np.log(N * {'mws': 4, 'mss': 1}[estimator]), 1e-5
  )


def test_gaussian_aggregate_has_its_closed_form():
  """The batch is the data set: means ~ N(0, S), so q(z) = N(0, S + s^2 I)."""
  points, variance = 1000, 0.3
  spread = np.array([[1.0, 0.8, 0.0], [0.8, 1.2, 0.3], [0.0, 0.3, 0.5]])
  aggregate = spread + variance * np.eye(3)
  rng = np.random.default_rng(0)
  mean = rng.multivariate_normal(np.zeros(3), spread, size=points)
  z = mean + np.sqrt(variance) * rng.normal(size=mean.shape)
  logvar = np.full(mean.shape, np.log(variance))
  parts = kl_decomposition(
    *(jnp.asarray(a, jnp.float32) for a in (z, mean, logvar)),
    dataset_size=points,
    estimator='mss',
  )
  log_det = np.linalg.slogdet(aggregate)[1]
  marginal = np.diagonal(aggregate)
  information = 0.5 * (log_det - 3 * np.log(variance))
  correlation = 0.5 * (np.log(marginal).sum() - log_det)
  dimension_wise = 0.5 * np.sum(marginal - 1 - np.log(marginal))
  np.testing.assert_allclose(
    parts, [information, correlation, dimension_wise], atol=0.08
  )
  kl = losses.gaussian_kl(jnp.asarray(mean), jnp.asarray(logvar))
  np.testing.assert_allclose(sum(parts), kl.sum(1).mean(), atol=0.08)


def test_a_category_is_one_latent_of_the_decomposition():
  """Codes that give the category away: MI log C, TC 0, uniform marginal."""
  labels = np.arange(12) % 3
  z = jax.nn.one_hot(labels, 3)
  logits = 40.0 * z
  parts = kl_decomposition(
    z, logits, jnp.zeros_like(z), dataset_size=1, num_categories=3
  )
  # With N = 1, 'mws' is the mean over the batch.
  np.testing.assert_allclose(parts, [np.log(3), 0, 0], atol=1e-5)
  rng = np.random.default_rng(0)
  mean = np.concatenate([rng.normal(size=(12, 2)), logits], axis=1)
  code = np.concatenate([mean[:, :2], z], axis=1)
  both = kl_decomposition(
    *(jnp.asarray(a) for a in (code, mean, np.zeros_like(mean))),
    dataset_size=1,
    num_categories=3,
  )
  alone = kl_decomposition(
    *(jnp.asarray(a) for a in (code[:, :2], mean[:, :2], np.zeros((12, 2)))),
    dataset_size=1,
  )
  np.testing.assert_allclose(
    both.dimension_wise_kl, alone.dimension_wise_kl, atol=1e-5
  )


def test_independent_latents_have_no_total_correlation():
  """On a grid of means q(z) factorises exactly; MWS of N = 1 averages it."""
  axis = np.linspace(-1, 1, 8)
  mean = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
  rng = np.random.default_rng(0)
  z = mean + 0.2 * rng.normal(size=mean.shape)
  parts = kl_decomposition(
    *(jnp.asarray(a) for a in (z, mean, np.full(mean.shape, np.log(0.04)))),
    dataset_size=1,
  )
  np.testing.assert_allclose(parts.total_correlation, 0, atol=1e-5)


@pytest.mark.parametrize(
  'shapes, options, message',
  [
    ([(1, 3)] * 3, {}, r'at least 2, got z \(1, 3\)'),
    ([(4, 3), (4, 2), (4, 3)], {}, r'mean \(4, 2\)'),
    ([(4, 3), (1, 3), (1, 3)], {}, r'z \(4, 3\), mean \(1, 3\)'),
    ([(4,)] * 3, {}, 'expected rank 2'),
    ([(4, 3)] * 3, {'estimator': 'exact'}, "'exact'.*'mws', 'mss'"),
    ([(4, 3)] * 3, {'dataset_size': 9.5}, "'mws'.*dataset_size.*9.5"),
    ([(4, 3)] * 3, {'num_categories': 1}, 'num_categories .*got 1'),
    ([(4, 3)] * 3, {'num_categories': 4}, '3 columns of mean .*got 4'),
    ([(4, 3)] * 3, {'dataset_size': None}, "'mws'.*dataset_size.*None"),
    ([(4, 3)] * 3, {'dataset_size': 0}, 'at least 1, got 0'),
    (
      [(4, 3)] * 3,
      {'dataset_size': 3, 'estimator': 'mss'},
      "'mss' with a batch of 4 needs a dataset_size, an integer of at least 4, "
      'got 3',
    ),
  ],
)
def test_bad_input(shapes, options, message):
  arrays = [jnp.zeros(shape) for shape in shapes]
  with pytest.raises(ValueError, match=message):
    losses.kl_decomposition(*arrays, **{'dataset_size': N, **options})
  if not options:
    with pytest.raises(ValueError, match=message):
      losses.total_correlation(*arrays)
