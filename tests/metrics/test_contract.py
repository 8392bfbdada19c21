"""What every metric of the registry keeps: transforms, inputs, ranges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import metrics

SIZES = (3, 4, 5)
POINTS = ('mig', 'irs', 'infomec')
SPLIT = ('sap', 'dci', 'modularity_explicitness', 'downstream')
# Boosted trees choose between near ties by rounding.
# Downstream is tested beside its reference; its eight fits compile slowly.
NAMES = [
  name
  for name, metric in metrics.METRICS.items()
  if metric.needs != 'population' and name != 'downstream'
]
SLACK = {'dci': 0.01, 'fairness': 0.02}


def make_sample(make_case, kind, num=150):
  case = make_case(kind, num, num)
  return metrics.Sample(*case.split, case.table, np.full_like(case.table, -2.0))


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


@pytest.mark.parametrize('name', NAMES)
def test_collapsed_codes_give_finite_scores(name, make_case):
  """Constant latents throughout: a number for everything."""
  sample = make_sample(make_case, 'leaky')
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


def test_jit_needs_no_sizes(leaky):
  """Traced factors: the documented maximum stands in for their sizes."""
  scores = metrics.mig(*leaky.train)
  np.testing.assert_allclose(
    jax.jit(metrics.mig)(*leaky.train)['mig'], scores['mig'], atol=1e-5
  )
  np.testing.assert_allclose(
    jax.vmap(lambda codes: metrics.mig(codes, leaky.factors)['mig'])(
      leaky.codes[None]
    ),
    scores['mig'][None],
    atol=1e-5,
  )
  np.testing.assert_allclose(
    jax.jit(metrics.sap)(*leaky.split)['sap'],
    metrics.sap(*leaky.split)['sap'],
    atol=1e-5,
  )


def _nan(codes, factors):
  codes = codes.copy()
  codes[3, 1] = np.nan
  return codes, factors


def _constant(codes, factors):
  factors = factors.copy()
  factors[:, 1] = 2
  return codes, factors


BAD_INPUTS = {
  'NaN': _nan,
  'lengths differ': lambda codes, factors: (codes[1:], factors),
  'must be integers': lambda codes, factors: (codes, factors.astype(float)),
  'outside their sizes': lambda codes, factors: (codes, factors + 1),
  'constant': _constant,
  'at least 2 latents': lambda codes, factors: (codes[:, :1], factors),
  'codes must be': lambda codes, factors: (codes[:, 0], factors),
  'factors must be': lambda codes, factors: (codes, factors[:, 0]),
}


@pytest.mark.parametrize('message', BAD_INPUTS)
@pytest.mark.parametrize('name', POINTS + SPLIT)
def test_bad_inputs_raise(name, message, leaky):
  bad = BAD_INPUTS[message](*leaky.train)
  rest = leaky.split[2:] if name in SPLIT else ()
  with pytest.raises(ValueError, match=message) as error:
    getattr(metrics, name)(*bad, *rest, factor_sizes=SIZES)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('name', ['mig', 'modularity_explicitness'])
def test_fewer_points_than_bins_raise(name, leaky):
  points = [x[:10] for x in (leaky.split if name in SPLIT else leaky.train)]
  with pytest.raises(ValueError, match='fewer than 20'):
    getattr(metrics, name)(*points)


@pytest.mark.parametrize('name', ['infomec', 'dci', 'modularity_explicitness'])
def test_a_single_factor_raises(name, leaky):
  points = leaky.split if name in SPLIT else leaky.train
  points = [x[:, :1] if x.dtype == np.int32 else x for x in points]
  with pytest.raises(ValueError, match='at least 2 factors'):
    getattr(metrics, name)(*points)


def test_fewer_latents_than_factors_are_scored(leaky):
  split = [x[:, :2] if x.dtype == np.float32 else x for x in leaky.split]
  assert 0 <= float(metrics.mig(*split[:2])['mig']) <= 1
  assert 0 <= float(metrics.sap(*split)['sap']) <= 1


@pytest.mark.parametrize(
  'sizes, message',
  [((3, 4), 'one row for each'), ((60,), 'at least 2 factors')],
)
def test_wrong_tables_raise(sizes, message, leaky):
  with pytest.raises(ValueError, match=message):
    metrics.beta_vae_score(jax.random.key(0), leaky.table, sizes)


def test_unknown_backend_raises(leaky):
  with pytest.raises(ValueError, match="'xgboost'"):
    metrics.dci(*leaky.split, backend='xgboost')


@pytest.mark.parametrize('name', ['sap', 'modularity_explicitness'])
def test_absent_values_change_nothing(name, leaky):
  """Sizes beyond the values that occur are padding."""
  compute = getattr(metrics, name)
  tight, roomy = (
    compute(*leaky.split, factor_sizes=sizes) for sizes in (SIZES, (5, 7, 9))
  )
  for score, value in tight.items():
    np.testing.assert_allclose(roomy[score], value, atol=1e-4)
