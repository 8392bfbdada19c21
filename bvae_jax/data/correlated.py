"""Pairs of factors that go together in training."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.data import grid


@dataclasses.dataclass(frozen=True)
class Correlation:
  """p(f_i, f_j) ~ exp(-(f_i / F_i - f_j / F_j)^2 / (2 sigma^2)), the rest free.

  f / F is a factor's value over its largest one, so that it lies in [0, 1].

  Source: Traeuble et al. (2021), arXiv:2006.07886, Equation 1.

  Attributes:
    pair: the places i and j of two of the factors.
    sigma: the strength; the smaller, the stronger.
  """

  pair: tuple[int, int]
  sigma: float

  def log_joint(self, sizes: Sequence[int]) -> np.ndarray:
    """The logarithm of p(f_i, f_j) but for a constant, [size_i, size_j]."""
    one, two = (np.linspace(0, 1, sizes[k]) for k in self.pair)
    return -((one[:, None] - two) ** 2) / (2 * self.sigma**2)

  def draw(self, key: jax.Array, count: int, sizes: Sequence[int]) -> jax.Array:
    """Draws positions of a grid of sizes, i.i.d., int32 [count]."""
    free_key, pair_key = jax.random.split(key)
    free = grid.sample_index(free_key, count, grid.num_combinations(sizes))
    one, two = self._draw_pair(pair_key, count, sizes)
    factors = grid.index_to_factors(free, sizes)
    factors = self._set(factors, one, two)
    return grid.factors_to_index(factors, sizes).astype(jnp.int32)

  def redraw(
    self,
    key: jax.Array,
    factors: jax.Array,
    changed: jax.Array,
    sizes: Sequence[int],
  ) -> jax.Array:
    """Draws the two factors anew where they change, given what is kept.

    Args:
      key: a key.
      factors: of images, int32 [B, K].
      changed: which factors change, bool [B, K].
      sizes: the number of values of each factor [K].

    Returns:
      Factors [B, K]: both drawn from the joint, one from its conditional.
    """
    i, j = self.pair
    joint = jnp.asarray(self.log_joint(sizes), jnp.float32)
    keys = jax.random.split(key, 3)
    both = self._draw_pair(keys[0], len(factors), sizes)
    one = jax.random.categorical(keys[1], joint.T[factors[:, j]])
    two = jax.random.categorical(keys[2], joint[factors[:, i]])
    first, second = changed[:, i], changed[:, j]
    one = jnp.where(first & second, both[0], one)
    two = jnp.where(first & second, both[1], two)
    return self._set(
      factors,
      jnp.where(first, one, factors[:, i]),
      jnp.where(second, two, factors[:, j]),
    )

  def _draw_pair(
    self, key: jax.Array, count: int, sizes: Sequence[int]
  ) -> tuple[jax.Array, jax.Array]:
    joint = jnp.asarray(self.log_joint(sizes), jnp.float32)
    drawn = jax.random.categorical(key, joint.ravel(), shape=(count,))
    return jnp.divmod(drawn, joint.shape[1])

  def _set(
    self, factors: jax.Array, one: jax.Array, two: jax.Array
  ) -> jax.Array:
    i, j = self.pair
    return factors.at[:, i].set(one).at[:, j].set(two)
