"""Gradient boosted classification trees for many targets at once.

One classifier a factor, one tree a class and round, as scikit-learn's
`GradientBoostingClassifier`: log-loss, exact squared-error splits, Newton
leaves. The trees of all classes of all factors of a round grow together: a
level is one pass over the points, which are sorted by each latent beforehand.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _common

_BLOCKS = {'cpu': 8}
_LARGE_BLOCK = 512


class BoostedTrees(NamedTuple):
  """What a fit leaves behind.

  Attributes:
    importance: [D, K] share of each latent in the fall of squared error that
      the splits of a factor's trees bring, every column summing to 1 (or 0).
    train_labels: int [N, K] predictions on the training points.
    test_labels: int [T, K] predictions on the test points.
  """

  importance: jax.Array
  train_labels: jax.Array
  test_labels: jax.Array


class _Order(NamedTuple):
  """Points in ascending order of each latent; a rank is a place in it."""

  points: jax.Array  # int [N, D]
  ends: jax.Array  # bool [N, D]: whether a split may follow, as values differ.
  train: jax.Array  # float [N, D]: the rank of each training point.
  test: jax.Array  # float [T, D]: the rank of the nearest training value.


def _sort(codes: jax.Array, test_codes: jax.Array) -> _Order:
  """Sorts the training points and ranks the test points among them."""
  points = jnp.argsort(codes, 0)
  values = jnp.take_along_axis(codes, points, 0)
  last = jnp.zeros((1, codes.shape[1]), bool)
  # A test point goes with the nearest training value, as a threshold halfway
  # between two neighbours has it.
  above = jax.vmap(jnp.searchsorted, 1, 1)(values, test_codes)
  above = jnp.clip(above, 1, len(codes) - 1)
  low, high = (
    jnp.take_along_axis(values, index, 0) for index in (above - 1, above)
  )
  nearest = jnp.where((low + high) / 2 >= test_codes, above - 1, above)
  return _Order(
    points,
    jnp.concatenate([values[1:] > values[:-1], last]),
    jnp.argsort(points, 0).astype(jnp.float32),
    nearest.astype(jnp.float32),
  )


def _best_splits(key, order, residual, node, num_nodes, block):
  """Finds the split of each node that lowers the squared error most.

  With n points of residual sum s in a node, m and t of them on the left, the
  fall is (t n - s m)^2 / (n m (n - m)): one pass over the sorted points.

  Args:
    key: breaks ties between latents (a duplicated latent ties everywhere).
    order: the sorted points.
    residual: [N, S], one column a tree.
    node: int [N, S] of each point in each tree.
    num_nodes: nodes of this level.
    block: points that the pass takes at a time.

  Returns:
    latent int, rank of the last point on the left (N where no split helps), and
    fall of squared error, each [num_nodes, S].
  """
  nodes = np.arange(num_nodes)[:, None]
  member = node[:, None] == nodes
  count = member.sum(0, dtype=jnp.float32)
  total = (member * residual[:, None]).sum(0)
  num_points, num_latents = order.points.shape
  # The absent point N, of no node, fills the last block.
  residual = jnp.pad(residual, ((0, 1), (0, 0)))
  node = jnp.pad(node, ((0, 1), (0, 0)), constant_values=-1)
  fill = ((0, -num_points % block), (0, 0))
  points = jnp.pad(order.points, fill, constant_values=num_points)
  blocks = (
    points.reshape(-1, block, num_latents),
    jnp.pad(order.ends, fill).reshape(-1, block, num_latents),
    jnp.arange(0, len(points), block),
  )

  def step(carry, inputs):
    before, before_count, best, where = carry
    points, ends, rank = inputs
    member = node[points][:, :, None] == nodes  # [block, D, nodes, S]
    left = before + jnp.cumsum(
      jnp.where(member, residual[points][:, :, None], 0), 0
    )
    left_count = before_count + jnp.cumsum(member, 0, dtype=jnp.float32)
    sides = jnp.maximum(left_count * (count - left_count), 1.0)
    gain = (left * count - total * left_count) ** 2 / sides
    gain = jnp.where(ends[:, :, None, None], gain, 0)
    top = gain.max(0)
    where = jnp.where(top > best, rank + gain.argmax(0), where)
    return (left[-1], left_count[-1], jnp.maximum(best, top), where), None

  zero = jnp.zeros((num_latents, num_nodes, residual.shape[1]))
  init = (zero, zero, zero, jnp.full(zero.shape, num_points))
  (_, _, best, where), _ = jax.lax.scan(step, init, blocks)
  top = best.max(0)
  tied = best >= top * (1 - 1e-6)
  latent = jnp.where(tied, jax.random.uniform(key, best.shape), -1.0).argmax(0)
  where = jnp.take_along_axis(where, latent[None], 0)[0]
  return latent, where, top / jnp.maximum(count, 1.0)


def _descend(ranks, node, latent, where):
  """Moves points [N, S] from the nodes of a level to those of the next."""
  num_latents, num_nodes = ranks.shape[1], latent.shape[0]
  choice = jax.nn.one_hot(latent, num_latents, axis=0)
  value = jnp.einsum('nd,djs->njs', ranks, choice, precision='highest')
  member = node[:, None] == np.arange(num_nodes)[:, None]
  return 2 * node + (member & (value > where)).any(1)


@functools.partial(
  jax.jit,
  static_argnames=('sizes', 'num_rounds', 'depth', 'rate', 'block'),
)
def fit_boosted_trees(
  codes: jax.Array,
  factors: jax.Array,
  test_codes: jax.Array,
  *,
  sizes: tuple[int, ...],
  num_rounds: int = 100,
  depth: int = 3,
  rate: float = 0.1,
  block: int | None = None,
  seed: int = 0,
) -> BoostedTrees:
  """Fits one boosted classifier to each factor.

  Each round fits to every class c of a factor with C classes a regression tree
  on the residual [y = c] - softmax_c(f), splits by the fall of squared error,
  and adds rate * (C - 1) / C * sum(residual) / sum(p (1 - p)) of each leaf to
  f_c, which starts at the log frequency.

  Args:
    codes: float [N, D].
    factors: int [N, K].
    test_codes: float [T, D].
    sizes: values of each factor; a value that no point has gets no trees.
    num_rounds: trees of each class.
    depth: levels of a tree.
    rate: learning rate.
    block: points that a search for splits takes at a time; by default few on
      CPU, whose caches they fit, and many elsewhere.
    seed: breaks ties between equally good latents.

  Source: Friedman 2001, algorithm 6; defaults of scikit-learn.
  """
  block = block or _BLOCKS.get(jax.default_backend(), _LARGE_BLOCK)
  order = _sort(codes, test_codes)
  owner = _common.block_owner(sizes)
  # Columns of a factor's classes, padded by the absent column S.
  width, start = max(sizes), np.concatenate([[0], np.cumsum(sizes)[:-1]])
  column = start[:, None] + np.arange(width)
  column = np.where(np.arange(width) < np.asarray(sizes)[:, None], column, -1)
  target = _common.block_one_hot(factors, sizes)
  prior = jnp.log(target.mean(0))
  num_classes = _common.block_sum((prior > -jnp.inf).astype(float), sizes)
  shrink = rate * (num_classes - 1) / jnp.maximum(num_classes, 1)

  def padded(score):
    return jnp.where(column >= 0, score[:, column], -jnp.inf)

  def softmax(score):
    top = padded(score).max(2)
    p = jnp.exp(score - top[:, owner])
    return p / _common.block_sum(p, sizes)[:, owner]

  def grow(carry, key):
    score, test_score, importance = carry
    p = softmax(score)
    residual, curvature = target - p, p * (1 - p)
    node = jnp.zeros(score.shape, jnp.int32)
    test_node = jnp.zeros(test_score.shape, jnp.int32)
    for level, level_key in enumerate(jax.random.split(key, depth)):
      latent, where, gain = _best_splits(
        level_key, order, residual, node, 2**level, block
      )
      node = _descend(order.train, node, latent, where)
      test_node = _descend(order.test, test_node, latent, where)
      used = jax.nn.one_hot(latent, codes.shape[1]) * gain[..., None]
      importance += _common.block_sum(used.sum(0).T, sizes)
    numerator, denominator = jax.lax.map(
      lambda leaf: (
        ((node == leaf) * residual).sum(0),
        ((node == leaf) * curvature).sum(0),
      ),
      jnp.arange(2**depth),
    )
    value = shrink[owner] * jnp.where(
      denominator > 0, numerator / jnp.maximum(denominator, 1e-30), 0.0
    )
    score += jnp.take_along_axis(value, node, 0)
    test_score += jnp.take_along_axis(value, test_node, 0)
    return (score, test_score, importance), None

  init = (
    jnp.broadcast_to(prior, target.shape),
    jnp.broadcast_to(prior, (test_codes.shape[0], target.shape[1])),
    jnp.zeros((codes.shape[1], len(sizes))),
  )
  keys = jax.random.split(jax.random.key(seed), num_rounds)
  (score, test_score, importance), _ = jax.lax.scan(grow, init, keys)
  total = importance.sum(0)
  return BoostedTrees(
    jnp.where(total > 0, importance / jnp.maximum(total, 1e-30), 0.0),
    padded(score).argmax(2),
    padded(test_score).argmax(2),
  )
