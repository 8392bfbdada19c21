"""Gradient boosted classification trees for many targets at once.

One classifier a factor, one tree a class and round, as scikit-learn's
`GradientBoostingClassifier`: log-loss, squared-error splits, Newton leaves. The
trees of all classes of all factors of a round grow together: a level is one
pass over the points, sorted into histogram bins of each latent.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _common


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


class _Bins(NamedTuple):
  """Points sorted into chunks of equal room along each latent.

  A chunk is a quantile bin, or a piece of one that ties made larger than the
  room; only the end of a bin is a place to split.
  """

  slots: jax.Array  # int [room, chunks, D] of points; N stands for none.
  splits: jax.Array  # bool [chunks, D]: whether a split may follow the chunk.
  train: jax.Array  # float [N, D]: the chunk of each training point.
  test: jax.Array  # float [T, D]


def _bin_points(codes: jax.Array, test_codes: jax.Array, num_bins: int):
  """Sorts the training points into `_Bins` and places the test points."""
  num_points, num_latents = codes.shape
  num_bins = min(num_bins, num_points)
  room = math.ceil(num_points / num_bins)
  num_chunks = num_bins + math.ceil(num_points / room)
  order = jnp.argsort(codes.T)
  values = jnp.take_along_axis(codes.T, order, 1)
  position = jnp.arange(num_points)
  first = jnp.ones((num_latents, 1), bool)

  def start(label):
    """Where each run of equal labels starts: a flag, and its position."""
    flag = jnp.concatenate([first, label[:, 1:] > label[:, :-1]], 1)
    return flag, jax.lax.cummax(jnp.where(flag, position, 0), axis=1)

  rank = start(values)[1]
  bin_flag, bin_start = start((rank * (num_bins / num_points)).astype(int))
  slot = (position - bin_start) % room
  chunk = jnp.cumsum(slot == 0, 1) - 1
  latent = jnp.arange(num_latents)[:, None]
  slots = jnp.full((room, num_chunks, num_latents), num_points)
  splits = jnp.zeros((num_chunks, num_latents), bool)
  # A test point falls with the nearest training value, as a threshold halfway
  # between two neighbours has it.
  above = jax.vmap(jnp.searchsorted)(values, test_codes.T)
  above = jnp.clip(above, 1, num_points - 1)
  middle = (
    jnp.take_along_axis(values, above - 1, 1)
    + jnp.take_along_axis(values, above, 1)
  ) / 2
  nearest = jnp.where(middle >= test_codes.T, above - 1, above)
  return _Bins(
    slots.at[slot, chunk, latent].set(order),
    splits.at[chunk - 1, latent].max(bin_flag & (position > 0)),
    jnp.zeros(codes.shape).at[order, latent].set(chunk),
    jnp.take_along_axis(chunk, nearest, 1).T.astype(jnp.float32),
  )


def _histogram(bins, residual, node, parent):
  """Sums the points of each chunk, node and tree: counts and residuals.

  Args:
    bins: the sorted points.
    residual: [N, S], one column a tree.
    node: int [N, S] of each point in each tree.
    parent: the histogram of the level above, None at the root. Only left
      children are summed; a right child is its parent less its sibling.

  Returns:
    [chunks, D, 2, nodes, S], counts first.
  """
  nodes = np.arange(1 if parent is None else parent.shape[3])[:, None]
  left = 2 * nodes
  node = jnp.pad(node, ((0, 1), (0, 0)), constant_values=-1)[:, None]
  residual = jnp.pad(residual, ((0, 1), (0, 0)))[:, None]
  columns = jnp.stack([node == left, (node == left) * residual], 1)
  shape = (*bins.splits.shape, *columns.shape[1:])
  columns = columns.reshape(columns.shape[0], -1)
  sums = jax.lax.scan(
    lambda total, slot: (total + columns[slot], None),
    jnp.zeros((*bins.splits.shape, columns.shape[1])),
    bins.slots,
  )[0].reshape(shape)
  if parent is None:
    return sums
  both = jnp.stack([sums, parent - sums], 4)
  return both.reshape(*shape[:3], 2 * len(nodes), shape[4])


def _best_splits(key, histogram, splits):
  """Finds the split of each node that lowers the squared error most.

  Args:
    key: breaks ties between latents (a duplicated latent ties everywhere).
    histogram: [chunks, D, 2, nodes, S].
    splits: bool [chunks, D], where a split is allowed.

  Returns:
    latent int, last chunk of the left side, and fall of squared error, each
    [nodes, S].
  """
  total = histogram[:, 0].sum(0)

  def reduction(side):
    count, residual = side[..., 0, :, :], side[..., 1, :, :]
    return residual**2 / jnp.maximum(count, 1.0), count > 0

  def step(carry, chunk):
    left, best, where = carry
    histogram, split, index = chunk
    left += histogram
    on_left, any_left = reduction(left)
    on_right, any_right = reduction(total - left)
    allowed = any_left & any_right & split[:, None, None]
    gain = jnp.where(allowed, on_left + on_right, -1.0)
    where = jnp.where(gain > best, index, where)
    return (left, jnp.maximum(best, gain), where), None

  num_chunks, num_latents = splits.shape
  shape = (num_latents, *histogram.shape[3:])
  # Where no split is allowed every point stays on the left.
  init = (
    jnp.zeros(histogram.shape[1:]),
    jnp.full(shape, -1.0),
    jnp.full(shape, num_chunks),
  )
  steps = (histogram, splits, jnp.arange(num_chunks))
  (_, best, where), _ = jax.lax.scan(step, init, steps)
  top = best.max(0)
  tied = best >= top - 1e-6 * jnp.abs(top)
  latent = jnp.where(tied, jax.random.uniform(key, shape), -1.0).argmax(0)
  where = jnp.take_along_axis(where, latent[None], 0)[0]
  return latent, where, jnp.maximum(top - reduction(total)[0], 0.0)


def _descend(chunks, node, latent, where):
  """Moves points [N, S] from the nodes of a level to those of the next."""
  num_latents, num_nodes = chunks.shape[1], latent.shape[0]
  choice = jax.nn.one_hot(latent, num_latents, axis=0)
  value = jnp.einsum('nd,djs->njs', chunks, choice, precision='highest')
  member = node[:, None] == np.arange(num_nodes)[:, None]
  return 2 * node + (member & (value > where)).any(1)


@functools.partial(
  jax.jit,
  static_argnames=('sizes', 'num_rounds', 'depth', 'rate', 'num_bins'),
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
  num_bins: int = 256,
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
    num_bins: quantile bins of each latent; only their ends are split at.
    seed: breaks ties between equally good latents.

  Source: Friedman 2001, algorithm 6; defaults of scikit-learn.
  """
  bins = _bin_points(codes, test_codes, num_bins)
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
    histogram = None
    for level_key in jax.random.split(key, depth):
      histogram = _histogram(bins, residual, node, histogram)
      latent, where, gain = _best_splits(level_key, histogram, bins.splits)
      node = _descend(bins.train, node, latent, where)
      test_node = _descend(bins.test, test_node, latent, where)
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
