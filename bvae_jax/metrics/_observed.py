"""Pairs and groups of observed points, where there is no grid to draw from.

A point stands in as often as it is there: a value that is frequent among the
points is frequent among the draws. Draws are with replacement; a value that
one point alone has, and a missing label, take no part.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Groups(NamedTuple):
  """The points of each value of each factor, side by side.

  Attributes:
    order: int [K, N], the points by their value of a factor; those that take
      no part come last.
    start: int [K, N], where the group of each place begins.
    count: int [K, N], how many points it has.
    usable: int [K], how many places take part.
  """

  order: jax.Array
  start: jax.Array
  count: jax.Array
  usable: jax.Array

  @classmethod
  def of(cls, labels: jax.Array, sizes: tuple[int, ...]) -> 'Groups':
    """Sorts labels [N, K], -1 where missing."""
    width = max(sizes)

    def one(label):
      count = jnp.zeros(width, jnp.int32).at[label].add(label >= 0)
      takes_part = (label >= 0) & (count[label] > 1)
      key = jnp.where(takes_part, label, width)
      order = jnp.argsort(key)
      key = key[order]
      first = jnp.searchsorted(key, jnp.arange(width))
      value = jnp.minimum(key, width - 1)
      return order, first[value], count[value], takes_part.sum()

    return cls(*jax.vmap(one, 1)(labels))

  def or_nan(self, score: jax.Array) -> jax.Array:
    """A score of draws; NaN where a factor has no two points alike."""
    return jnp.where((self.usable > 0).all(), score, jnp.nan)

  def draw(
    self, key: jax.Array, factor: jax.Array, num_draws: int
  ) -> tuple[jax.Array, jax.Array]:
    """Draws points and, for each, the place of its group.

    Args:
      key: a key.
      factor: int [P].
      num_draws: B.

    Returns:
      points and places in the order of the factor, int [P, B].
    """
    factor = factor[:, None]
    shape = (factor.shape[0], num_draws)
    place = jax.random.randint(key, shape, 0, self.usable[factor])
    return self.order[factor, place], place

  def alike(
    self, key: jax.Array, factor: jax.Array, place: jax.Array, num_draws: int
  ) -> jax.Array:
    """Draws points int [P, B] of the groups of places [P, 1] or [P, B]."""
    factor = factor[:, None]
    shape = (factor.shape[0], num_draws)
    within = jax.random.randint(key, shape, 0, self.count[factor, place])
    return self.order[factor, self.start[factor, place] + within]


def shared_factor_pairs(
  key: jax.Array, groups: Groups, num_points: int, batch_size: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """`_beta_vae.shared_factor_pairs` of observed points."""
  factor_key, first_key, second_key = jax.random.split(key, 3)
  num_factors = groups.order.shape[0]
  factor = jax.random.randint(factor_key, (num_points,), 0, num_factors)
  first, place = groups.draw(first_key, factor, batch_size)
  return factor, first, groups.alike(second_key, factor, place, batch_size)


def fixed_factor_rows(
  key: jax.Array, groups: Groups, num_votes: int, batch_size: int
) -> tuple[jax.Array, jax.Array]:
  """`_factor_vae.fixed_factor_rows` of observed points."""
  factor_key, place_key, row_key = jax.random.split(key, 3)
  num_factors = groups.order.shape[0]
  factor = jax.random.randint(factor_key, (num_votes,), 0, num_factors)
  _, place = groups.draw(place_key, factor, 1)
  return factor, groups.alike(row_key, factor, place, batch_size)
