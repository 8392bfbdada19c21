"""Points that are no grid: continuous, partly unknown, observed factors."""

import jax
import numpy as np
import pytest
from sklearn import ensemble

from bvae_jax import metrics

SIZES = (3, 4, 5)
GRID = np.stack(np.unravel_index(np.arange(60), SIZES), 1)
KEY = jax.random.key(0)


@pytest.mark.parametrize('name', ['beta_vae_score', 'factor_vae_score'])
def test_a_grid_as_observed_points_scores_the_same(name, table):
  """Other draws of the same estimator; its rows may come in any order."""
  counts = {'num_train': 6000, 'num_eval': 3000}
  compute = getattr(metrics, name)
  expected = compute(KEY, table, SIZES, **counts)
  order = np.random.RandomState(0).permutation(60)
  found = compute(KEY, table[order], table_factors=GRID[order], **counts)
  for score, value in expected.items():
    assert float(found[score]) == pytest.approx(float(value), abs=0.03)


def test_mig_of_samples_of_a_grid_as_observed_points(table):
  """The same draws of rows: the same numbers."""
  tables = table, np.full_like(table, -2.0)
  counts = {'num_samples': 500, 'cells': 256}
  expected = metrics.mig_sampled_matrix(KEY, *tables, SIZES, **counts)
  found = metrics.mig_sampled_matrix(
    KEY, *tables, SIZES, table_factors=GRID, **counts
  )
  np.testing.assert_allclose(found, expected, atol=1e-5)
  partly = GRID.astype(float)
  partly[::7, 1] = np.nan
  found = metrics.mig_sampled_matrix(
    KEY, *tables, table_factors=partly, **counts
  )
  np.testing.assert_allclose(found[:, [0, 2]], expected[:, [0, 2]], atol=1e-5)


def test_unfairness_of_observed_points_agrees_with_scikit_learn(make_case):
  """Predictions for the points of each value, beside those for all points."""
  case = make_case('leaky', 150, 150)
  codes, labels = case.test_codes, case.test_factors
  found = metrics.fairness(KEY, *case.train, codes, table_factors=labels)
  each = []
  for k in range(3):
    model = ensemble.GradientBoostingClassifier(random_state=0)
    hot = np.eye(5)[model.fit(case.codes, case.factors[:, k]).predict(codes)]
    for s in {0, 1, 2} - {k}:
      shares = [hot[labels[:, s] == v].mean(0) for v in range(SIZES[s])]
      each.append([np.abs(x - hot.mean(0)).sum() / 2 for x in shares])
  expected = np.mean([np.mean(x) for x in each])
  assert float(found['unfairness']) == pytest.approx(expected, abs=0.02)
  assert float(found['unfairness_max']) == pytest.approx(
    max(map(max, each)), abs=0.1
  )


def test_points_of_which_no_two_are_alike_have_no_score():
  from bvae_jax.metrics import _observed

  score = jax.jit(
    lambda labels: _observed.Groups.of(labels, (2, 4)).or_nan(0.5)
  )
  for last, expected in ((3, np.nan), (0, 0.5)):
    found = score(np.array([[0, 0], [0, 1], [1, 2], [1, last]]))
    np.testing.assert_equal(float(found), expected)


def test_nearly_constant_log_variances_keep_their_level(table):
  """No offset is theirs to lose: at -6 they are not near 0."""
  counts = {'num_samples': 500, 'cells': 256}
  wobble = 0.01 * np.random.RandomState(0).rand(*table.shape)
  found, expected = (
    metrics.mig_sampled_matrix(KEY, table, x, SIZES, **counts)
    for x in (wobble - 6, np.full_like(table, -6))
  )
  np.testing.assert_allclose(found, expected, atol=0.02)


def test_pairs_share_a_value_that_occurs_as_often_as_among_the_points():
  """Missing labels and values of one point stay out."""
  from bvae_jax.metrics import _observed

  labels = np.array([[0, 0], [0, 1], [0, 0], [1, 1], [1, -1], [2, 0]])

  @jax.jit
  def drawn(key):
    groups = _observed.Groups.of(labels, (4, 2))
    pairs = _observed.shared_factor_pairs(key, groups, 400, 5)
    return pairs, _observed.fixed_factor_rows(key, groups, 200, 6)

  pairs, fixed = jax.tree.map(np.asarray, drawn(KEY))
  factor, first, second = pairs
  of_pair = factor[:, None]
  assert (labels[first, of_pair] == labels[second, of_pair]).all()
  assert set(first[factor == 0].ravel()) == {0, 1, 2, 3, 4}
  assert set(first[factor == 1].ravel()) == {0, 1, 2, 3, 5}
  share = (labels[first, of_pair][factor == 0] == 0).mean()
  assert share == pytest.approx(3 / 5, abs=0.06)
  factor, rows = fixed
  values = labels[rows, factor[:, None]]
  assert (values == values[:, :1]).all()


@pytest.mark.parametrize(
  'name', ['mig', 'sap', 'dci', 'modularity_explicitness', 'infomec', 'irs']
)
def test_missing_labels_are_left_out_of_their_factor(name, make_case):
  """A factor's figures are those of the points that have it, taken alone."""
  case = make_case('leaky', 190, 150)
  # The extremes of the codes set the bins: they keep their labels.
  ends = np.r_[case.codes.argmin(0), case.codes.argmax(0)]
  middle = np.setdiff1d(np.arange(190), ends)
  factors = case.factors.astype(float)
  factors[middle[:40], 0] = factors[middle[60:90], 1] = np.nan
  rest = () if name in ('mig', 'infomec', 'irs') else case.split[2:]
  metric = getattr(metrics, name).__wrapped__
  found = jax.jit(
    lambda: metric(case.codes, factors, *rest, factor_sizes=SIZES)
  )()
  known = ~np.isnan(factors[:, 0])
  alone = metric(
    case.codes[known], case.factors[known], *rest, factor_sizes=SIZES
  )
  # Where all points scale the codes, or a key breaks ties, a little is left.
  slack = 1e-3 if name in ('mig', 'sap') else 0.05
  if found.matrix is not None:
    np.testing.assert_allclose(
      found.matrix[:, 0], alone.matrix[:, 0], atol=slack
    )
  for score, values in found.by_factor.items():
    expected = float(alone.by_factor[score][0])
    assert float(values[0]) == pytest.approx(expected, abs=slack)


def _continuous(num=500):
  """Codes, a class, and a position that two latents follow."""
  random = np.random.RandomState(0)
  shape, place = random.randint(3, size=num), random.rand(num)
  codes = np.stack(
    [shape + 0.3 * random.randn(num), place + 0.1 * random.randn(num),
     place**2 + 0.2 * random.randn(num), random.randn(num)], 1
  )  # fmt: skip
  return codes.astype(np.float32), np.stack([shape, 1e6 + place], 1)


def test_dci_of_a_continuous_factor_is_that_of_regression_trees():
  codes, factors = _continuous()
  split = codes[:350], factors[:350], codes[350:], factors[350:]
  model = ensemble.GradientBoostingRegressor(random_state=0)
  model.fit(codes[:350], factors[:350, 1])
  _, matrix, found = jax.jit(lambda: metrics.dci.__wrapped__(*split))()
  np.testing.assert_allclose(
    matrix[:, 1], model.feature_importances_, atol=0.01
  )
  for part, rows in (('train', slice(350)), ('test', slice(350, None))):
    expected = model.score(codes[rows], factors[rows, 1])
    value = float(found[f'informativeness_{part}'][1])
    assert value == pytest.approx(expected, abs=0.02)


def test_sap_of_a_continuous_factor_is_its_squared_correlation():
  codes, factors = _continuous()
  factors[::9, 1] = np.nan
  known = ~np.isnan(factors[:, 1])
  split = codes, factors, codes[:99], factors[:99]
  found = jax.jit(lambda: metrics.sap_matrix(*split))()
  expected = [
    np.corrcoef(code, factors[known, 1])[0, 1] ** 2 for code in codes[known].T
  ]
  np.testing.assert_allclose(found[:, 1], expected, atol=1e-4)
  assert found[0, 0] > 0.6  # the class is still told by accuracy


def test_jit_of_a_table_equals_the_labels_it_came_from():
  """As a run has it: floats with NaN, sizes with 0."""
  codes, factors = _continuous()
  factors[::9, 1] = np.nan
  table, sizes = metrics.encode_factors(factors)
  assert sizes == (3, 0) and np.isnan(table[::9, 1]).all()
  expected = metrics.mig(codes, factors)
  found = jax.jit(lambda c, y: metrics.mig(c, y, factor_sizes=sizes))(
    codes, table
  )
  for score, value in expected.items():
    assert float(found[score]) == pytest.approx(float(value), abs=1e-4)


@pytest.mark.parametrize(
  'column, kind',
  [
    (np.r_[np.linspace(0, 1, 99), np.nan], 'continuous'),
    (np.arange(100) * 7, 'continuous'),
    (np.arange(3000) % 300, 'continuous'),
    (np.arange(3000) % 200, 'classes'),
    (np.arange(100) % 30, 'classes'),
    (np.array([str(i) for i in range(100)]), 'continuous'),
    (np.array([f'id {i}' for i in range(100)]), 'tells points apart'),
    (np.array([None, 'a', 'b', ' '] * 25, object), 'classes'),
    (np.full(100, np.nan), 'missing'),
    (np.array([1j] * 100), 'complex'),
  ],
)
def test_what_a_column_is_taken_for(column, kind):
  if kind in ('continuous', 'classes'):
    table, sizes = metrics.encode_factors(column)
    assert (sizes[0] == 0) == (kind == 'continuous')
    assert table.shape == (len(column), 1)
    return
  with pytest.raises(ValueError, match=kind) as error:
    metrics.encode_factors(column)
  assert '\n' not in str(error.value)
