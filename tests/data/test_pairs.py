"""Pairs of observed images, which are no whole grid."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data

RNG = np.random.default_rng(0)
LABELS = np.stack([RNG.integers(0, n, 24) for n in (2, 3, 2)], axis=1)


def law(num_changed):
  """p(second | first) [N, N], by its definition."""
  choices = list(itertools.combinations(range(3), num_changed))
  found = np.zeros((24, 24))
  for choice in choices:
    kept = [k for k in range(3) if k not in choice]
    agree = (LABELS[:, None, kept] == LABELS[None, :, kept]).all(-1)
    found += agree / agree.sum(1, keepdims=True) / len(choices)
  return found


@pytest.mark.parametrize('num_changed', [1, 2, 3, 'uniform', 'dlib'])
def test_the_second_is_one_that_agrees(num_changed):
  count = 3000
  first = jnp.arange(24 * count, dtype=jnp.int32) % 24
  second = jax.jit(data.pairs_of_table(LABELS, num_changed))(
    jax.random.key(0), first
  )
  assert second.dtype == jnp.int32
  seen = np.zeros((24, 24))
  np.add.at(seen, (np.asarray(first), np.asarray(second)), 1 / count)
  random = (law(1) + law(2)) / 2
  dlib = (law(1) + random) / 2
  expected = {'uniform': random, 'dlib': dlib}.get(num_changed)
  expected = law(num_changed) if expected is None else expected
  np.testing.assert_allclose(seen, expected, atol=0.045)


@pytest.mark.parametrize('num_changed', [0, 4, 'all'])
def test_bad_num_changed(num_changed):
  with pytest.raises(ValueError, match='num_changed must be 1 to 3'):
    data.pairs_of_table(LABELS, num_changed)


def test_images_that_share_nothing_are_refused():
  with pytest.raises(ValueError, match='no two images agree') as caught:
    data.pairs_of_table(np.arange(12).reshape(6, 2), 1)
  assert 'options.num_changed=1' in str(caught.value)
  with pytest.raises(ValueError, match='set options.num_changed to 1'):
    data.pairs_of_table(np.zeros((50_000, 9), int), 'uniform')
