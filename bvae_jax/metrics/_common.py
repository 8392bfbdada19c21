"""What every metric shares: input checks, binning, mutual information.

Codes are float [N, D] (N points, D latents), factors int [N, K]. The number of
values of each factor must be static; `resolve_sizes` says where it comes from.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

# How many values a factor may have when `factors` is traced and no sizes are
# given. It covers the usual data sets; passing `factor_sizes` is faster.
MAX_FACTOR_SIZE = 256


def is_traced(*arrays: jax.Array) -> bool:
  """Whether the values of any array are unknown (inside jit, vmap, grad)."""
  return any(isinstance(x, jax.core.Tracer) for x in arrays)


def check_codes(codes: jax.Array, *, min_points: int = 2) -> jax.Array:
  """Returns codes as float32 [N, D].

  Raises:
    ValueError: not [N, D], D < 2, N < min_points, or (when the values are
      known) NaN or infinite codes.
  """
  shape = jnp.shape(codes)
  if len(shape) != 2:
    raise ValueError(f'codes must be [points, latents], got shape {shape}')
  if shape[1] < 2:
    raise ValueError(f'codes need at least 2 latents, got shape {shape}')
  if shape[0] < min_points:
    raise ValueError(f'{shape[0]} points are fewer than {min_points} required')
  codes = jnp.asarray(codes, jnp.float32)
  if not is_traced(codes) and not bool(jnp.isfinite(codes).all()):
    raise ValueError('codes hold NaN or infinite values')
  return codes


def resolve_sizes(
  factors: jax.Array, factor_sizes: Sequence[int] | None = None
) -> tuple[int, ...]:
  """Returns the static number of values of each factor.

  Given sizes win; else the largest value plus one; else, when `factors` is
  traced, `MAX_FACTOR_SIZE` for each (a value beyond it is ignored).
  """
  if factor_sizes is not None:
    return tuple(int(size) for size in factor_sizes)
  if is_traced(factors):
    return (MAX_FACTOR_SIZE,) * jnp.shape(factors)[1]
  return tuple(int(size) for size in np.asarray(factors).max(0) + 1)


def check_factors(
  factors: jax.Array,
  factor_sizes: Sequence[int] | None = None,
  *,
  num_points: int,
  min_factors: int = 1,
) -> tuple[jax.Array, tuple[int, ...]]:
  """Returns factors as int32 [N, K] and their sizes.

  Raises:
    ValueError: not integers [N, K], N not `num_points`, K < min_factors, sizes
      of another length, or (when the values are known) a factor that is
      constant or outside its size.
  """
  shape = jnp.shape(factors)
  if len(shape) != 2:
    raise ValueError(f'factors must be [points, factors], got shape {shape}')
  if shape[0] != num_points:
    raise ValueError(
      f'{num_points} codes but {shape[0]} factors: lengths differ'
    )
  if shape[1] < min_factors:
    raise ValueError(
      f'at least {min_factors} factors needed, got shape {shape}'
    )
  if not jnp.issubdtype(jnp.result_type(factors), jnp.integer):
    raise ValueError(
      f'factors must be integers, got {jnp.result_type(factors)}'
    )
  if factor_sizes is not None and len(factor_sizes) != shape[1]:
    raise ValueError(f'{shape[1]} factors but factor_sizes {factor_sizes}')
  sizes = resolve_sizes(factors, factor_sizes)
  if not is_traced(factors):
    low, high = np.asarray(factors).min(0), np.asarray(factors).max(0)
    if (low < 0).any() or (high >= np.asarray(sizes)).any():
      raise ValueError(
        f'factors range over {low.tolist()} to {high.tolist()}, outside their'
        f' sizes {sizes}'
      )
    if (low == high).any():
      raise ValueError(f'factor {int(np.argmax(low == high))} is constant')
  return jnp.asarray(factors, jnp.int32), sizes


def check_points(
  codes: jax.Array,
  factors: jax.Array,
  factor_sizes: Sequence[int] | None = None,
  *,
  min_points: int = 2,
  min_factors: int = 1,
) -> tuple[jax.Array, jax.Array, tuple[int, ...]]:
  """`check_codes` and `check_factors` of one set of points."""
  codes = check_codes(codes, min_points=min_points)
  factors, sizes = check_factors(
    factors, factor_sizes, num_points=codes.shape[0], min_factors=min_factors
  )
  return codes, factors, sizes


def check_split(
  codes: jax.Array,
  factors: jax.Array,
  test_codes: jax.Array,
  test_factors: jax.Array,
  factor_sizes: Sequence[int] | None = None,
  *,
  min_points: int = 2,
  min_factors: int = 1,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, tuple[int, ...]]:
  """`check_points` of a training and a test set with the same columns."""
  if (
    factor_sizes is None
    and not is_traced(factors, test_factors)
    and jnp.ndim(factors) == jnp.ndim(test_factors) == 2
    and jnp.shape(factors)[1] == jnp.shape(test_factors)[1]
  ):
    factor_sizes = resolve_sizes(np.concatenate([factors, test_factors]))
  codes, factors, sizes = check_points(
    codes,
    factors,
    factor_sizes,
    min_points=min_points,
    min_factors=min_factors,
  )
  test_codes, test_factors, _ = check_points(test_codes, test_factors, sizes)
  if test_codes.shape[1] != codes.shape[1]:
    raise ValueError(
      f'codes {codes.shape} and test codes {test_codes.shape} have different'
      ' latents'
    )
  return codes, factors, test_codes, test_factors, sizes


def discretize(values: jax.Array, num_bins: int) -> jax.Array:
  """Returns int [N, D]: equal-width bins of each column between its extremes.

  Bin b holds edge_b <= value < edge_{b+1}; the last one holds the maximum too.
  A constant column falls into one bin.
  """
  low, high = values.min(0), values.max(0)
  steps = jnp.arange(1, num_bins, dtype=values.dtype)[:, None]
  edges = low + steps * ((high - low) / num_bins)
  above = (values[:, None] >= edges) & (high > low)
  return above.sum(1, dtype=jnp.int32)


def block_owner(sizes: tuple[int, ...]) -> np.ndarray:
  """Returns the variable that each of the sum(sizes) one-hot columns is of."""
  return np.repeat(np.arange(len(sizes)), sizes)


def block_one_hot(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  """Returns float [N, sum(sizes)]: one-hot rows of all variables, joined."""
  values = np.concatenate([np.arange(size) for size in sizes])
  return (labels[:, block_owner(sizes)] == values).astype(jnp.float32)


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
  comes from one product of the joined one-hot matrices.
  """
  left_hot = block_one_hot(left, left_sizes)
  right_hot = block_one_hot(right, right_sizes)
  joint = left_hot.T @ right_hot / left.shape[0]
  independent = left_hot.mean(0)[:, None] * right_hot.mean(0)
  ratio = jnp.where(joint > 0, joint / jnp.maximum(independent, 1e-30), 1.0)
  terms = block_sum(joint * jnp.log(ratio), right_sizes)
  return jnp.maximum(block_sum(terms.T, left_sizes).T, 0.0)


def entropy(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
  """Returns [K]: the entropy of each integer column [N, K] in nats."""
  p = block_one_hot(labels, sizes).mean(0)
  return block_sum(jax.scipy.special.entr(p), sizes)


def code_factor_information(
  codes: jax.Array, factors: jax.Array, sizes: tuple[int, ...], num_bins: int
) -> jax.Array:
  """Returns [D, K]: mutual information of binned codes and factors in nats."""
  bins = discretize(codes, num_bins)
  return mutual_information(bins, (num_bins,) * codes.shape[1], factors, sizes)


def top_two_gap(scores: jax.Array) -> jax.Array:
  """Returns [K]: the best minus the second best of each column of [D, K]."""
  best = jax.lax.top_k(scores.T, 2)[0]
  return best[:, 0] - best[:, 1]


def standardize(codes: jax.Array, *others: jax.Array) -> list[jax.Array]:
  """Shifts and scales to zero mean, unit variance of the first argument.

  A constant latent becomes 0.
  """
  mean, std = codes.mean(0), codes.std(0)
  scale = jnp.where(std > 0, 1 / jnp.where(std > 0, std, 1.0), 0.0)
  return [(x - mean) * scale for x in (codes, *others)]


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
