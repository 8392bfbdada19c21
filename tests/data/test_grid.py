"""The factor grid against itertools.product."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data

SIZES = (3, 2, 5)


def test_grid_is_the_product_with_the_last_factor_fastest():
  expected = np.array(list(itertools.product(*map(range, SIZES))))
  grid = data.factor_grid(SIZES)
  assert grid.dtype == jnp.int32
  np.testing.assert_array_equal(grid, expected)


def test_index_and_factors_are_inverse_under_jit_and_vmap():
  index = jnp.arange(30).reshape(5, 6)
  factors = jax.jit(lambda i: data.index_to_factors(i, SIZES))(index)
  np.testing.assert_array_equal(
    factors, np.stack(np.unravel_index(index, SIZES), axis=-1)
  )
  back = jax.vmap(jax.jit(lambda f: data.factors_to_index(f, SIZES)))(factors)
  np.testing.assert_array_equal(back, index)


@pytest.mark.parametrize('sizes', [(), (3, 0), (2**16, 2**16)])
def test_bad_sizes(sizes):
  with pytest.raises(ValueError, match='factor_sizes must be'):
    data.factor_grid(sizes)


@pytest.mark.parametrize('place', [-1, 1.5, 10**6])
def test_places_that_are_on_no_grid(place):
  """They had the position, or the factors, of another image."""
  with pytest.raises(ValueError, match='positions must be integers from 0 to'):
    data.index_to_factors(np.array([0, place]), SIZES)
  with pytest.raises(
    ValueError, match=f'factors must be .* to {place}|from -1'
  ):
    data.factors_to_index(np.array([[0] * 3, [0, place, 0]]), SIZES)


def test_factors_of_the_wrong_length():
  with pytest.raises(ValueError, match=r'\(4, 2\) do not end in the 3 factors'):
    data.factors_to_index(jnp.zeros((4, 2), int), SIZES)
