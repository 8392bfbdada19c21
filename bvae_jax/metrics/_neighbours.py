"""Mutual information of continuous codes and labels by nearest neighbours."""

import jax
import jax.numpy as jnp

from bvae_jax.metrics import _common


def _copies(codes, factors):
  """Whether each point [N] repeats an earlier one, codes and factors alike.

  Points drawn with replacement do: a copy is no neighbour, it tells nothing.
  """
  rows = jnp.concatenate([_common.sort_keys(codes), factors], 1)
  # Equal rows have equal hashes, and so are neighbours in their order.
  hashed = jnp.zeros(len(rows), jnp.int32)
  for column in rows.T:
    hashed = (hashed ^ column) * jnp.int32(0x01000193)
    hashed ^= jax.lax.shift_right_logical(hashed, jnp.int32(15))
  order = jnp.argsort(hashed)
  rows = rows[order]
  repeats = (rows[1:] == rows[:-1]).all(1)
  return jnp.zeros(len(order), bool).at[order[1:]].set(repeats)


def _neighbour_information(codes, order, labels, num_classes, num_neighbours):
  """Mutual information in nats of a latent and a factor, by neighbours.

  psi(N) + mean_n [psi(k_n) - psi(N_{y_n}) - psi(m_n)]: k_n neighbours within
  the class reach as far as m_n points of any class do. Of points that tie at
  the radius the share counts that infinitesimal noise would leave inside.

  Args:
    codes: float [N] in ascending order.
    order: int [N], the points that the codes belong to.
    labels: int [N]; C for a point that does not count.
    num_classes: C.
    num_neighbours: k, or the size of the class less one where that is less.
  """
  num_points = codes.shape[0]
  labels = labels[order]
  key = jnp.sort(labels * num_points + jnp.arange(num_points))
  edges = jnp.searchsorted(key, num_points * jnp.arange(num_classes + 2))
  # Places among the points that count: those of classes of two or more.
  counts = (jnp.diff(edges) > 1).at[num_classes].set(False)
  among = jnp.pad(jnp.cumsum(counts[labels], dtype=jnp.int32), (1, 0))
  label, own = key // num_points, codes[key % num_points]
  start, stop = edges[label], edges[label + 1]
  size = stop - start
  reach = jnp.minimum(num_neighbours, size - 1)

  # The neighbours are one of the windows of k + 1 points that hold the point.
  place = jnp.arange(num_points)[:, None]
  first = place - jnp.arange(num_neighbours + 1)[None]
  last = first + reach[:, None]
  inside = (first >= start[:, None]) & (last < stop[:, None]) & (last >= place)
  below = own[:, None] - own[jnp.clip(first, 0)]
  above = own[jnp.clip(last, 0, num_points - 1)] - own[:, None]
  radius = jnp.where(inside, jnp.maximum(below, above), jnp.inf)
  best = radius.argmin(1, keepdims=True)

  def pick(values):
    return jnp.take_along_axis(values, best, 1)[:, 0]

  below, above, radius = pick(below), pick(above), pick(radius)
  # The farthest neighbour itself is the edge, free of rounding.
  low = jnp.where(below >= above, own[jnp.clip(pick(first), 0)], own - radius)
  high = jnp.where(
    above >= below, own[jnp.clip(pick(last), 0, num_points - 1)], own + radius
  )

  def within(ascending, begin, end, place):
    """Points of [begin, end) strictly within the radius, and at its edge."""
    keys = _common.sort_keys(ascending)
    from_low, past_low, from_high, past_high = (
      place(_common.bisect(keys, begin, end, _common.sort_keys(edge) + step))
      for edge in (low, high)
      for step in (0, 1)
    )
    inside = jnp.where(radius > 0, from_high - past_low, 1)
    return inside, past_high - from_low - inside

  inside, edge = within(own, start, stop, lambda index: index)
  all_inside, all_edge = within(
    codes,
    jnp.zeros_like(label),
    jnp.full_like(label, num_points),
    among.__getitem__,
  )
  # The k-th neighbour is the `rest`-th of those at the edge.
  rest = reach - (inside - 1)
  near = all_inside + rest - 1 + (all_edge - edge) * (rest / (edge + 1))
  psi = jax.scipy.special.digamma
  gain = psi(jnp.maximum(reach, 1)) - psi(jnp.maximum(near, 1.0)) - psi(size)
  used = counts[label]
  total = jnp.maximum(used.sum(), 1)
  terms = jnp.where(used, gain, 0.0)
  return jnp.maximum(psi(total) + terms.sum() / total, 0.0)


def normalised_information(codes, factors, sizes, num_neighbours):
  """Returns [D, K]: the neighbour estimate of I(z_d; v_k) / H(v_k).

  Copies and points without a label (-1) do not count.
  """
  absent = _copies(codes, factors)[:, None] | (factors < 0)
  kept = jnp.where(absent, max(sizes), factors)
  order = jnp.argsort(codes, 0)
  ascending = jnp.take_along_axis(codes, order, 0)

  def one(codes, order, labels):
    return _neighbour_information(
      codes, order, labels, max(sizes), num_neighbours
    )

  over_factors = jax.vmap(one, (None, None, 1))
  information = jax.vmap(over_factors, (1, 1, None))(ascending, order, kept)
  entropy = _common.entropy(factors, sizes)[None]
  return jnp.where(entropy > 0, information / jnp.maximum(entropy, 1e-12), 0.0)
