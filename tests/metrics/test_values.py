"""Scores of points agree with scikit-learn, on representations of all kinds."""

import jax
import metrics_reference as reference
import numpy as np
import pytest

from bvae_jax import metrics

SIZES = (3, 4, 5)


def assert_scores(actual, expected, atol):
  assert set(expected) <= set(actual)
  for name, value in expected.items():
    assert abs(float(actual[name]) - float(value)) <= atol, name


def test_mig(case):
  assert_scores(metrics.mig(*case.train), reference.mig(*case.train), 1e-4)


def test_sap(case):
  np.testing.assert_allclose(
    metrics.sap_matrix(*case.split),
    reference.sap_matrix(*case.split),
    atol=0.01,
  )
  assert_scores(metrics.sap(*case.split), reference.sap(*case.split), 0.01)


def test_sap_with_two_classes(leaky):
  """LIBLINEAR weights both classes where there are but two."""
  codes, factors, test_codes, test_factors = leaky.split
  halves = [(x[:, 1:] > 1).astype(np.int32) for x in (factors, test_factors)]
  split = codes, halves[0], test_codes, halves[1]
  np.testing.assert_allclose(
    metrics.sap_matrix(*split), reference.sap_matrix(*split), atol=0.003
  )


def test_sap_continuous(case):
  assert_scores(
    metrics.sap(*case.split, continuous=True),
    reference.sap_continuous(*case.train),
    1e-4,
  )


def test_modularity_explicitness(case):
  assert_scores(
    metrics.modularity_explicitness(*case.split),
    reference.modularity_explicitness(*case.split),
    2e-3,
  )


def test_irs(case):
  assert_scores(metrics.irs(*case.train), reference.irs(*case.train), 1e-4)


def test_irs_of_constant_codes_is_zero(perfect):
  codes = np.ones_like(perfect.codes)
  assert float(metrics.irs(codes, perfect.factors)['irs']) == 0


def test_irs_may_be_below_zero():
  """Groups of 19 points at 1 and one at -1, or the reverse: 1 - 1.558."""
  group = np.repeat([0, 1], 20)
  codes = np.where(np.arange(40) % 20 == 0, -1, 1) * (1 - 2 * group)
  found = metrics.irs(np.stack([codes, codes], 1), group)['irs']
  assert float(found) == pytest.approx(1 - (0.1 + 0.81 * 1.8), abs=1e-5)


def test_infomec(case):
  """Looser where codes tie: the reference then draws noise to break ties."""
  tied = len(np.unique(case.codes[:, 0])) < 10
  assert_scores(
    metrics.infomec(*case.train),
    reference.infomec(*case.train),
    0.03 if tied else 0.005,
  )


def test_infomec_of_discrete_codes(make_case):
  """Counted, not by neighbours; rounding of a value leaves it what it is."""
  case = make_case('leaky', 300, 10)
  codes = np.round(case.codes * np.array([1, 1, 2, 1, 0, 0])) / 4 + 0.0
  expected = reference.infomec(codes, case.factors, discrete=True)
  codes *= 1 + 1e-6 * np.random.RandomState(0).randn(*codes.shape)

  @jax.jit
  def infomec(codes):
    sample = metrics.Sample(codes, case.factors, *[None] * 4)
    compute = metrics.METRICS['infomec_discrete'].compute
    return compute(jax.random.key(0), sample, SIZES).scores

  assert_scores(infomec(codes), expected, 0.01)
  assert np.isnan(infomec(case.codes.astype(float))['infom'])  # > 32 values
  with pytest.raises(ValueError, match='values in 300 points, more than 32'):
    metrics.infomec(*case.train, discrete=True)


def test_infomec_pruning_is_an_option(perfect):
  """Latents of 1 % of the range stay in only when the rule says so."""
  scores = [
    metrics.infomec(*perfect.train, min_range=share) for share in (0.05, 0.0)
  ]
  assert [float(score['num_active']) for score in scores] == [3, 6]


@pytest.mark.parametrize('kind', ['perfect', 'rotated', 'noise', 'leaky'])
def test_unsupervised(kind, make_case):
  codes = make_case(kind).codes
  assert_scores(
    metrics.unsupervised_scores(codes), reference.unsupervised(codes), 1e-3
  )


def test_wasserstein_correlation_of_latents_of_many_scales(make_case):
  """No latent's share is lost in the rounding of a far larger one's."""
  codes = make_case('noise').codes * np.logspace(-3, 2, 6, dtype=np.float32)
  name = 'gaussian_wasserstein_correlation_norm'
  found = float(metrics.unsupervised_scores(codes)[name])
  expected = reference.unsupervised(codes.astype(np.float64))[name]
  assert 0 <= found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize('points, latents', [(4000, 4), (20, 30)])
def test_wasserstein_correlation_keeps_its_digits(points, latents):
  """Of nearly independent latents, and of more latents than points."""
  codes = np.random.RandomState(0).normal(size=(points, latents))
  codes = codes.astype(np.float32)
  name = 'gaussian_wasserstein_correlation'
  found = float(metrics.unsupervised_scores(codes)[name])
  covariance = np.cov(codes.astype(np.float64), rowvar=False)
  std = np.sqrt(np.diag(covariance))
  roots = np.linalg.eigvalsh(std[:, None] * covariance * std).clip(0) ** 0.5
  expected = 2 * (std**2).sum() - 2 * roots.sum()
  assert found == pytest.approx(expected, rel=1e-4)


def test_total_correlation_of_duplicates_is_finite(perfect):
  """Two pairs of equal latents: log(1 / eps) / 2 nats each, not infinity."""
  codes = np.concatenate([perfect.codes[:, :2]] * 2, 1)
  score = metrics.unsupervised_scores(codes)['gaussian_total_correlation']
  assert 10 < float(score) < 17


@pytest.mark.parametrize(
  'kind, points',
  [
    ('leaky', (1100, 400)),
    ('duplicated', (400, 400)),
    ('collapsed', (400, 400)),
  ],
)
def test_dci(kind, points, make_case):
  """Trees try every split of few points, and those between bins of many."""
  case = make_case(kind, *points)
  assert_scores(metrics.dci(*case.split), reference.dci(*case.split), 0.02)


def test_dci_backends_agree(leaky):
  split = tuple(x[:400] for x in leaky.split)
  assert_scores(
    metrics.dci(*split), metrics.dci(*split, backend='sklearn'), 0.02
  )
  with pytest.raises(ValueError, match='jit'):
    jax.jit(lambda c: metrics.dci(c, *split[1:], backend='sklearn'))(split[0])


def test_ideal_representation(perfect, make_case):
  """Known answers: every factor alone in a latent of its own."""
  scores = metrics.dci(*make_case('perfect', 400, 400).split)
  assert float(scores['disentanglement']) > 0.99
  assert float(scores['completeness']) > 0.99
  assert float(scores['informativeness_test']) == 1
  np.testing.assert_allclose(metrics.mig(*perfect.train)['mig'], 1, atol=0.03)
  np.testing.assert_allclose(metrics.irs(*perfect.train)['irs'], 1, atol=0.02)
  infomec = metrics.infomec(*perfect.train)
  np.testing.assert_allclose(infomec['infom'], 1, atol=0.05)
  np.testing.assert_allclose(infomec['infoc'], 1, atol=0.05)


def test_few_labels_are_the_first_points(make_case):
  case = make_case('leaky', 300, 20)
  found = metrics.few_labels(*case.train, num_labels=(50, 1000))
  for name, count in (('mig_50', 50), ('mig_300', 300)):
    expected = metrics.mig(case.codes[:count], case.factors[:count])['mig']
    assert float(found[name]) == pytest.approx(float(expected), abs=1e-6)
  assert [*found] == ['mig', 'mig_50', 'mig_300']  # as many as there are
  other_way = metrics.few_labels(*case.train, num_labels=(1000, 50))
  assert other_way['mig'] == found['mig'] == found['mig_50']
  with pytest.raises(ValueError, match='num_labels must be .* 20 or more each'):
    metrics.few_labels(*case.train, num_labels=(5,))
  factors = np.where(np.arange(300)[:, None] < 50, 1, case.factors)
  factors[:50, 2] = case.factors[:50, 2]  # the others are constant there
  found = metrics.few_labels(case.codes, factors, num_labels=(50,))
  alone = metrics.mig(case.codes[:50], factors[:50, 2])['mig']
  assert float(found['mig']) == pytest.approx(float(alone) / 3, abs=1e-6)
