"""Scores of code tables, against loops and closed forms."""

import jax
import metrics_reference as reference
import numpy as np
import pytest
from scipy import special, stats

from bvae_jax import metrics
from bvae_jax.metrics import _beta_vae, _factor_vae, _grid

KEY = jax.random.key(0)
SIZES = (3, 4, 5)
COUNTS = {'num_train': 6000, 'num_eval': 3000}

# One program: its operations one by one take longer to compile.
fixed_factor_rows = jax.jit(
  _factor_vae.fixed_factor_rows, static_argnums=(1, 2, 3)
)


@pytest.mark.parametrize('name', ['beta_vae_score', 'factor_vae_score'])
def test_scores_agree_with_loops(name, table):
  """Other draws, so equal up to sampling: three errors of 3000 votes."""
  actual = getattr(metrics, name)(jax.random.key(0), table, SIZES, **COUNTS)
  expected = getattr(reference, name)(table, SIZES, **COUNTS)
  for key, value in expected.items():
    assert 0.3 < value < 1
    assert float(actual[key]) == pytest.approx(float(value), abs=0.03), key


@pytest.mark.parametrize('name', ['beta_vae_score', 'factor_vae_score'])
def test_perfect_table_scores_one(name, make_case):
  score = getattr(metrics, name)(
    jax.random.key(0), make_case('perfect').table, SIZES, **COUNTS
  )
  assert float(score['eval_accuracy']) == 1


def test_factor_vae_without_active_latents_is_zero(table):
  score = metrics.factor_vae_score(
    jax.random.key(0), 0.01 * table, SIZES, relative=False
  )
  assert {float(value) for value in score.values()} == {0.0}


def test_votes_are_for_the_lowest_variance(table):
  """The same rows in NumPy give the same votes."""
  factor, rows = fixed_factor_rows(jax.random.key(1), SIZES, 200, 16)
  variance = table.var(0, ddof=1)
  votes = jax.jit(_factor_vae._votes, static_argnums=(3, 4, 5))(
    jax.random.key(1), table, 1 / variance, SIZES, 200, 16
  )
  expected = np.zeros((3, table.shape[1]))
  for k, batch in zip(np.asarray(factor), np.asarray(rows)):
    expected[k, (table[batch].var(0, ddof=1) / variance).argmin()] += 1
  np.testing.assert_array_equal(votes, expected)


def test_draws_fix_one_factor_and_spread_the_others():
  def values(rows):
    return np.stack(np.unravel_index(np.asarray(rows), SIZES), -1)

  factor, rows = fixed_factor_rows(jax.random.key(0), SIZES, 900, 20)
  drawn = values(rows)
  fixed = np.arange(3) == np.asarray(factor)[:, None]
  assert (drawn == drawn[:, :1])[
    np.broadcast_to(fixed[:, None], drawn.shape)
  ].all()
  _, first, second = jax.jit(
    _beta_vae.shared_factor_pairs, static_argnums=(1, 2, 3)
  )(jax.random.key(0), SIZES, 900, 20)
  equal = (values(first) == values(second)).mean(1)
  shared = np.isclose(equal, 1)
  assert (shared.sum(1) >= 1).all()
  for k, size in enumerate(SIZES):
    chance = equal[:, k][~shared[:, k]].mean()
    assert chance == pytest.approx(1 / size, abs=0.03)
    frequency = np.bincount(drawn[..., k].ravel(), minlength=size)
    np.testing.assert_allclose(
      frequency / drawn[..., k].size, 1 / size, atol=0.04
    )


def test_set_factor_keeps_the_rest():
  rows = np.arange(60)
  changed = _grid.set_factor(rows, 1, 2, SIZES)
  before, after = (
    np.unravel_index(np.asarray(x), SIZES) for x in (rows, changed)
  )
  np.testing.assert_array_equal(after[1], 2)
  np.testing.assert_array_equal(after[0], before[0])
  np.testing.assert_array_equal(after[2], before[2])


def test_mig_sampled_agrees_with_direct_mixtures(table):
  random = np.random.RandomState(0)
  logvar = np.log(0.1 + 0.5 * random.rand(*table.shape)).astype(np.float32)
  actual = metrics.mig_sampled(jax.random.key(0), table, logvar, SIZES)
  expected = reference.mig_sampled(table, logvar, SIZES, num_samples=8000)
  assert expected['mig_sampled'] > 0.03
  np.testing.assert_allclose(
    actual['mig_sampled'], expected['mig_sampled'], atol=0.01
  )


def test_mig_sampled_is_the_integral(table):
  """I = H(z) - mean_v H(z | v), each entropy a sum over a fine axis."""
  factors = np.stack(np.unravel_index(np.arange(len(table)), SIZES), 1)
  logvar = np.random.RandomState(0).uniform(-4, 0, table.shape)
  table = np.asarray(table, np.float64)

  def entropy(rows, d):
    mean, std = table[rows, d], np.exp(logvar[rows, d] / 2)
    reach = np.max(9 * std)
    z, step = np.linspace(
      mean.min() - reach, mean.max() + reach, 10_001, retstep=True
    )
    density = stats.norm.pdf(z[:, None], mean, std).mean(1)
    return special.entr(density).sum() * step

  every = np.ones(len(table), bool)
  exact = np.stack(
    [
      [
        entropy(every, d)
        - np.mean([entropy(factors[:, k] == v, d) for v in range(size)])
        for k, size in enumerate(SIZES)
      ]
      for d in range(table.shape[1])
    ]
  )
  found = metrics.mig_sampled_matrix(
    jax.random.key(0), table, logvar, SIZES, num_samples=100_000
  )
  np.testing.assert_allclose(found, exact / np.log(SIZES), atol=0.006)
  with pytest.raises(ValueError, match='log-variance of 121 is more than 120'):
    metrics.mig_sampled(KEY, table, np.full(table.shape, 121), SIZES)


@pytest.mark.parametrize('min_std', ['0.05', None, -1, np.ones(2)])
def test_a_threshold_is_a_number(min_std, table):
  with pytest.raises(ValueError, match='^min_std must be a number, 0 or more'):
    metrics.factor_vae_score(KEY, table, SIZES, min_std=min_std)


@pytest.mark.parametrize('std, expected', [(0.02, 1.0), (100.0, 0.0)])
def test_mig_sampled_of_narrow_and_wide_posteriors(std, expected, make_case):
  """Values apart by many deviations are known; by a hundredth, unknown."""
  table = make_case('perfect').table
  logvar = np.full_like(table, 2 * np.log(std))
  score = metrics.mig_sampled(jax.random.key(0), table, logvar, SIZES)
  np.testing.assert_allclose(score['mig_sampled'], expected, atol=0.005)
  one_factor = jax.random.key(0), table[: SIZES[-1]], logvar[: SIZES[-1]]
  score = metrics.mig_sampled(*one_factor, SIZES[-1:])
  np.testing.assert_allclose(score['mig_sampled'], expected, atol=0.005)


def test_fairness_agrees_with_exact_trees(table, make_case):
  case = make_case('leaky', 300, 1)
  actual = metrics.fairness(
    jax.random.key(0), *case.train, case.table, SIZES, num_test=400
  )
  expected = reference.fairness(*case.train, case.table, SIZES, num_test=400)
  assert float(actual['unfairness']) == pytest.approx(
    expected['unfairness'], abs=0.02
  )
  assert float(actual['unfairness_max']) == pytest.approx(
    expected['unfairness_max'], abs=0.06
  )


def test_fairness_of_codes_far_from_0_is_that_of_codes_near(make_case):
  """Also where the table reaches further than the points: one offset is off."""
  case = make_case('leaky', 500, 1)
  codes, factors = case.train
  seen = np.any(factors != np.asarray(SIZES) - 1, axis=1)
  table = np.array(case.table, np.float64)
  table[-1] += 30  # the one combination that no point has

  def score(offset):
    found = metrics.fairness(
      jax.random.key(0),
      codes[seen][:300].astype(np.float64) + offset,
      factors[seen][:300],
      table + offset,
      SIZES,
      num_test=400,
    )
    return float(found['unfairness'])

  assert score(1e4) == pytest.approx(score(0.0), abs=1e-6)


@pytest.mark.parametrize('key', [0, None, np.uint32(3), jax.random.split(KEY)])
def test_what_is_no_key_is_refused(key, make_case):
  codes = make_case('perfect').table
  for draw in (
    lambda: metrics.beta_vae_score(key, codes, SIZES),
    lambda: metrics.factor_vae_score(key, codes, SIZES),
    lambda: metrics.mig_sampled(key, codes, codes, SIZES),
    lambda: metrics.fairness(key, codes, codes, codes, SIZES),
    lambda: metrics.ica(codes, key),
  ):
    with pytest.raises(ValueError, match=r'one key .* jax.random.key\(0\)'):
      draw()


def test_arguments_in_another_order_are_one_line(make_case):
  codes = make_case('perfect').table
  with pytest.raises(ValueError, match=r'key must .*, got float') as error:
    metrics.factor_vae_score(codes, codes, SIZES)
  assert '\n' not in str(error.value)
  with pytest.raises(TypeError, match=r'^sap\(\) missing 2'):
    metrics.sap(codes, codes)


def test_perfect_codes_are_fair(make_case):
  case = make_case('constant', 300, 1)
  score = metrics.fairness(
    jax.random.key(0), *case.train, case.table, SIZES, num_test=400
  )
  assert float(score['unfairness']) < 0.01
