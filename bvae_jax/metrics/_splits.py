"""The splits of regression trees: many trees and nodes in one search.

Coarse to fine: histograms over chunks of sorted points, built for all trees at
once, tell where the best split may lie; there every place between two points
is tried. Trees are columns S, nodes the 2^level of a level.
"""

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import draws

_LATENTS = 16  # that are searched together, so that a step stays in cache
_TIED = 1e-6  # of a gain: two splits so near are equal, whatever the rounding


def _pad(residual, node):
  """Adds the absent point N: no residual, in no node."""
  residual = jnp.pad(residual, ((0, 1), (0, 0)))
  return residual, jnp.pad(node, ((0, 1), (0, 0)), constant_values=-1)


def histogram_of(bins, residual, node, parent):
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
  nodes = np.arange(1 if parent is None else parent.shape[3])
  left = 2 * nodes[None, :, None]
  residual, node = (x[:, None] for x in _pad(residual, node))
  columns = jnp.stack([node == left, (node == left) * residual], 1)
  shape = (*bins.ends.shape, *columns.shape[1:])
  columns = columns.reshape(columns.shape[0], -1)
  sums = jax.lax.scan(
    lambda total, slot: (total + columns[slot], None),
    jnp.zeros((*bins.ends.shape, columns.shape[1])),
    bins.slots,
  )[0].reshape(shape)
  if parent is None:
    return sums
  both = jnp.stack([sums, parent - sums], 4)
  return both.reshape(*shape[:3], 2 * len(nodes), shape[4])


def _gain(left, total, allowed):
  """Squared error that a split saves, up to a constant of the node.

  `left` and `total` hold count and residual on axis -3; -1 if not allowed.
  """

  def reduction(side):
    count, residual = side[..., 0, :, :], side[..., 1, :, :]
    return residual**2 / jnp.maximum(count, 1.0), count > 0

  on_left, any_left = reduction(left)
  on_right, any_right = reduction(total - left)
  allowed = allowed & any_left & any_right
  return jnp.where(allowed, on_left + on_right, -1.0)


def _better(gain, best):
  """Of equal splits the first is kept."""
  return gain > best + _TIED * jnp.abs(best)


def _candidates(histogram, ends):
  """Finds, for each latent, the chunks in which the best split may lie.

  They are the two beside the best split at the end of a chunk, and those of the
  first and last point of the node: cutting off a few points of large residual
  is what an end of a chunk shows least.

  Args:
    histogram: [chunks, D, 2, nodes, S].
    ends: bool [chunks, D], where a split is allowed.

  Returns:
    chunks int [4, D, nodes, S], and the sums left of each, [4, D, 2, nodes, S].
  """
  total = histogram[:, 0].sum(0)[None]

  def step(carry, inputs):
    left, best, chunks, befores = carry
    histogram, end, index = inputs
    after = left + histogram
    gain = _gain(after, total, end[:, None, None])
    better = _better(gain, best)
    count, past = left[:, 0], after[:, 0]
    is_first = (count == 0) & (past > 0)
    is_last = (count < total[:, 0]) & (past == total[:, 0])
    found = jnp.stack([better, better, is_first, is_last])
    index = index + np.array([0, 1, 0, 0])[:, None, None, None]
    before = jnp.stack([left, after, left, left])
    chunks = jnp.where(found, index, chunks)
    befores = jnp.where(found[:, :, None], before, befores)
    return (after, jnp.where(better, gain, best), chunks, befores), None

  zero = jnp.zeros(histogram.shape[1:])
  shape = (histogram.shape[1], *histogram.shape[3:])
  chunk, before = jnp.zeros((4, *shape), jnp.int32), jnp.zeros((4, *zero.shape))
  init = (zero, jnp.full(shape, -1.0), chunk, before)
  (_, _, chunks, befores), _ = jax.lax.scan(
    step, init, (histogram, ends, jnp.arange(len(ends)))
  )
  return chunks, befores


def _drawn(key, tied, where):
  """One of those that are tied along the first axis, and its place."""
  choice = jnp.where(tied, draws.uniform(key, tied.shape), -1.0).argmax(0)
  return choice, jnp.take_along_axis(where, choice[None], 0)[0]


def best_splits(key, bins, histogram, residual, node):
  """Finds the split of each node that lowers the squared error most.

  Coarse to fine: histograms tell in which chunks it may lie, then every place
  between two points of those is tried.

  Args:
    key: breaks ties between latents (a duplicated latent ties everywhere).
    bins: the sorted points.
    histogram: [chunks, D, 2, nodes, S].
    residual: [N, S].
    node: int [N, S].

  Returns:
    latent int, rank of the last point on the left (N where no split is
    allowed), and fall of squared error, each [nodes, S].
  """
  total = histogram[:, 0].sum(0)
  chunk, before = _candidates(histogram, bins.ends)
  _, num_latents, num_nodes, num_trees = chunk.shape
  num_points = len(residual)
  residual, node = _pad(residual, node)
  latents = np.arange(num_latents)[:, None, None]
  nodes = np.arange(num_nodes)[None, None, :, None]
  trees = np.arange(num_trees)

  def step(carry, slot):
    left, best, where = carry
    place = chunk, latents
    point, rank = bins.slots[slot][place], bins.places[slot][place]
    member = node[point, trees] == nodes
    left += jnp.stack([member, member * residual[point, trees]], 2)
    gain = _gain(left, total[None, None], rank >= 0)
    better = _better(gain, best)
    return (
      left,
      jnp.where(better, gain, best),
      jnp.where(better, rank, where),
    ), None

  init = (
    before,
    jnp.full(chunk.shape, -1.0),
    jnp.full(chunk.shape, num_points),
  )
  (_, best, where), _ = jax.lax.scan(step, init, jnp.arange(len(bins.slots)))
  best, where = (x.reshape(-1, num_nodes, num_trees) for x in (best, where))
  top = best.max(0)
  tied = best >= (top - _TIED * jnp.abs(top))[None]
  choice, where = _drawn(key, tied, where)
  unsplit = total[1] ** 2 / jnp.maximum(total[0], 1.0)
  return choice % num_latents, where, jnp.maximum(top - unsplit, 0.0)


def descend(ranks, node, latent, where):
  """Moves points [N, S] from the nodes of a level to those of the next."""
  num_latents, num_nodes = ranks.shape[1], latent.shape[0]
  choice = jax.nn.one_hot(latent, num_latents, axis=0)
  value = jnp.einsum('nd,djs->njs', ranks, choice, precision='highest')
  member = node[:, None] == np.arange(num_nodes)[None, :, None]
  return 2 * node + (member & (value > where[None])).any(1)


def every_split(key, bins, residual, node, num_nodes):
  """`best_splits` that tries every place in turn, with room for one a chunk.

  It needs no histogram: of few points, whose chunks would hold one or two, it
  is 4 times as fast with 10 latents and 8 times with 64. With n points and
  residual t in a node, c and l of them on the left, squared error falls by

    l^2 / c + (t - l)^2 / (n - c) - t^2 / n = (l n - t c)^2 / (n c (n - c)).

  Args:
    key: breaks ties between latents.
    bins: of as many bins as points.
    residual: [N, S].
    node: int [N, S].
    num_nodes: of the level.
  """
  num_points, num_latents = bins.train.shape
  nodes = np.arange(num_nodes)[:, None]
  member = node[None] == nodes[..., None]
  size = member.sum(1).astype(residual.dtype)
  total = (member * residual[None]).sum(1)
  nodes, size_of, total_of = (x[:, None] for x in (nodes, size, total))

  def of_latents(orders):
    def step(carry, at):
      count, left, best, where = carry
      point, rank = at
      inside = node[None, point] == nodes
      count += inside
      left += jnp.where(inside, residual[point], 0)
      lever, room = left * size_of - total_of * count, count * (size_of - count)
      allowed = (rank >= 0)[None, :, None] & (room > 0)
      fall = jnp.where(allowed, lever * (lever / room), -1.0)
      better = _better(fall, best)
      best = jnp.where(better, fall, best)
      where = jnp.where(better, rank[:, None], where)
      return (count, left, best, where), None

    shape = (num_nodes, orders[0].shape[1], residual.shape[1])
    zero = jnp.zeros(shape, residual.dtype)
    init = zero, zero, zero - 1, jnp.full(shape, num_points)
    (_, _, best, where), _ = jax.lax.scan(step, init, orders)
    return best, where

  block = min(num_latents, _LATENTS)
  blocks = -(-num_latents // block)

  def split(x):
    pad = (0, 0), (0, blocks * block - num_latents)
    x = jnp.pad(x[0, :num_points], pad, constant_values=-1)
    return x.reshape(num_points, blocks, block).swapaxes(0, 1)

  best, where = (
    x.swapaxes(1, 2).reshape(-1, *size.shape)[:num_latents]
    for x in jax.lax.map(of_latents, (split(bins.slots), split(bins.places)))
  )
  fall = best / jnp.maximum(size, 1.0)[None]
  top = fall.max(0)
  unsplit = total**2 / jnp.maximum(size, 1.0)
  tied = fall >= (top - _TIED * jnp.abs(top + unsplit))[None]
  choice, where = _drawn(key, tied, where)
  return choice, where, jnp.maximum(top, 0.0)
