"""Draws grid positions from a key: images, and pairs that share factors."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bvae_jax.data import grid


def sample_index(key: jax.Array, batch_size: int, num_images: int) -> jax.Array:
  """Returns positions drawn i.i.d. uniformly with replacement, int32 [B].

  Args:
    key: a key.
    batch_size: the number of positions B.
    num_images: they are below it.

  Raises:
    ValueError: if `batch_size` or `num_images` is below 1.
  """
  if batch_size < 1 or num_images < 1:
    raise ValueError(
      'batch_size and num_images must be at least 1, got '
      f'{batch_size} and {num_images}'
    )
  return jax.random.randint(key, (batch_size,), 0, num_images, jnp.int32)


def sample_pairs(
  key: jax.Array,
  batch_size: int,
  factor_sizes: Sequence[int],
  *,
  num_changed: int | str,
) -> tuple[jax.Array, jax.Array]:
  """Draws pairs that share all but a few factors, two positions int32 [B].

  The first of a pair is uniform on the grid. The second takes k of the K
  factors, a uniform choice of k, from a fresh uniform draw and the rest from
  the first. As in the paper and in disentanglement_lib, a fresh value may be
  the old one by chance, so k is the largest number of factors that differ.

  Args:
    key: a key.
    batch_size: the number of pairs B.
    factor_sizes: the number of values of each of the K factors.
    num_changed: k itself, 1 to K; or 'uniform', k drawn for each pair from
      1 to K - 1; or 'dlib', which is what disentanglement_lib's data does when
      asked for a random k (k = -1): k is 1 for one pair in two, else uniform.

  Raises:
    ValueError: if `batch_size`, `factor_sizes` or `num_changed` is none of the
      above, or a random k is asked for with fewer than two factors.

  Source: Locatello et al. (2020), Weakly-Supervised Disentanglement Without
  Compromises (arXiv:2002.02886), its model of pairs.
  """
  sizes = tuple(factor_sizes)
  first_key, fresh_key, count_key, choice_key = jax.random.split(key, 4)
  first = _uniform_factors(first_key, batch_size, sizes)
  fresh = _uniform_factors(fresh_key, batch_size, sizes)
  count = _draw_count(count_key, batch_size, len(sizes), num_changed)
  # Each row is a random order of 0 to K - 1, of which k are below k.
  order = jnp.argsort(jax.random.uniform(choice_key, first.shape), axis=-1)
  changed = order < count[:, None]
  second = jnp.where(changed, fresh, first)
  return (
    grid.factors_to_index(first, sizes),
    grid.factors_to_index(second, sizes),
  )


def _uniform_factors(key, batch_size, sizes) -> jax.Array:
  """Returns uniform factors, int32 [B, K]."""
  index = sample_index(key, batch_size, grid.num_combinations(sizes))
  return grid.index_to_factors(index, sizes)


def _draw_count(key, batch_size, num_factors, num_changed) -> jax.Array:
  """Returns how many factors each pair draws afresh, int32 [B]."""
  if num_changed in ('uniform', 'dlib') and num_factors > 1:
    count_key, coin_key = jax.random.split(key)
    count = jax.random.randint(count_key, (batch_size,), 1, num_factors)
    if num_changed == 'uniform':
      return count
    return jnp.where(jax.random.bernoulli(coin_key, 0.5, count.shape), 1, count)
  if isinstance(num_changed, int) and 1 <= num_changed <= num_factors:
    return jnp.full(batch_size, num_changed)
  raise ValueError(
    f'num_changed must be 1 to {num_factors}, the number of factors, or '
    f"'uniform' or 'dlib' with two factors or more, got {num_changed!r}"
  )
