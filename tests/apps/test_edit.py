"""A perfect coder edits perfectly, the figures say so; too few labels."""

import numpy as np
import pytest

from bvae_jax.apps import coders, edit, responses


@pytest.fixture(scope='module')
def everything(world):
  return coders.take(world.dataset, np.arange(30))


@pytest.mark.parametrize('place', (0, 1, 2))
def test_an_edit_reaches_its_value_and_moves_nothing_else(
  world, everything, place
):
  factor = world.dataset.factors.factors[place]
  values = everything.factors[:, place]
  wanted = (values + 1) % factor.size
  done = edit.edit(
    world.coder, everything.images, wanted, everything, place, factor
  )
  assert done.latent == world.coder.order.index(place)
  assert done.share == pytest.approx(1)
  np.testing.assert_allclose(done.reencoded, 1, atol=1e-5)
  np.testing.assert_allclose(done.drift, 0, atol=1e-5)
  truth = edit.measure(world.dataset, done, everything.factors, place, wanted)
  assert truth.progress == 1 and truth.arrived == 1
  assert not np.delete(truth.moved, place).any() and not truth.kept.any()
  assert truth.error < 1e-5


def test_a_wrong_latent_makes_no_progress(world, everything):
  factor = world.dataset.factors.factors[1]
  wanted = (everything.factors[:, 1] + 1) % 3
  done = edit.edit(
    world.coder, everything.images, wanted, everything, 1, factor, latent=3
  )
  truth = edit.measure(world.dataset, done, everything.factors, 1, wanted)
  assert truth.progress == 0 and not truth.moved.any()


def test_what_a_factor_adds_to_another(world):
  factor = world.dataset.factors.factors[0]
  rng = np.random.default_rng(0)
  sensitive = np.repeat([0, 1], 200)
  other = np.where(rng.random(400) < 0.9, sensitive, 1 - sensitive)
  codes = np.stack([other, sensitive], 1) + 0.01 * rng.normal(size=(400, 2))
  alone = responses.fit(codes, sensitive, factor)
  assert alone.share[0] > 0.5
  beside = responses.features(other, factor)
  added = responses.fit(codes, sensitive, factor, beside=beside).share
  # A perfect code of the one keeps the variance that the other leaves of it.
  left = 1 - np.corrcoef(sensitive, other)[0, 1] ** 2
  np.testing.assert_allclose(added, [0, left], atol=0.01)


def test_too_few_labels_are_one_line(world, everything):
  factor = world.dataset.factors.factors[2]
  with pytest.raises(ValueError, match='too few for fine'):
    responses.fit(np.zeros((4, 2)), [0, 1, 2, 3], factor)
  with pytest.raises(ValueError, match='one value of fine'):
    responses.fit(np.zeros((9, 2)), [2] * 9, factor)
  with pytest.raises(ValueError, match='has no factor'):
    coders.factor(world.dataset, 'colour', 'edit')
  with pytest.raises(ValueError, match='class 1 has one example'):
    coders.require_classes(np.array([0, 0, 1]), 'transfer')
  with pytest.raises(ValueError, match='all of one class'):
    coders.require_classes(np.array([0, 0]), 'transfer')


def test_a_pca_of_all_components_is_exact(everything):
  pca = coders.fit_pca(everything.images, 4)
  codes, _ = pca.encode(everything.images)
  np.testing.assert_allclose(pca.decode(codes), everything.images, atol=1e-4)
  np.testing.assert_allclose(codes[:, :3].std(0), 1, atol=1e-4)
  np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(4), atol=1e-5)
  with pytest.raises(ValueError, match='PCA of 9'):
    coders.fit_pca(everything.images, 9)
