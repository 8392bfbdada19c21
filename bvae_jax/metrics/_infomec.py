"""InfoMEC: modularity, explicitness, compactness in terms of information."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bvae_jax.metrics import _common, _inputs, _scored, _solvers


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
  first = place - jnp.arange(num_neighbours + 1)
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


def _normalised_information(codes, factors, sizes, num_neighbours):
  """Returns [D, K]: the neighbour estimate of I(z_d; v_k) / H(v_k)."""
  kept = jnp.where(_copies(codes, factors)[:, None], max(sizes), factors)
  order = jnp.argsort(codes, 0)
  ascending = jnp.take_along_axis(codes, order, 0)

  def one(codes, order, labels):
    return _neighbour_information(
      codes, order, labels, max(sizes), num_neighbours
    )

  over_factors = jax.vmap(one, (None, None, 1))
  information = jax.vmap(over_factors, (1, 1, None))(ascending, order, kept)
  entropy = _common.entropy(factors, sizes)
  return jnp.where(entropy > 0, information / jnp.maximum(entropy, 1e-12), 0.0)


def _explicitness(codes, factors, sizes):
  """Returns [K]: 1 - cross entropy / log C of a balanced classifier."""

  def one(labels):
    count = jax.nn.one_hot(labels, max(sizes)).sum(0)
    num_present = (count > 0).sum()
    weight = (labels.size / num_present / jnp.maximum(count, 1))[labels]
    model = _solvers.fit_logistic(
      codes,
      labels,
      max(sizes),
      strength=jnp.inf,
      sample_weight=weight,
      tolerance=1e-4,
      max_turns=100,
    )
    log_p = jax.nn.log_softmax(model.logits(codes))
    nll = -jnp.take_along_axis(log_p, labels[:, None], 1).mean()
    null = jnp.log(num_present)
    return jnp.where(null > 0, 1 - nll / jnp.maximum(null, 1e-12), 0.0)

  return jax.vmap(one, 1)(factors)


def _preference(information, among):
  """Mean over rows of (max / sum - 1 / n) / (1 - 1 / n), over n columns.

  A row without any information prefers none: 0. So does every row if n is 1.
  """
  total = information.sum(1)
  share = information.max(1) / jnp.maximum(total, 1e-12)
  score = (share - 1 / among) / jnp.maximum(1 - 1 / among, 1e-12)
  return jnp.where((total > 0) & (among > 1), score, 0.0)


@functools.partial(
  jax.jit, static_argnames=('sizes', 'num_neighbours', 'min_range')
)
def _infomec(codes, factors, *, sizes, num_neighbours, min_range):
  span = codes.max(0) - codes.min(0)
  active = span > min_range * span.max()
  (codes,) = _common.standardize(codes)
  information = _normalised_information(codes, factors, sizes, num_neighbours)
  kept = information * active[:, None]
  num_active = active.sum()
  modularity = _preference(kept, len(sizes))
  if len(sizes) == 1:
    modularity = jnp.full_like(modularity, jnp.nan)
  by_factor = {
    'infoe': _explicitness(codes, factors, sizes),
    'infoc': _preference(kept.T, jnp.maximum(num_active, 1)),
  }
  scores = {
    'infom': (modularity * active).sum() / jnp.maximum(num_active, 1),
    **{name: values.mean() for name, values in by_factor.items()},
    'num_active': num_active.astype(jnp.float32),
  }
  return _scored.Scored(scores, information, by_factor)


@_scored.flat('infom')
def infomec(
  codes: jax.Array,
  factors: jax.Array,
  *,
  num_neighbours: int = 10,
  min_range: float = 0.05,
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Information modularity, explicitness and compactness.

  With NMI [D, K] = I(z_d; v_k) / H(v_k), by `num_neighbours` nearest neighbours
  on continuous codes: modularity is the mean over active latents of
  (max_k NMI / sum_k NMI - 1/K) / (1 - 1/K); compactness the same over factors
  with the active latents in place of K; explicitness the mean over factors of
  1 - H_L(v|z) / H_L(v), L the unpenalised, class-balanced logistic regressions.

  Args:
    codes: float [N, D].
    factors: int [N, K].
    num_neighbours: of the estimate of mutual information.
    min_range: the pruning rule: a latent is active if its range is larger than
      this share of the largest range; 0 prunes constant latents only.
    factor_sizes: values of each factor (static), see `mig`.

  Returns:
    `infom`, `infoe`, `infoc`, and `num_active`, the latents left by pruning. A
    latent without information counts 0 in `infom`; with fewer than two active
    latents `infoc` is 0.

  Raises:
    ValueError: see `check_points`; a single factor.

  Source: Hsu et al. 2023 (arXiv:2305.18378) section 4; Ross 2014 for the mutual
  information.
  """
  _inputs.require_count(1, num_neighbours=num_neighbours)
  _inputs.require(0 <= min_range < 1, 'min_range', 'in [0, 1)', min_range)
  codes, factors, sizes = _inputs.check_points(codes, factors, factor_sizes)
  return _infomec(
    codes,
    factors,
    sizes=sizes,
    num_neighbours=num_neighbours,
    min_range=min_range,
  )


infomec_matrix = _scored.matrix_of(infomec)
