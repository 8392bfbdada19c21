"""What metrics share: binning, mutual information, sorting.

Codes are float32 [N, D] (N points, D latents), factors int32 [N, K], and the
number of values of each factor is static: see `_inputs`.
"""

import jax
import jax.numpy as jnp
import numpy as np

_FAR = 2.0**40  # of codes whose squares and sums are well inside float32


def discretize(values: jax.Array, num_bins: int) -> jax.Array:
  """Returns int [N, D]: equal-width bins of each column between its extremes.

  Bin b holds edge_b <= value < edge_{b+1}; the last one holds the maximum too.
  A value that rounding has left just below an edge (four units in the last
  place) lies on it, as in exact arithmetic: codes that take evenly spaced
  values have the same bins whatever their scale and offset. A constant column
  falls into one bin.
  """
  values = values[:, None]
  low, high = values.min(0, keepdims=True), values.max(0, keepdims=True)
  steps = jnp.arange(1, num_bins, dtype=values.dtype)[None, :, None]
  rounding = 4 * jnp.finfo(values.dtype).eps * jnp.maximum(-low, high)
  width = (high - low) / num_bins
  edges = low + steps * width - jnp.minimum(rounding, width / 100)
  above = (values >= edges) & (high > low)
  return above.sum(1, dtype=jnp.int32)


def block_owner(sizes: tuple[int, ...]) -> np.ndarray:
  """Returns the variable that each of the sum(sizes) one-hot columns is of."""
  return np.repeat(np.arange(len(sizes)), sizes)


def block_one_hot(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  """Returns float [N, sum(sizes)]: one-hot rows of all variables, joined.

  A missing label, -1, has zeros.
  """
  values = np.concatenate([np.arange(size) for size in sizes])
  return (labels[:, block_owner(sizes)] == values[None]).astype(jnp.float32)


def block_sum(values: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  """Sums the last axis [sum(sizes)] within each variable, giving [K]."""
  owner = jax.nn.one_hot(block_owner(sizes), len(sizes))
  return jnp.matmul(values, owner, precision='highest')


def mutual_information(
  left: jax.Array,
  left_sizes: tuple[int, ...],
  right: jax.Array,
  right_sizes: tuple[int, ...],
) -> jax.Array:
  """Returns [D, K]: I(left_d; right_k) of integer columns [N, D], [N, K].

  sum_ab p(a, b) log(p(a, b) / (p(a) p(b))) in nats; every contingency table
  comes from one product of the joined one-hot matrices. A column on the right
  may lack labels (-1): it is compared over the points that have one.
  """
  left_hot = block_one_hot(left, left_sizes)
  right_hot = block_one_hot(right, right_sizes)
  owner = block_owner(right_sizes)
  known = (right >= 0).astype(jnp.float32)
  count = jnp.maximum(known.sum(0, keepdims=True), 1.0)
  joint = left_hot.T @ right_hot / count[:, owner]
  marginal = left_hot.T @ known / count
  total = right_hot.sum(0, keepdims=True)
  independent = marginal[:, owner] * total / count[:, owner]
  ratio = jnp.where(joint > 0, joint / jnp.maximum(independent, 1e-30), 1.0)
  terms = block_sum(joint * jnp.log(ratio), right_sizes)
  return jnp.maximum(block_sum(terms.T, left_sizes).T, 0.0)


def frequencies(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  """Returns [sum(sizes)]: shares of the values among known labels [N, K]."""
  count = jnp.maximum((labels >= 0).sum(0), 1)
  return block_one_hot(labels, sizes).sum(0) / count[block_owner(sizes)]


def entropy(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  """Returns [K]: the entropy of each integer column [N, K] in nats."""
  p = frequencies(labels, sizes)
  return block_sum(jax.scipy.special.entr(p), sizes)


def code_factor_information(
  codes: jax.Array, factors: jax.Array, sizes: tuple[int, ...], num_bins: int
) -> jax.Array:
  """Returns [D, K]: mutual information of binned codes and factors in nats."""
  bins = discretize(codes, num_bins)
  return mutual_information(bins, (num_bins,) * codes.shape[1], factors, sizes)


def known_mean(values: jax.Array, labels: jax.Array) -> jax.Array:
  """Mean over the points [N, ...] that have a label (>= 0); NaN if none has."""
  return jnp.where(labels >= 0, values, 0.0).sum(0) / (labels >= 0).sum(0)


def top_two_gap(scores: jax.Array) -> jax.Array:
  """Returns [K]: the best minus the second best of each column of [D, K]."""
  best = jax.lax.top_k(scores.T, 2)[0]
  return best[:, 0] - best[:, 1]


def power_of_two(values: jax.Array) -> jax.Array:
  """The largest powers of two up to float32 values >= 0; 1 for 0.

  Division by a power of two is exact.
  """
  bits = jax.lax.bitcast_convert_type(values, jnp.int32) & 0x7F800000
  powers = jax.lax.bitcast_convert_type(bits, jnp.float32)
  return jnp.where(powers > 0, powers, 1.0)


def within_reach(codes: jax.Array, *others: jax.Array) -> list[jax.Array]:
  """Brings latents beyond 2^40 down to there, so that float32 holds squares.

  For models with a penalty on their weights, to which the scale of the codes
  matters, but no longer where they are so large. Other latents keep every bit.
  """
  largest = power_of_two(jnp.abs(codes).max(0, keepdims=True))
  unit = jnp.maximum(largest / _FAR, 1.0)
  return [x / unit for x in (codes, *others)]


def standardize(codes: jax.Array, *others: jax.Array) -> list[jax.Array]:
  """Shifts and scales to zero mean, unit variance of the first argument.

  A constant latent becomes 0: by its range, as rounding gives it a deviation.
  """
  low, high = codes.min(0, keepdims=True), codes.max(0, keepdims=True)
  unit = power_of_two(high - low)
  # The scale of the codes is no matter: their squares stay in float32.
  scaled = codes / unit
  mean, std = scaled.mean(0, keepdims=True), scaled.std(0, keepdims=True)
  varies = (high > low) & (std > 0)
  scale = jnp.where(varies, 1 / jnp.where(varies, std, 1.0), 0.0)
  return [(x / unit - mean) * scale for x in (codes, *others)]


def sort_keys(values: jax.Array) -> jax.Array:
  """Returns int32 keys in the order of float32 values.

  Integers sort far faster, and key + 1 is the next value, also beside 0.
  """
  bits = jax.lax.bitcast_convert_type(values + 0.0, jnp.int32)
  return jnp.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def bisect(
  ascending: jax.Array, low: jax.Array, high: jax.Array, value: jax.Array
) -> jax.Array:
  """Returns the first index in [low, high) not below `value`, else `high`.

  Args:
    ascending: [N], in ascending order within each searched range.
    low: int, start of each search (any shape).
    high: int, end of each search.
    value: what is sought.
  """

  def halve(_, bounds):
    low, high = bounds
    middle = (low + high) // 2
    left = (low < high) & (ascending[middle] < value)
    right = (low < high) & ~left
    return jnp.where(left, middle + 1, low), jnp.where(right, middle, high)

  turns = ascending.shape[0].bit_length()
  return jax.lax.fori_loop(0, turns, halve, (low, high))[0]
