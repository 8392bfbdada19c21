"""Floors: what is known of them, and that they stand in results and pages."""

import dataclasses

import helpers
import jax
import numpy as np
import pytest
from sklearn import decomposition

from bvae_jax import population
from bvae_jax.evaluation import floors, results, tables
from bvae_jax.evaluation import principal as principal_lib
from bvae_jax.training import experiment as experiment_lib


@pytest.fixture(scope='module')
def experiment():
  config = helpers.small_config('vae', metrics=('mig', 'udr'), seeds=(3,))
  config.evaluation.update(floors=True, num_train=200)
  return experiment_lib.build(config)


@pytest.fixture(scope='module')
def made(experiment):
  return floors.tables(experiment)


def test_the_floors_are_what_they_are_called(experiment, made):
  names, codes = made
  assert codes.mean.shape == (4, 216, 6) and len(names) == 4
  drawn, untrained, principal, independent = codes.mean
  assert abs(np.corrcoef(drawn.ravel(), principal.ravel())[0, 1]) < 0.1

  member = population.members(experiment.config)[0]
  state = helpers.initial(experiment, jax.random.key(member.seed))
  images = experiment.dataset.images(np.arange(216))
  mean, _ = experiment.encode(state.params, images)
  np.testing.assert_allclose(untrained, mean, atol=1e-5)

  # FastICA turns white components: the same space, the same lengths.
  turn, *_ = np.linalg.lstsq(principal - principal.mean(0), independent)
  np.testing.assert_allclose(
    independent,
    (principal - principal.mean(0)) @ turn + independent.mean(0),
    atol=1e-3,
  )


@pytest.mark.parametrize('dense', [1000, 0])
@pytest.mark.parametrize('count', [30, 12])  # of pixels there are 20
def test_components_of_pixels_are_scikit_learns(count, dense, monkeypatch):
  monkeypatch.setattr(principal_lib, '_DENSE', dense)
  images = np.random.default_rng(0).normal(size=(count, 4, 5, 1))
  found = floors.project(*floors.principal_axes(images, 3), images)
  expected = decomposition.PCA(3, whiten=True, svd_solver='full').fit_transform(
    images.reshape(count, 20)
  )
  expected *= np.sqrt(count / (count - 1))  # scikit-learn's variance has ddof 1
  expected *= np.sign((np.asarray(found) * expected).sum(0))
  np.testing.assert_allclose(found, expected, atol=1e-4)
  few = floors.project(*floors.principal_axes(images[:3], 6), images)
  assert (few[:, 2:] == 0).all() and (few[:, :2].std(0) > 0.1).all()
  alike = floors.project(*floors.principal_axes(images * 0, 3), images)
  assert (alike == 0).all()


def test_they_are_scored_kept_and_merged(experiment, made, monkeypatch):
  monkeypatch.setattr(floors, 'tables', lambda _: made)
  found = floors.scored(experiment)
  assert set(found['random codes']) >= {'mig', 'mig/shape'}
  assert found['random codes']['mig'] < 0.1
  facts = results.DatasetFacts('x', 'x', ('a',), (2,), (1, 1, 1), 2)
  member = results.Member(0, {}, 'ok', 1, {'elbo': -1.0}, 1, {'mig': 0.5})
  settings = {'seed': 0}
  before = results.Results(
    'vae', facts, results.Provenance.here(), (member,), settings
  )
  asked = {'seed': 0, 'transform': 'none', 'floors': True}
  assert before.missing(('mig',), settings) == ()
  assert before.missing(('mig',), asked) == ('mig',)
  after = results.Results(
    'vae', facts, results.Provenance.here(), (member,), asked, found
  )
  again = results.Results.from_json(before.merged(after).to_json())
  assert again.floors == found and again.missing(('mig',), asked) == ()
  assert 'random codes' in tables.table(again)
  other = dataclasses.replace(facts, factor_sizes=(0,))
  assert dataclasses.replace(before, dataset=other).merged(after) is after
