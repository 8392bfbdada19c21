"""Draws that compile sooner are those of `jax.random`, to the last bit."""

import jax
import numpy as np
import pytest

from bvae_jax import draws

SHAPES = ((), (7,), (64, 5), (3, 20, 10), (0, 4))
MEMBERS = 3


@pytest.mark.parametrize('name', ['bits', 'normal', 'uniform'])
def test_numbers(name):
  theirs, ours = getattr(jax.random, name), getattr(draws, name)
  draw_all = lambda draw, key: [draw(key, shape) for shape in SHAPES]
  keys = jax.random.split(jax.random.key(0), MEMBERS)
  want = jax.vmap(lambda key: draw_all(theirs, key))(keys)
  got = jax.jit(jax.vmap(lambda key: draw_all(ours, key)))(keys)
  for a, b in zip(got, want, strict=True):
    np.testing.assert_array_equal(a, b)


def test_bounds_and_type():
  key, options = jax.random.key(1), (np.float16, -2.0, 3.0)
  want = jax.random.uniform(key, (5, 4), *options)
  got = draws.uniform(key, (5, 4), *options)
  assert got.dtype == want.dtype
  np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize('shape', [(1, 3), (9, 4), (700, 12)])  # or two rounds
def test_shuffles(shape):
  x = np.arange(np.prod(shape)).reshape(shape)
  key = jax.random.key(2)
  want = jax.random.permutation(key, x, axis=0, independent=True)
  np.testing.assert_array_equal(draws.shuffle(key, x), want)


def test_a_seed_is_a_key_of_threefry_whatever_flags_say():
  """Written out: the numbers of seed 5 since JAX 0.5."""
  with jax.default_prng_impl('rbg'):
    key = draws.key(5)
    same = draws.of_data(jax.random.key_data(key))
    got = jax.random.bits(key, (2,)), jax.random.bits(same, (2,))
  np.testing.assert_array_equal(got, [[2003086470, 3955154020]] * 2)
  told = r'JAX_THREEFRY_PARTITIONABLE=False: unset it'
  with jax.threefry_partitionable(False), pytest.raises(ValueError, match=told):
    draws.key(5)
