"""Unfairness: how far a prediction moves when a sensitive factor is set."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bvae_jax.metrics import (
  _boosting,
  _common,
  _grid,
  _inputs,
  _keys,
  _points,
  _scored,
  _settings,
)


def _set_values(key, codes, factors, code_table, sizes, num_test):
  """Shares [S, K, C] of predictions where each value [S] was set."""
  num_factors = len(sizes)
  sensitive = jnp.asarray(_common.block_owner(sizes))
  value = jnp.concatenate([jnp.arange(size) for size in sizes])
  rows = _grid.sample_rows(key, sizes, (num_factors, num_test))[sensitive]
  # [S, num_test]: the same points under each value of each sensitive factor.
  rows = _grid.set_factor(rows, sensitive[:, None], value[:, None], sizes)
  trees = _boosting.fit_boosted_trees(
    codes, factors, code_table[rows.ravel()], sizes=sizes
  )
  labels = trees.test_labels.reshape(*rows.shape, num_factors)
  return jax.nn.one_hot(labels, max(sizes)).mean(1)


def _seen_values(codes, factors, code_table, table_factors, sizes):
  """Shares [S, K, C] of predictions for the points that have each value [S]."""
  trees = _boosting.fit_boosted_trees(codes, factors, code_table, sizes=sizes)
  having = _common.block_one_hot(table_factors, sizes)
  predicted = jax.nn.one_hot(trees.test_labels, max(sizes))
  count = having.sum(0)[:, None, None]
  return jnp.einsum('ns,nkc->skc', having, predicted) / count


@functools.partial(jax.jit, static_argnames=('sizes', 'num_test'))
def _fairness(
  key, codes, factors, code_table, table_factors, *, sizes, num_test
):
  num_factors = len(sizes)
  sensitive = _common.block_owner(sizes)
  if table_factors is None:
    share = _set_values(key, codes, factors, code_table, sizes, num_test)
    weight = 1 / jnp.asarray(sizes)[sensitive]
  else:
    share = _seen_values(codes, factors, code_table, table_factors, sizes)
    weight = _common.frequencies(table_factors, sizes)
  present = weight > 0
  blocks = jnp.where(present, jnp.moveaxis(share, 0, -1), 0.0)  # [K, C, S]
  overall = _common.block_sum(blocks * weight[None, None], sizes)
  variation = jnp.abs(blocks - overall[..., sensitive]).sum(1) / 2  # [K, S]
  variation = jnp.where(present, variation, 0.0)
  count = _common.block_sum(present.astype(jnp.float32), sizes)
  mean = _common.block_sum(variation, sizes) / jnp.maximum(count, 1)[None]
  others = sensitive[None] != jnp.arange(num_factors)[:, None]
  off_diagonal = mean.sum() - jnp.trace(mean)
  return _scored.Scored(
    {
      'unfairness': off_diagonal / (num_factors * (num_factors - 1)),
      'unfairness_max': jnp.where(others, variation, 0.0).max(),
    }
  )


@_scored.flat('unfairness')
def fairness(
  key: jax.Array,
  codes: jax.Array,
  factors: jax.Array,
  code_table: jax.Array,
  factor_sizes: Sequence[int] | None = None,
  *,
  table_factors: jax.Array | None = None,
  num_test: int = 100,
) -> _scored.Scored:
  """Unfairness of predictions under interventions; lower is better.

  For each target factor, boosted trees (as in `dci`) are fitted on the codes.
  For each other, sensitive, factor the same `num_test` random points are given
  every value of it in turn; unfairness is the total variation between the
  predictions under one value and those under all, mean over values. Observed
  points cannot be given a value: there the predictions for all points that have
  it are compared with those for all points, so that factors which go together
  in the data count as unfair even where the codes tell them apart.

  Args:
    key: randomness of the points.
    codes: float [N, D] posterior means of the training points.
    factors: int [N, K].
    code_table: float [prod(factor_sizes), D], last factor fastest.
    factor_sizes: values of each factor (static).
    table_factors: [M, K] of the rows of `code_table`, where they are observed
      points in place of a grid.
    num_test: points for each sensitive factor of a grid.

  Returns:
    `unfairness`, the mean over pairs of target and sensitive factor, and
    `unfairness_max`, the largest variation of any value, both in [0, 1].

  Raises:
    ValueError: see `check_points` and `check_table`.

  Source: Locatello et al. 2019b (arXiv:1905.13662), the unfairness score of its
  experiments.
  """
  _keys.check_key(key)
  _settings.require_count(1, num_test=num_test)
  if table_factors is None:
    _, _, sizes = _grid.check_rows(code_table, factor_sizes, None)
    _, factors, sizes = _points.check_points(
      codes, factors, sizes, min_factors=2
    )
    codes, code_table = _inputs.paired(codes, code_table, 'the code table')
  else:
    codes, factors, code_table, table_factors, sizes = _points.check_split(
      codes, factors, code_table, table_factors, factor_sizes, min_factors=2
    )
  return _fairness(
    key,
    codes,
    factors,
    code_table,
    table_factors,
    sizes=sizes,
    num_test=num_test,
  )
