"""Solvers, populations, label counts, standard errors."""

import functools

import jax
import jax.numpy as jnp
import metrics_reference as reference
import numpy as np
import pytest
from sklearn import linear_model
from sklearn import metrics as sklearn_metrics

from bvae_jax import metrics
from bvae_jax.metrics import _bins, _common, _modularity, _solvers, _splits

SIZES = (3, 4, 5)

# One program each: operations one by one take longer to compile.
bin_points = jax.jit(_bins.bin_points, static_argnums=2)
histogram_of = jax.jit(_splits.histogram_of)
best_splits = jax.jit(_splits.best_splits)
every_split = jax.jit(_splits.every_split, static_argnums=4)
discretize = jax.jit(_common.discretize, static_argnums=1)
roc_auc = jax.jit(_modularity.roc_auc)


def test_lbfgs_minimises_a_quadratic():
  """The minimiser of x^T A x / 2 - b^T x is A^-1 b."""
  random = np.random.RandomState(0)
  root = random.randn(12, 12).astype(np.float32)
  matrix = root @ root.T / 12 + 0.1 * np.eye(12, dtype=np.float32)
  vector = random.randn(12).astype(np.float32)
  solution = _solvers.minimize_lbfgs(
    lambda x: (x @ matrix @ x / 2 - vector @ x, matrix @ x - vector),
    jnp.zeros(12),
    tolerance=1e-5,
    max_turns=200,
  )
  np.testing.assert_allclose(
    solution, np.linalg.solve(matrix, vector), rtol=1e-3, atol=1e-3
  )


@functools.partial(jax.jit, static_argnames='num_classes')
def probabilities(
  codes, labels, strength, sample_weight, num_classes, new=None
):
  """Of each class at the codes of a fit, or at new ones, [N, C]."""
  fit = _solvers.fit_logistic(
    codes,
    labels,
    num_classes,
    strength=strength,
    sample_weight=sample_weight,
    tolerance=1e-6,
    max_turns=500,
  )
  return jax.nn.softmax(fit.logits(codes if new is None else new))


@pytest.mark.parametrize('strength', [0.01, 1.0, 100.0])
@pytest.mark.parametrize('balanced', [False, True])
def test_logistic_regression_agrees_with_sklearn(strength, balanced, leaky):
  """The same probabilities, on codes of very different scales."""
  codes = leaky.codes * np.array([1, 10, 0.1, 1, 1, 1], np.float32) + 3
  labels = leaky.factors[:, 2]
  model = linear_model.LogisticRegression(
    C=strength,
    class_weight='balanced' if balanced else None,
    solver='newton-cholesky',
    tol=1e-9,
  ).fit(codes.astype(float), labels)
  weight = len(labels) / 5 / np.bincount(labels)[labels] if balanced else None
  actual = probabilities(codes, labels, strength, weight, num_classes=7)
  np.testing.assert_array_equal(actual[:, 5:], 0)
  np.testing.assert_allclose(
    actual[:, :5], model.predict_proba(codes), atol=2e-3
  )


def test_logistic_regression_of_more_columns_than_points(leaky):
  """As scikit-learn, of images: no column is centred."""
  random = np.random.RandomState(0)
  codes = leaky.codes[:40] @ random.normal(size=(6, 90)) + 3
  codes = (codes + random.normal(size=codes.shape)).astype(np.float32)
  labels = leaky.factors[:40, 2]
  model = linear_model.LogisticRegression(solver='newton-cholesky', tol=1e-9)
  model.fit(codes.astype(float), labels)
  new = random.normal(size=(20, 90)).astype(np.float32) + 3
  found = probabilities(codes, labels, 1.0, None, num_classes=5, new=new)
  np.testing.assert_allclose(found, model.predict_proba(new), atol=2e-3)


def test_logistic_regression_of_a_fold_that_lacks_a_class(leaky):
  """Points of no weight count for nothing, whatever their class."""
  labels = leaky.factors[:, 2]
  held_out = labels == 3
  model = linear_model.LogisticRegression(tol=1e-9, solver='newton-cholesky')
  model.fit(leaky.codes[~held_out], labels[~held_out])
  weight = (~held_out).astype(np.float32)
  actual = probabilities(leaky.codes, labels, 1.0, weight, num_classes=5)
  np.testing.assert_array_equal(actual[:, 3], 0)
  np.testing.assert_allclose(
    actual[:, [0, 1, 2, 4]], model.predict_proba(leaky.codes), atol=2e-3
  )


def test_roc_auc_counts_ties_half():
  random = np.random.RandomState(0)
  p = random.dirichlet(np.ones(4), 300).round(1) + 0.01
  labels = random.randint(4, size=300)
  expected = sklearn_metrics.roc_auc_score(np.eye(4)[labels], p)
  np.testing.assert_allclose(
    roc_auc(-np.log(p).astype(np.float32) + 3, labels), expected, atol=1e-5
  )
  same = np.zeros_like(labels)  # no point of another class: no such area
  assert np.isnan(roc_auc(-np.log(p).astype(np.float32), same))


@pytest.mark.parametrize('num_bins', [2, 20])
def test_bins_agree_with_numpy(num_bins):
  random = np.random.RandomState(0)
  values = random.randn(500, 3).astype(np.float32)
  values[:, 2] = 1.5
  expected = reference.bins(values[:, :2], num_bins) - 1
  actual = discretize(values, num_bins)
  np.testing.assert_array_equal(actual[:, :2], expected)
  np.testing.assert_array_equal(actual[:, 2], 0)


def test_values_on_an_edge_are_where_exact_fractions_put_them():
  for values, num_bins in ((11, 20), (41, 20), (6, 5), (21, 10), (101, 20)):
    grid = np.arange(values)
    exact = [min(k * num_bins // (values - 1), num_bins - 1) for k in grid]
    for scale, shift in ((1, 0), (0.1, 0), (1 / 3, -1), (0.37, 5.1), (-7, 2)):
      codes = np.float32(grid / (values - 1) * scale + shift)[:, None]
      found = discretize(codes, num_bins)[:, 0]
      expected = exact
      if scale < 0:
        steps = (values - 1 - grid) * num_bins // (values - 1)
        expected = np.minimum(steps, num_bins - 1)
      np.testing.assert_array_equal(found, expected)


def test_sort_keys_keep_the_order():
  values = np.array([-np.inf, -2.0, -1e-3, -0.0, 0.0, 1e-3, 5.0], np.float32)
  steps = np.diff(np.asarray(_common.sort_keys(values)).astype(np.int64))
  assert (steps[[0, 1, 2, 4, 5]] > 0).all()
  assert steps[3] == 0


# The reference correlates masked latents too, and drops them later.
@pytest.mark.filterwarnings('ignore:An input array is constant')
@pytest.mark.parametrize(
  'kind, golden',
  [
    ('spearman', [0.5056339, 0.5056339, 0.3016049, 0.5056339]),
    ('lasso', [0.576556, 0.576556, 0.2769198, 0.5144271]),
  ],
)
def test_udr(kind, golden, make_case):
  kinds = ('perfect', 'permuted', 'rotated', 'leaky')
  codes = np.stack([make_case(kind, 400, 10).codes for kind in kinds])
  kl = np.array([[2, 2, 2, 0.0, 0.0, 0.005]] * 3 + [[2] * 4 + [0, 0]])
  scores = metrics.udr(codes, kl, kind=kind)
  np.testing.assert_allclose(
    scores['udr'], reference.udr(codes, kl, kind), atol=2e-3
  )
  np.testing.assert_allclose(scores['udr'], golden, atol=1e-5)
  assert float(scores['pairwise'][0, 1]) > float(scores['pairwise'][0, 2])


def test_udr_of_models_with_offsets_of_their_own(make_case):
  codes = np.stack([make_case(k, 100, 10).codes for k in ('leaky', 'rotated')])
  far = codes.astype(float) + np.array([0, 1e9])[:, None, None]
  kl = np.ones((2, 6))
  np.testing.assert_allclose(
    metrics.udr(far, kl)['udr'], metrics.udr(codes, kl)['udr'], atol=1e-3
  )
  np.testing.assert_array_equal(
    metrics.udr(codes.tolist(), kl.tolist())['udr'],
    metrics.udr(codes, kl)['udr'],
  )
  with pytest.raises(ValueError, match='kl_per_latent holds NaN'):
    metrics.udr(codes, np.nan * kl)
  with pytest.raises(ValueError, match="alpha must be .* above 0, got '0.1'"):
    metrics.udr(codes, kl, alpha='0.1')
  with pytest.raises(ValueError, match='kl_threshold must be .*, got None'):
    metrics.udr(codes, kl, kl_threshold=None)
  with pytest.raises(ValueError, match=r'2 of \(9, 6\), \(100, 6\)'):
    metrics.udr([codes[0], codes[1, :9]], kl)


def test_udr_of_collapsed_models_is_zero(leaky):
  codes = np.stack([leaky.codes] * 3)
  scores = metrics.udr(codes, np.zeros((3, 6)))
  np.testing.assert_array_equal(scores['udr'], 0)


@pytest.mark.parametrize(
  'shape, kl, kind, message',
  [
    ((1, 50, 6), (1, 6), 'lasso', '2 or more models'),
    ((3, 50, 6), (3, 5), 'lasso', 'kl_per_latent'),
    ((3, 50, 6), (3, 6), 'pearson', "'pearson'"),
  ],
)
def test_udr_inputs(shape, kl, kind, message):
  with pytest.raises(ValueError, match=message):
    metrics.udr(np.zeros(shape), np.ones(kl), kind=kind)


# On codes of RandomState 1, as computed; a change must be meant.
DOWNSTREAM = {
  'accuracy': 0.7971429,
  'logistic_100': 0.7557143,
  'logistic_600': 0.7971429,
  'trees_100': 0.7604762,
  'trees_600': 0.8314285,
}


def test_downstream(leaky):
  counts = (100, 600)
  actual = metrics.downstream(*leaky.split, num_labels=counts)
  expected = reference.downstream(*leaky.split, counts)
  for name, value in expected.items():
    assert float(actual[name]) == pytest.approx(value, abs=0.01), name
  for name, value in DOWNSTREAM.items():
    assert float(actual[name]) == pytest.approx(value, abs=3e-3), name
  for name in ('logistic', 'trees'):
    assert float(actual[f'{name}_efficiency']) == pytest.approx(
      float(actual[f'{name}_100'] / actual[f'{name}_600'])
    )
  codes, factors, test_codes, test_factors = leaky.split
  unit = 2.0**90  # whose square float32 does not hold
  far = metrics.downstream(
    unit * codes, factors, unit * test_codes, test_factors, num_labels=counts
  )
  assert float(far['accuracy']) == pytest.approx(
    float(actual['accuracy']), 0.01
  )


def test_standard_error_is_that_of_the_mean(make_case):
  """For a metric that is a mean, std / sqrt(N)."""
  case = make_case('leaky')
  sample = metrics.Sample(*case.split, case.table, case.table)
  metric = metrics.Metric(
    'mean',
    'mean',
    'codes',
    lambda key, s, sizes: metrics.Scored({'mean': s.codes[:, 0].mean()}),
  )
  value, error = metrics.with_standard_error(
    metric, jax.random.key(0), sample, SIZES, 400
  )
  codes = case.codes[:, 0]
  np.testing.assert_allclose(value.scores['mean'], codes.mean(), atol=1e-5)
  np.testing.assert_allclose(
    error['mean'], codes.std() / np.sqrt(len(codes)), rtol=0.15
  )


def test_standard_error_of_mig_covers_another_draw(make_case):
  case = make_case('leaky')
  sample = metrics.Sample(*case.split, case.table, case.table)
  value, error = metrics.with_standard_error(
    metrics.METRICS['mig'], jax.random.key(0), sample, SIZES, 50
  )
  other = metrics.mig(case.test_codes, case.test_factors)
  assert 0.002 < float(error['mig']) < 0.05
  assert abs(float(value.scores['mig'] - other['mig'])) < 5 * float(
    error['mig']
  )
  with pytest.raises(ValueError, match='2 or more'):
    metrics.with_standard_error(
      metrics.METRICS['mig'], jax.random.key(0), sample, SIZES, 1
    )


@pytest.mark.parametrize('num_bins, slack', [(64, 0.02), (1500, 1e-4)])
def test_splits_are_those_of_a_loop(num_bins, slack, leaky):
  """The best of all places between points; near to it with coarse bins."""
  codes = jnp.asarray(leaky.codes)
  residual = np.eye(5, dtype=np.float32)[leaky.factors[:, 2]] - 0.2
  bins = bin_points(codes, codes[:1], num_bins)
  node = jnp.zeros(residual.shape, jnp.int32)
  histogram = histogram_of(bins, residual, node, None)
  latent, rank, gain = best_splits(
    jax.random.key(0), bins, histogram, residual, node
  )
  order = np.argsort(leaky.codes, 0)
  left = residual[order].astype(np.float64).cumsum(0)[:-1]
  count = np.arange(1, len(codes))[:, None, None]
  total = left[-1] + residual[order[-1]]
  falls = left**2 / count + (total - left) ** 2 / (len(codes) - count)
  falls -= total**2 / len(codes)
  best = falls.reshape(-1, 5).argmax(0)
  where = np.unravel_index(best, falls.shape[:2])
  np.testing.assert_allclose(gain[0], falls.max((0, 1)), rtol=slack)
  np.testing.assert_array_equal(latent[0], where[1])
  if num_bins == len(codes):
    np.testing.assert_array_equal(rank[0], where[0])
    node = jnp.where(codes[:, :1] > 0.3, 1, node)
    histogram = histogram_of(bins, residual, node, histogram)
    key, residual = jax.random.key(1), jnp.asarray(residual)
    coarse = best_splits(key, bins, histogram, residual, node)
    every = every_split(key, bins, residual, node, 2)
    np.testing.assert_allclose(every[2], coarse[2], rtol=1e-3)
    np.testing.assert_array_equal(every[0], coarse[0])
    inside = np.arange(2)[:, None, None] == node.T[None]
    left = lambda latent, rank, _: (
      inside & (bins.train.T[latent] <= rank[..., None])
    )
    np.testing.assert_array_equal(left(*every), left(*coarse))
    split = lambda *x: every_split(key, bins, residual, *x)
    latent, rank, gain = split(jnp.where(node > 0, 3, node), 3)
    assert (rank[1:] == len(codes)).all() and (gain[1:] == 0).all()  # empty
    np.testing.assert_array_equal(rank[0], every[1][0])


@pytest.mark.parametrize('noise', [-1e-7, 0.0, 1e-7])
def test_of_equal_splits_the_first_is_taken(noise):
  """Residuals that are their own mirror: ranks 1 and 3 save the same."""
  codes = jnp.arange(6.0)[:, None]
  residual = jnp.asarray([[1, 1, -2, -2, 1, 1]], jnp.float32).T / 3
  residual = residual.at[-1].multiply(1 + noise)
  bins, node = bin_points(codes, codes, 6), jnp.zeros((6, 1), int)
  histogram = histogram_of(bins, residual, node, None)
  key = jax.random.key(0)
  for _, rank, gain in (
    every_split(key, bins, residual, node, 1),
    best_splits(key, bins, histogram, residual, node),
  ):
    assert rank.tolist() == [[1]]
    assert gain.item() == pytest.approx(4 / 18 + 4 / 36)
