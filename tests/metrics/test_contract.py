"""What metrics take for codes, labels and settings, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import metrics

SIZES = (3, 4, 5)
POINTS = ('mig', 'irs', 'infomec')
SPLIT = ('sap', 'dci', 'modularity_explicitness', 'downstream')


@pytest.fixture
def leaky(make_case):
  """As few points for all: what one test has compiled, the others find."""
  return make_case('leaky', 150, 150)


def compiled(name, *points, **options):
  """A metric of concrete points; one program, where eager ones are many."""
  return jax.jit(lambda: getattr(metrics, name)(*points, **options))()


def test_jit_needs_no_sizes(leaky):
  """Traced factors: the documented maximum stands in for their sizes."""

  @jax.jit
  def traced(codes, factors, *test):
    every = jax.vmap(lambda z: metrics.mig(z, leaky.factors)['mig'])
    sap = metrics.sap(codes, factors, *test)['sap']
    return metrics.mig(codes, factors)['mig'], *every(codes[None]), sap

  mig, sap = metrics.mig(*leaky.train)['mig'], metrics.sap(*leaky.split)['sap']
  np.testing.assert_allclose(traced(*leaky.split), [mig, mig, sap], atol=1e-5)


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
  'missing': lambda codes, factors: (
    codes,
    np.where(np.arange(3) == 1, np.nan, factors),
  ),
  'outside their sizes': lambda codes, factors: (codes, factors + 1),
  'constant': _constant,
  'at least 2 latents': lambda codes, factors: (codes[:, :1], factors),
  'codes must be': lambda codes, factors: (codes[:, 0], factors),
  'factors must be': lambda codes, factors: (codes, factors[..., None]),
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


@pytest.mark.parametrize(
  'name, undefined, defined',
  [
    ('infomec', 'infom', 'infoe'),
    ('dci', 'disentanglement', 'completeness'),
    ('modularity_explicitness', 'modularity', 'explicitness_test'),
  ],
)
def test_one_factor_leaves_what_compares_factors_undefined(
  name, undefined, defined, leaky
):
  """A vector is one factor; a NaN says that a score has no meaning for it."""
  points = leaky.split if name in SPLIT else leaky.train
  points = [x[:, 0] if x.dtype == np.int32 else x for x in points]
  scores = compiled(name, *points)
  assert np.isnan(scores[undefined])
  assert 0 <= float(scores[defined]) <= 1


LABELS = {
  'list': lambda ranks: ranks.tolist(),
  'ids': lambda ranks: 1000 * ranks + 7,
  'negative': lambda ranks: ranks - 2,
  'bytes': lambda ranks: ranks.astype(np.uint8),
  'whole floats': lambda ranks: ranks.astype(float),
  'fractions': lambda ranks: ranks / 10,
  'half floats': lambda ranks: ranks.astype(np.float16),
  'numbers as text': lambda ranks: ranks.astype(str),
  'far ids': lambda ranks: ranks.astype(np.int64) * 10**12,
  'hashes': lambda ranks: ranks.astype(np.uint64) + np.uint64(2**63),
  'places': lambda ranks: np.array(['1_12', '11_2', '112', 'x', 'y'])[ranks],
  'bfloat16': lambda ranks: jnp.asarray(ranks, jnp.bfloat16),
  'dates': lambda ranks: ranks.astype('datetime64[D]').astype(object),
}


@pytest.mark.parametrize('kind', LABELS)
def test_labels_of_any_kind_are_classes(kind, leaky):
  expected = metrics.mig(*leaky.train)
  found = metrics.mig(leaky.codes, LABELS[kind](leaky.factors))
  assert float(found['mig']) == float(expected['mig'])


class _Tensor:
  """As PyTorch's: no array before it has left its graph and its device."""

  def __init__(self, values, steps=('detach', 'cpu')):
    self.values, self.steps, self.dtype = values, steps, values.dtype
    if steps:
      setattr(self, steps[0], lambda: _Tensor(values, steps[1:]))

  def __array__(self, dtype=None, copy=None):
    assert not self.steps
    return self.values


def test_tensors_are_taken_as_they_are(leaky):
  found = metrics.mig(*map(_Tensor, leaky.train))
  assert found['mig'] == metrics.mig(*leaky.train)['mig']


def test_labels_of_two_precisions_are_the_same_labels(leaky):
  codes, factors, test_codes, test_factors = leaky.split
  tenths, found = factors / 10, []
  for dtype in (np.float64, np.float32):
    test = (test_factors / 10).astype(dtype)
    found.append(float(metrics.sap(codes, tenths, test_codes, test)['sap']))
  assert found[0] == found[1]


def test_what_numpy_writes_for_nan_is_missing(leaky):
  words = np.array(['cube', 'ball', 'cone', 'pyramid', 'x'])[leaky.factors]
  words = words.astype(object)
  words[:50, 1] = None
  expected = metrics.mig(leaky.codes, words)
  words[:50, 1] = np.nan
  found = metrics.mig(leaky.codes, words.astype(str))
  assert float(found['mig']) == float(expected['mig'])


def test_frames_name_the_figures_by_factor(leaky):
  class Frame:
    columns = ('shape', 'scale', 'hue')

    def __array__(self, dtype=None, copy=None):
      return leaky.factors.astype(object)

  scores = metrics.mig(leaky.codes, Frame())
  assert list(scores) == ['mig', 'mig/shape', 'mig/scale', 'mig/hue']
  np.testing.assert_allclose(
    np.mean([scores[f'mig/{name}'] for name in Frame.columns]), scores['mig']
  )


def test_what_is_masked_is_missing(leaky):
  hidden = np.arange(150)[:, None] < [0, 50, 0]
  factors = np.where(hidden, np.nan, leaky.factors)
  expected = metrics.mig(leaky.codes, factors)['mig']
  masked = np.ma.array(leaky.factors, mask=hidden)
  assert float(metrics.mig(leaky.codes, masked)['mig']) == float(expected)
  with pytest.raises(ValueError, match='NaN'):
    metrics.mig(np.ma.array(leaky.factors, mask=hidden), leaky.factors)
  texts = np.where(hidden, None, leaky.factors.astype(str).astype(object))
  texts = texts.astype(np.dtypes.StringDType(na_object=None))
  assert float(metrics.mig(leaky.codes, texts)['mig']) == float(expected)
  records = np.rec.fromarrays(list(leaky.factors.T), names='a,b,c')
  with pytest.raises(ValueError, match='structured array of a, b, c'):
    metrics.mig(leaky.codes, records)
  sparse = pytest.importorskip('scipy.sparse').csr_matrix(leaky.factors)
  with pytest.raises(ValueError, match='sparse matrix'):
    metrics.mig(leaky.codes, sparse)


BAD_LABELS = {
  'infinite labels': lambda x, y: (
    *(np.where(np.arange(len(c)) == 3, np.inf, c[:, 0]) for c in (x, y)),
  ),
  'mixed kinds': lambda x, y: (
    *(np.array([1, object], object)[np.arange(len(c)) % 2] for c in (x, y)),
  ),
  'a name of their own': lambda x, y: (_Frame(x, 'aa'), _Frame(y, 'aa')),
  'another order': lambda x, y: (_Frame(x, 'ab'), _Frame(y, 'ba')),
}


class _Frame:
  def __init__(self, codes, columns):
    self.columns = list(columns)
    self._labels = np.round(codes[:, : len(columns)])

  def __array__(self, dtype=None, copy=None):
    return self._labels


@pytest.mark.parametrize('message', BAD_LABELS)
def test_labels_that_would_be_misread_raise(message, leaky):
  codes, _, test_codes, _ = leaky.split
  labels, test_labels = BAD_LABELS[message](codes, test_codes)
  with pytest.raises(ValueError, match=message) as error:
    metrics.sap(codes, labels, test_codes, test_labels)
  assert '\n' not in str(error.value)


def test_continuous_labels_are_binned(leaky):
  """Twenty bins of equal count: quarters know log 4 / log 20 of their own."""
  random = np.random.RandomState(0)
  hue = random.rand(4000)
  codes = np.stack([hue, random.randn(4000)], 1)
  scores = metrics.mig(codes, hue)
  assert float(scores['mig']) > 0.85


@pytest.mark.parametrize('name', ['mig', 'irs', 'infomec'])
def test_offsets_and_scales_change_nothing(name, leaky):
  """Also such as float32 cannot hold beside the codes."""
  compute, main = getattr(metrics, name), metrics.METRICS[name].main
  codes = leaky.codes.astype(np.float64)
  expected = float(compute(codes, leaky.factors)[main])
  for moved in (codes + 1e8, 1e-12 * codes, 2.0**30 * codes):
    found = float(compute(moved, leaky.factors)[main])
    assert found == pytest.approx(expected, abs=5e-3)


def test_no_unit_is_too_large_or_small(leaky):
  """Squares of such codes are beyond float32, the scores are not."""
  units = np.array([1e-20, 1, 1e20, 1e-30, 1e30, 1])
  compute = metrics.unsupervised_scores
  total = 'gaussian_total_correlation'
  expected = compute(leaky.codes)
  for unit in (1e-30, 1e30, units):
    found = compute(leaky.codes * unit)
    assert float(found[total]) == pytest.approx(
      float(expected[total]), abs=1e-5
    )
    if np.ndim(unit) == 0:
      norm = 'gaussian_wasserstein_correlation_norm'
      assert float(found[norm]) == pytest.approx(
        float(expected[norm]), abs=1e-5
      )
  vote = lambda codes: metrics.factor_vae_score(
    jax.random.key(0), codes, SIZES, num_train=300, num_eval=200
  )
  expected = vote(leaky.table + np.arange(60)[:, None] % 7)
  for unit in (2.0**-80, 2.0**80):
    found = vote(unit * (leaky.table + np.arange(60)[:, None] % 7))
    assert found['eval_accuracy'] == expected['eval_accuracy'] > 0
  codes, factors = leaky.train
  split = lambda x: (x, factors, x, factors)
  for linear in (
    lambda unit: metrics.beta_vae_score(
      jax.random.key(0), unit * leaky.table, SIZES, num_train=99, num_eval=99
    ),
    lambda unit: metrics.sap(*split(unit * codes)),
    lambda unit: metrics.sap(*split(unit * codes), continuous=True),
  ):
    near, far = (float(next(iter(linear(2.0**n).values()))) for n in (35, 90))
    assert near == pytest.approx(far, abs=1e-6) and far > 0
  correlated = lambda x: float(metrics.sap(*split(x), continuous=True)['sap'])
  assert correlated(2.0**-15 * codes) == correlated(2.0**80 * codes) > 0
  assert correlated(2.0**-24 * codes) == 0  # the study's rule: var <= 1e-12
  span = np.ptp(codes, 0)
  codes = codes.astype(np.float64) - codes.min(0) - span / 2
  centred, near, far = (
    metrics.sap_matrix(*split(codes + offset * span)) for offset in (0, 7, 9)
  )  # more than eight ranges are taken off
  np.testing.assert_allclose(far, centred, atol=1e-6)
  assert np.abs(near - centred).max() > 0.1
  with pytest.raises(ValueError, match='scale them up'):
    metrics.mig(1e-40 * leaky.codes.astype(float), leaky.factors)


def test_constant_latents_are_constant_whatever_their_value(leaky):
  codes = np.pad(leaky.codes[:, :4], ((0, 0), (0, 3)), constant_values=0.1)
  codes[:, 5:] = 0.3, 3e37  # the sum of the latter is beyond float32
  with_constants, alone = (
    float(metrics.unsupervised_scores(x)['gaussian_total_correlation'])
    for x in (codes, codes[:, :4])
  )
  assert with_constants == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize('name', SPLIT[:3])
def test_one_test_point_is_enough(name, make_case):
  split = make_case('leaky', 150, 1).split
  assert np.isfinite(compiled(name, *split)[metrics.METRICS[name].main])


BAD_ARGUMENTS = [
  ('irs', {'quantile': 2}),
  ('mig', {'num_bins': 1}),
  ('mig', {'factor_sizes': (-1, 4, 5)}),
  ('mig', {'factor_sizes': (3.5, 4, 5)}),
  ('mig', {'factor_sizes': (1, 4, 5)}),
  ('mig', {'factor_sizes': (np.inf, 4, 5)}),
  ('infomec', {'num_neighbours': 0}),
  ('sap', {'penalty': -1}),
  ('sap', {'penalty': np.nan}),
  ('downstream', {'num_labels': ()}),
  ('downstream', {'num_labels': 100}),
  ('few_labels', {'num_labels': (25.5,)}),
  ('irs', {'quantile': '0.9'}),
  ('infomec', {'min_range': None}),
  ('sap', {'penalty': '1'}),
]


@pytest.mark.parametrize('name, arguments', BAD_ARGUMENTS)
def test_bad_arguments_raise_one_line(name, arguments, leaky):
  points = leaky.split if name in SPLIT else leaky.train
  with pytest.raises(ValueError, match=next(iter(arguments))) as error:
    getattr(metrics, name)(*points, **arguments)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('name', SPLIT[:3])
def test_no_codes_at_all_raise(name, leaky):
  with pytest.raises(ValueError, match=r'codes must be .* got shape \(\)'):
    getattr(metrics, name)(None, leaky.factors, None, leaky.factors)


def test_complex_codes_and_two_points_raise(leaky):
  with pytest.raises(ValueError, match='real'):
    metrics.mig(leaky.codes + 0j, leaky.factors)
  with pytest.raises(ValueError, match='fewer than 10'):
    metrics.dci(*(x[:2] for x in leaky.split))
  with pytest.raises(ValueError, match='batch_size'):
    metrics.beta_vae_score(jax.random.key(0), leaky.table, SIZES, batch_size=0)


def test_finite_tells_members_apart(leaky):
  codes = np.stack([leaky.codes] * 2)
  codes[1, 3, 1] = np.inf
  np.testing.assert_array_equal(metrics.finite(codes, codes), [True, False])


def test_infomec_leaves_out_classes_of_one_and_copies(leaky):
  """scikit-learn drops such classes; a copy of a point tells nothing new."""
  matrix = lambda *points: metrics.infomec_matrix(
    *points, factor_sizes=(3, 4, 80)
  )
  codes, factors = leaky.train
  kept, rest = np.arange(75), np.arange(75, 150)
  rare = factors.copy()
  rare[rest, 2] = 5 + np.arange(75)
  found, alone = matrix(codes, rare), matrix(codes[kept], factors[kept])
  entropies = [
    -(p * np.log(p)).sum()
    for p in (
      np.unique(x, return_counts=True)[1] / len(x)
      for x in (rare[:, 2], factors[kept, 2])
    )
  ]
  np.testing.assert_allclose(
    found[:, 2] * entropies[0], alone[:, 2] * entropies[1], atol=1e-5
  )
  twice = [np.concatenate([x[kept], x[kept]]) for x in (codes, factors)]
  np.testing.assert_allclose(matrix(*twice), alone, atol=1e-5)


def test_fewer_latents_than_factors_are_scored(leaky):
  split = [x[:, :2] if x.dtype == np.float32 else x for x in leaky.split]
  assert 0 <= float(compiled('mig', *split[:2])['mig']) <= 1
  assert 0 <= float(compiled('sap', *split)['sap']) <= 1


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
