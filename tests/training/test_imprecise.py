"""Labels that are coarse, wrong or missing, by hand and by their shares."""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax.training import batches, imprecise
from bvae_jax.training import experiment as experiment_lib

SIZES = (3, 8, 40)
KEY = jax.random.key(0)
VALUES = jnp.array([[0, 0, 0], [1, 3, 19], [2, 7, 39]])


def labels(kind, values=VALUES, key=KEY):
  return imprecise.labels(kind, key, jnp.arange(len(values)), values, SIZES)


def test_perfect_and_binned_by_hand():
  expected = [[0, 0, 0], [1 / 2, 3 / 7, 19 / 39], [1, 1, 1]]
  np.testing.assert_allclose(labels('perfect'), expected, rtol=1e-6)
  # Three values stay; of 8 and 40, five bins: 3 * 5 // 8 = 1, 19 * 5 // 40 = 2.
  expected = [[0, 0, 0], [1 / 2, 1 / 4, 2 / 4], [1, 1, 1]]
  np.testing.assert_allclose(labels('binned'), expected, rtol=1e-6)


def test_one_label_in_ten_is_random_and_stays_so():
  many = jnp.tile(jnp.array([[0, 0, 0]]), (20_000, 1))
  found = labels('noisy', many)
  # A random label is the true one in one case of V.
  share = 0.1 * (1 - 1 / np.array(SIZES))
  np.testing.assert_allclose((found > 0).mean(0), share, atol=0.01)
  np.testing.assert_array_equal(found, labels('noisy', many))
  assert not np.array_equal(found, labels('noisy', many, jax.random.key(1)))


def test_partial_labels_are_of_two_factors_a_member():
  whole = np.asarray(labels('perfect'))
  chosen = set()
  for seed in range(20):
    found = np.asarray(labels('partial', key=jax.random.key(seed)))
    assert found.shape == (3, 2)
    pair = [int(np.argmin(np.abs(whole - x[:, None]).sum(0))) for x in found.T]
    chosen.add(tuple(pair))
  assert len(chosen) == 6  # ordered pairs of three


@pytest.mark.parametrize('kind', imprecise.KINDS)
def test_a_batch_has_the_labels_of_its_option(kind):
  config = helpers.small_config('semi_supervised', options={'labels': kind})
  experiment = experiment_lib.build(config)
  dataset = experiment.dataset
  source = batches.Source(dataset, dataset.images, experiment.context, KEY)
  index = {batches.LABELLED: jnp.arange(16)}
  found = batches.look_up(index, source)['labels']
  expected = imprecise.labels(
    kind, KEY, jnp.arange(16), dataset.labels(jnp.arange(16)),
    dataset.factor_sizes,
  )  # fmt: skip
  np.testing.assert_array_equal(found, expected)


def test_an_unknown_kind():
  with pytest.raises(ValueError, match="options.labels='fine' is unknown; v"):
    labels('fine')
