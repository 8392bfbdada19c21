"""Distributions of the samplers, and their jit and vmap."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data

KEY = jax.random.key(0)
SIZES = (3, 6, 8, 4)
COUNT = 40_000


@functools.cache
def pairs(num_changed):
  """The factors of many pairs, each [COUNT, K]."""
  draw = jax.jit(
    lambda key: data.sample_pairs(key, COUNT, SIZES, num_changed=num_changed)
  )
  return [np.asarray(data.index_to_factors(i, SIZES)) for i in draw(KEY)]


def share_of_counts(num_changed):
  """The probability of each k from 0 to K = 4."""
  random = np.array([0, 1, 1, 1, 0]) / 3
  if num_changed == 'uniform':
    return random
  if num_changed == 'dlib':
    return (random + np.eye(5)[1]) / 2
  return np.eye(5)[num_changed]


def test_index_is_uniform_with_replacement():
  index = data.sample_index(KEY, COUNT, 10)
  assert index.dtype == jnp.int32
  counts = np.bincount(index, minlength=10)
  # Chi squared with 9 degrees of freedom: 27.9 is its 0.999 quantile.
  assert np.sum((counts - COUNT / 10) ** 2 / (COUNT / 10)) < 27.9
  assert len(counts) == 10


@pytest.mark.parametrize('num_changed', [1, 3, 4, 'uniform', 'dlib'])
def test_pairs_differ_as_often_as_expected(num_changed):
  first, second = pairs(num_changed)
  share = share_of_counts(num_changed)
  # A factor is drawn afresh with E[k]/K and then differs with 1 - 1/size.
  expected = share @ np.arange(5) / 4 * (1 - 1 / np.array(SIZES))
  np.testing.assert_allclose(np.mean(first != second, 0), expected, atol=0.01)
  assert np.sum(first != second, 1).max() == np.flatnonzero(share).max()


@pytest.mark.parametrize('num_changed', [1, 'uniform', 'dlib'])
def test_both_of_a_pair_are_uniform(num_changed):
  for factors in pairs(num_changed):
    for column, size in zip(factors.T, SIZES):
      share = np.bincount(column, minlength=size) / COUNT
      np.testing.assert_allclose(share, 1 / size, atol=0.01)


@pytest.mark.parametrize('num_changed', ['uniform', 'dlib'])
def test_number_of_changed_factors(num_changed):
  # With so many values a fresh one is hardly ever the old one: k shows.
  sizes = (200,) * 4
  one, two = data.sample_pairs(KEY, COUNT, sizes, num_changed=num_changed)
  changed = data.index_to_factors(one, sizes) != data.index_to_factors(
    two, sizes
  )
  share = np.bincount(changed.sum(1), minlength=5) / COUNT
  np.testing.assert_allclose(share, share_of_counts(num_changed), atol=0.02)


def test_vmap_equals_loop():
  keys = jax.random.split(KEY, 3)
  draw = jax.jit(
    lambda key: data.sample_pairs(key, 5, SIZES, num_changed='uniform')
  )
  together = jax.vmap(draw)(keys)
  for i, key in enumerate(keys):
    for batch, alone in zip(together, draw(key)):
      np.testing.assert_array_equal(batch[i], alone)


@pytest.mark.parametrize('num_changed', [0, 5, -1, 1.5, 'all'])
def test_bad_num_changed(num_changed):
  with pytest.raises(ValueError, match='num_changed must be 1 to 4'):
    data.sample_pairs(KEY, 8, SIZES, num_changed=num_changed)


def test_a_random_number_needs_two_factors():
  with pytest.raises(ValueError, match='with two factors or more'):
    data.sample_pairs(KEY, 8, (3,), num_changed='uniform')


@pytest.mark.parametrize('batch_size, num_images', [(0, 5), (5, 0)])
def test_bad_sizes(batch_size, num_images):
  with pytest.raises(ValueError, match='must be at least 1'):
    data.sample_index(KEY, batch_size, num_images)
