"""A perfect coder edits perfectly, the figures say so; too few labels."""

import dataclasses
import pathlib

import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.apps import coders, edit, linear, renders, responses, truth
from bvae_jax.apps.options import Options


@pytest.fixture(scope='module')
def everything(world):
  return coders.take(world.dataset, np.arange(30))


def measured(world, done, sample, place, wanted):
  judge = renders.judge(world.dataset, sample, sample.index)
  starts = truth.starts(sample.factors, place, wanted)
  return truth.measure(
    judge, world.dataset.factors.factors, done.images,
    judge(done.reconstructions, starts)[0], sample.factors, place, wanted,
  )  # fmt: skip


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
  found = measured(world, done, everything, place, wanted)
  assert found.progress == 1 and found.arrived == 1
  assert not np.delete(found.moved, place).any() and not found.kept.any()
  assert found.error < 1e-5


def test_a_wrong_latent_makes_no_progress(world, everything):
  factor = world.dataset.factors.factors[1]
  wanted = (everything.factors[:, 1] + 1) % 3
  done = edit.edit(
    world.coder, everything.images, wanted, everything, 1, factor, latent=3
  )
  found = measured(world, done, everything, 1, wanted)
  assert found.progress == 0 and not found.moved.any()


@dataclasses.dataclass(frozen=True)
class Leaky:
  """A coder in units of its own; its latent 1 draws on what latent 0 does."""

  coder: object
  unit: float
  num_latents: int = 4

  def encode(self, images):
    mean, logvar = self.coder.encode(images)
    return mean * self.unit, logvar if self.unit == 1 else logvar - np.inf

  def decode(self, z):
    moved = np.asarray(z) / self.unit
    moved[:, 0] += 0.25 * moved[:, 1]
    return self.coder.decode(moved)


def test_how_far_other_latents_drift_is_the_same_in_any_unit(world, everything):
  factor = world.dataset.factors.factors[0]
  wanted = 1 - everything.factors[:, 0]
  drifts = [
    edit.edit(
      Leaky(world.coder, unit), everything.images, wanted, everything, 0, factor
    ).drift
    for unit in (1, 1e-2)  # posterior means, and points
  ]
  assert drifts[0].mean() > 0.1
  np.testing.assert_allclose(*drifts, rtol=1e-4)


@pytest.mark.parametrize('place', (0, 2))
def test_an_edit_of_observed_points(scattered, place):
  dataset, coder = scattered
  options = Options(pathlib.Path(), labels=(40,), images=60, repeats=1)
  bench = truth.bench(dataset, options, place)
  assert not set(bench.work.index) & set(bench.basis.index)
  assert (bench.wanted != bench.work.factors[:, place]).all()
  assert np.nanmax(bench.error) < 0.1
  known = dataset.factors.factors
  (draw,) = bench.draws
  done = edit.edit(
    coder, bench.work.images, bench.wanted, draw, place, known[place]
  )
  found = truth.measure(
    bench.judge, known, done.images,
    bench.judge(done.reconstructions, None)[0], bench.work.factors, place,
    bench.wanted,
  )  # fmt: skip
  assert found.progress > 0.9 and found.arrived > 0.8
  assert np.nanmax(np.delete(found.moved, place)) < 0.1
  with pytest.raises(ValueError, match='give fewer --labels or --images'):
    truth.bench(dataset, options._replace(labels=(150,)), place)


def test_what_a_factor_adds_to_another(world):
  factor = world.dataset.factors.factors[0]
  rng = np.random.default_rng(0)
  sensitive = np.repeat([0, 1], 200)
  other = np.where(rng.random(400) < 0.9, sensitive, 1 - sensitive)
  codes = np.stack([other, sensitive], 1) + 0.01 * rng.normal(size=(400, 2))
  alone = responses.fit(codes, sensitive, factor)
  assert alone.share[0] > 0.5
  beside = responses.features(other, factor)
  ends = data.Factor('share', 'continuous', 0), data.Factor('of', 'ordinal', 5)
  for one, values in zip(ends, ([0, 0.5, 1], [0, 2, 4])):
    cubic = np.vander([-1.0, 0, 1], increasing=True, N=4)
    np.testing.assert_array_equal(responses.features(values, one), cubic)
  added = responses.fit(codes, sensitive, factor, beside=beside).share
  # A perfect code of the one keeps the variance that the other leaves of it.
  left = 1 - np.corrcoef(sensitive, other)[0, 1] ** 2
  np.testing.assert_allclose(added, [0, left], atol=0.01)


@pytest.mark.parametrize(
  ('named', 'told'),
  [
    (None, 'No latent follows x: it explains 0.20 of the best one. The '),
    (3, 'z3 is not of x: it explains 0.20 of it. The edit does not do'),
  ],
)
def test_a_poor_latent_is_told_by_whose_choice_it_was(named, told):
  figures = {'this run': {'share': {'mean': 0.2}}}
  assert next(edit._notes('x', figures, named)).startswith(told)


def test_too_few_labels_are_one_line(world, everything):
  factor = world.dataset.factors.factors[2]
  with pytest.raises(ValueError, match='too few for fine'):
    responses.fit(np.zeros((4, 2)), [0, 1, 2, 3], factor)
  with pytest.raises(ValueError, match='one value of fine'):
    responses.fit(np.zeros((9, 2)), [2] * 9, factor)
  # What another factor explains beside it takes terms too.
  both = {'factor': factor, 'beside': np.eye(4)[[0, 1, 2, 3] * 2]}
  values = np.array([0, 1, 2, 3, 4, 0, 2, 1])
  with pytest.raises(ValueError, match='8 .* are too few .* --labels=9'):
    responses.fit(np.random.default_rng(0).normal(size=(8, 2)), values, **both)
  # A kind without an example calls for the mean, no code of its own.
  kinds = data.Factor('kind', 'categorical', 3)
  codes = np.array([5.0, 5, 7, 7])[:, None]
  found = responses.fit(codes, [0, 0, 2, 2], kinds)
  np.testing.assert_allclose(found.at([0, 1, 2])[:, 0], [5, 6, 7])
  with pytest.raises(ValueError, match='has no factor'):
    coders.factor(world.dataset, 'colour', 'edit')
  with pytest.raises(ValueError, match='have one example'):
    coders.require_classes(np.array([0, 0, 1]), 'transfer')
  with pytest.raises(ValueError, match='all of one class'):
    coders.require_classes(np.array([0, 0]), 'transfer')


def test_a_pca_of_all_components_is_exact(everything):
  pca = linear.fit_pca(everything.images, 4)
  codes, _ = pca.encode(everything.images)
  np.testing.assert_allclose(pca.decode(codes), everything.images, atol=1e-4)
  np.testing.assert_allclose(codes[:, :3].std(0), 1, atol=1e-4)
  np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(4), atol=1e-5)
  with pytest.raises(ValueError, match='PCA of 9'):
    linear.fit_pca(everything.images, 9)
