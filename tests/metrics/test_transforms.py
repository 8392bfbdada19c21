"""Whitening and FastICA, against scikit-learn and against what is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import decomposition

from bvae_jax import metrics, score
from bvae_jax.evaluation import points as points_lib

KEY = jax.random.key(0)


@pytest.fixture(scope='module')
def mixture():
  """Four independent sources of different shapes [N, 4], and a mixture."""
  rng = np.random.default_rng(0)
  sources = np.stack(
    [
      rng.uniform(-1, 1, 4000),
      rng.laplace(size=4000),
      rng.integers(0, 3, 4000).astype(float),
      rng.choice([-1.0, 1.0], 4000),
    ],
    axis=1,
  )
  return sources, (sources @ rng.normal(size=(4, 4))).astype(np.float32)


def correlations(left, right):
  """|correlation| [D, E] of two sets of columns."""
  width = left.shape[1]
  return np.abs(np.corrcoef(left.T, right.T)[:width, width:])


def is_matching(table, atol):
  """Whether |correlations| are those of a permutation."""
  ones = table > 0.5
  assert (ones.sum(0) == 1).all() and (ones.sum(1) == 1).all()
  np.testing.assert_allclose(table, ones, atol=atol)


def test_ica_is_scikit_learns_up_to_order_and_sign(mixture):
  sources, codes = mixture
  fitted = metrics.ica(codes, KEY)
  found = np.asarray(fitted(codes))
  reference = decomposition.FastICA(
    whiten='unit-variance', random_state=0, tol=1e-7, max_iter=1000
  )
  expected = reference.fit_transform(codes.astype(np.float64))
  assert fitted.unsettled < 1e-5
  is_matching(correlations(found, expected), atol=2e-4)
  is_matching(correlations(found, sources), atol=0.06)
  np.testing.assert_allclose(found.std(0), 1, rtol=1e-4)
  np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)


def test_pca_is_scikit_learns_up_to_sign(mixture):
  _, codes = mixture
  found = np.asarray(metrics.pca(codes)(codes))
  reference = decomposition.PCA(whiten=True)
  expected = reference.fit_transform(codes.astype(np.float64))
  expected *= np.sqrt(len(codes) / (len(codes) - 1))  # its variance: ddof 1
  expected *= np.sign((found * expected).sum(0))
  np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize('name', metrics.TRANSFORMS)
def test_idle_latents_become_nothing_and_disturb_nothing(mixture, name):
  _, codes = mixture
  rng = np.random.default_rng(1)
  noise = 1e-3 * rng.normal(size=(len(codes), 1))
  wide = np.concatenate([codes, np.full_like(noise, 3), noise], 1)
  fit = metrics.TRANSFORMS[name]
  found, alone = fit(wide, KEY)(wide), fit(codes, KEY)(codes)
  assert np.all(np.asarray(found)[:, 4:] == 0)
  is_matching(correlations(np.asarray(found)[:, :4], np.asarray(alone)), 1e-3)
  nothing = fit(np.ones((5, 3)), KEY)(np.ones((5, 3)))
  np.testing.assert_array_equal(nothing, np.zeros((5, 3)))


def test_scale_offset_and_vmap_change_nothing(mixture):
  _, codes = mixture
  far = np.stack([codes, codes * 1e18, codes + 1e3]).astype(np.float32)
  fit = lambda x: metrics.ica(x, KEY)(x)
  found = np.asarray(jax.vmap(fit)(far))
  for moved, one in zip(found, far):
    np.testing.assert_allclose(moved, fit(one), atol=1e-3)
    np.testing.assert_allclose(moved, found[0], atol=2e-2)
  with jax.enable_x64(True):
    exact = metrics.ica(jnp.asarray(codes, jnp.float64), KEY)
    assert exact.matrix.dtype == jnp.float64
    is_matching(correlations(found[0], exact(codes)), 1e-4)
  short = codes[:50].astype(np.float16)
  for same in (
    short.tolist(),
    short.astype('>f4'),
    short.astype('f4').astype(str),
  ):
    np.testing.assert_array_equal(
      metrics.pca(same).matrix, metrics.pca(short).matrix
    )


def test_a_rotated_code_is_scored_as_what_it_was():
  """ICA undoes a rotation of independent factors."""
  rng = np.random.default_rng(0)
  factors = rng.integers(0, 5, (3000, 3))
  turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
  plain, turned = (
    score.score(factors @ turn, factors, transform=name, metrics_names=('mig',))
    for name in ('none', 'ica')
  )
  assert plain.values('mig')[0] < 0.5 and plain.transform == 'none'
  assert turned.values('mig')[0] > 0.85 and turned.transform == 'ica'


def test_test_points_are_transformed_but_not_fitted_on(mixture):
  _, codes = mixture
  members = np.stack([codes, codes[:, ::-1]])
  points = metrics.Sample(
    members[:, :3000], None, members[:, 3000:], None, members, members
  )
  found = points_lib.transformed('ica', 0, points)
  other = points._replace(test_codes=9 * points.test_codes)
  np.testing.assert_array_equal(
    points_lib.transformed('ica', 0, other).codes, found.codes
  )
  np.testing.assert_allclose(found.code_table[:, :3000], found.codes, atol=1e-5)
  np.testing.assert_allclose(
    found.code_table[:, 3000:], found.test_codes, atol=1e-5
  )
  np.testing.assert_allclose(found.codes[0], found.codes[1], atol=1e-2)
  assert found.logvar_table is None
