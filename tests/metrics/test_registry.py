"""The whole registry: pinned values, transforms, invariances, bounds."""

import contextlib
import doctest
import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import metrics
from bvae_jax.metrics import _labels

SIZES = (3, 4, 5)
# The values of downstream and UDR stand beside their references (the eight
# fits of the former compile slowly). What a few labels say depends on which.
NAMES = [
  name
  for name, metric in metrics.METRICS.items()
  if metric.needs != 'population'
  and name not in ('downstream', 'few_labels', 'infomec_discrete')
]
# What the metric claims not to depend on, beyond the order of latents.
SCALES = {'mig', 'irs', 'infomec', 'modularity_explicitness', 'dci'}
KEYED = {'dci', 'fairness'}  # Ties between latents are broken by a key.
# Ends of an iterative fit, good to its tolerance.
FITTED = {'infoe', 'explicitness_train', 'explicitness_test'}
UNBOUNDED = {
  'num_active',
  'gaussian_total_correlation',
  'gaussian_wasserstein_correlation',
  'mutual_info_score',
}
# Boosted trees choose between near ties by rounding; ends of an iterative fit
# are good to its tolerance, and ranks of near ties.
SLACK = {'dci': 0.01, 'fairness': 0.02, 'modularity_explicitness': 2e-3}
# On codes of RandomState 1, as computed; a change must be meant.
GOLDEN = {
  'beta_vae_score': {'eval_accuracy': 1.0, 'train_accuracy': 1.0},
  'factor_vae_score': {
    'eval_accuracy': 1.0,
    'num_active': 4.0,
    'train_accuracy': 1.0,
  },
  'mig': {'mig': 0.3781072},
  'mig_sampled': {'mig_sampled': 0.4216613},
  'dci': {
    'disentanglement': 0.4843193,
    'completeness': 0.4761244,
    'informativeness_train': 1.0,
    'informativeness_test': 0.8,
  },
  'sap': {'sap': 0.18},
  'modularity_explicitness': {
    'explicitness_test': 0.9208337,
    'explicitness_train': 0.945415,
    'modularity': 0.7588133,
  },
  'irs': {'irs': 0.5651169},
  'infomec': {
    'infoc': 0.6891797,
    'infoe': 0.7392266,
    'infom': 0.7141271,
    'num_active': 4.0,
  },
  'unsupervised': {
    'gaussian_total_correlation': 0.1410611,
    'gaussian_wasserstein_correlation': 0.1289378,
    'gaussian_wasserstein_correlation_norm': 0.0229839,
    'mutual_info_score': 0.8391437,
  },
  'fairness': {'unfairness': 0.0662792, 'unfairness_max': 0.205},
}


def make_sample(make_case, kind, num=150):
  case = make_case(kind, num, num)
  return metrics.Sample(*case.split, case.table, np.full_like(case.table, -2.0))


@pytest.fixture(name='sample')
def leaky_sample(make_case):
  return make_sample(make_case, 'leaky')


def scores_of(name, sample):
  found = metrics.METRICS[name].compute(jax.random.key(0), sample, SIZES).scores
  return {score: float(value) for score, value in found.items()}


def moved(name, sample):
  """Other orders and signs, and, where claimed, scale, shift and labels."""
  random = np.random.RandomState(2)
  latents = random.permutation(sample.codes.shape[1])
  points = random.permutation(len(sample.codes))
  signs = random.choice([-1.0, 1.0], len(latents))
  scale, shift = (8.0, 3.0) if name in SCALES else (1.0, 0.0)

  def codes(values):
    return (values[:, latents] * signs * scale + shift).astype(np.float32)

  grid = name == 'fairness'
  values = [np.arange(k) if grid else random.permutation(k) for k in SIZES]

  def labels(factors):
    columns = [value[column] for value, column in zip(values, factors.T)]
    return np.stack(columns, 1).astype(np.int32)

  return metrics.Sample(
    codes(sample.codes)[points],
    labels(sample.factors)[points],
    codes(sample.test_codes),
    labels(sample.test_factors),
    codes(sample.code_table),
    sample.logvar_table[:, latents],
  )


@pytest.mark.parametrize('name', NAMES)
def test_values_and_invariances(name, sample):
  found, again = scores_of(name, sample), scores_of(name, moved(name, sample))
  assert set(found) == set(GOLDEN[name])
  for score, value in found.items():
    exact = 3e-3 if name in KEYED else 1e-3 if score in FITTED else 1e-6
    assert value == pytest.approx(GOLDEN[name][score], abs=exact), score
    slack = 0.05 if name in KEYED else 0.02
    assert again[score] == pytest.approx(value, abs=slack), score
    if score not in UNBOUNDED:
      assert -1e-6 <= value <= 1 + 1e-6, score


@pytest.mark.parametrize('name', NAMES)
def test_jit_of_vmap_equals_the_eager_loop(name, make_case):
  metric = metrics.METRICS[name]
  samples = [make_sample(make_case, kind) for kind in ('leaky', 'rotated')]
  keys = jax.random.split(jax.random.key(0))
  axes = metrics.Sample(0, None, 0, None, 0, 0)
  stacked = metrics.Sample(
    *(
      np.stack(leaves) if axis == 0 else leaves[0]
      for axis, *leaves in zip(axes, *samples)
    )
  )
  together = jax.jit(
    jax.vmap(lambda k, s: metric.compute(k, s, SIZES), (0, axes))
  )(keys, stacked)
  assert metric.main in together.scores
  for index, (key, sample) in enumerate(zip(keys, samples)):
    alone = metric.compute(key, sample, SIZES)
    assert set(alone.scores) == set(together.scores)
    for score, value in alone.scores.items():
      assert jnp.shape(value) == ()
      np.testing.assert_allclose(
        together.scores[score][index],
        value,
        atol=SLACK.get(name, 1e-4),
        err_msg=score,
      )


@pytest.mark.parametrize(
  'name', [n for n, m in metrics.METRICS.items() if m.needs != 'population']
)
def test_no_product_is_left_to_the_backends_default(name, make_case):
  """Accelerators may round products to 8 or 11 bits where nothing is said."""
  points = 100 if name == 'few_labels' else 20
  sample = make_sample(make_case, 'leaky', points)
  compute = lambda key, s: metrics.METRICS[name].compute(key, s, SIZES).scores
  with jax.default_matmul_precision('bfloat16'):
    program = str(jax.make_jaxpr(compute)(jax.random.key(0), sample))
  assert 'Precision.DEFAULT' not in program
  assert 'precision=None' not in program


@pytest.mark.parametrize('name', NAMES)
def test_collapsed_codes_give_finite_scores(name, sample):
  """Constant latents throughout: a number for everything."""
  sample = sample._replace(
    codes=0 * sample.codes,
    test_codes=0 * sample.test_codes,
    code_table=0 * sample.code_table,
  )
  scores = metrics.METRICS[name].compute(jax.random.key(0), sample, SIZES)[0]
  assert np.isfinite(list(scores.values())).all(), scores


@pytest.mark.parametrize(
  'name', ['mig', 'mig_sampled', 'dci', 'sap', 'irs', 'infomec']
)
def test_matrices_are_latents_by_factors(name, make_case):
  """In the perfect case factor k is best known from latent k."""
  sample = make_sample(make_case, 'perfect')
  scores, matrix, by_factor = metrics.METRICS[name].compute(
    jax.random.key(0), sample, SIZES
  )
  assert matrix is not None and matrix.shape == (6, 3)
  for score in set(by_factor) - {'completeness'}:
    np.testing.assert_allclose(
      by_factor[score].mean(), scores[score], atol=1e-6
    )
  np.testing.assert_array_equal(matrix.argmax(0), [0, 1, 2])


def test_huge_codes_keep_their_information(sample):
  """The squares of such codes are beyond float32."""
  points = sample.codes, sample.factors
  expected = metrics.infomec(*points)
  found = metrics.infomec(points[0] * np.float32(2.0**60), points[1])
  for score in ('infom', 'infoe', 'infoc'):
    np.testing.assert_allclose(found[score], expected[score], atol=1e-4)


def test_labels_too_large_for_integers_raise(sample, monkeypatch):
  """Concrete labels are compacted; else they would overflow in silence."""
  far = sample.factors * 10**8
  expected = metrics.mig(sample.codes, sample.factors)['mig']
  assert float(metrics.mig(sample.codes, far)['mig']) == float(expected)
  with pytest.raises(ValueError, match='too large') as error:
    jax.jit(lambda y: metrics.mig(sample.codes, y, factor_sizes=(10**8,) * 3))(
      sample.factors
    )
  assert '\n' not in str(error.value)
  most = len(sample.factors) * (1 + int(sample.factors.max()))
  for keys in (most, most + 1):
    monkeypatch.setattr(_labels, 'MAX_KEYS', keys)
    raises = pytest.raises(ValueError, match='too large for .* fewer points')
    with raises if keys == most else contextlib.nullcontext():
      metrics.mig(sample.codes, sample.factors)


@pytest.mark.parametrize(
  'name', [module.name for module in pkgutil.iter_modules(metrics.__path__)]
)
def test_examples(name):
  module = importlib.import_module(f'bvae_jax.metrics.{name}')
  assert doctest.testmod(module).failed == 0
