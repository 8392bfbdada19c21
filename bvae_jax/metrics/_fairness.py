"""Unfairness: how far a prediction moves when a sensitive factor is set."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bvae_jax.metrics import _boosting, _common, _grid, _inputs, _scored


@functools.partial(jax.jit, static_argnames=('sizes', 'num_test'))
def _fairness(key, codes, factors, code_table, *, sizes, num_test):
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
  share = jax.nn.one_hot(labels, max(sizes)).mean(1)  # [S, K, C]
  blocks = jnp.moveaxis(share, 0, -1)
  overall = _common.block_sum(blocks, sizes) / jnp.asarray(sizes)
  variation = jnp.abs(blocks - overall[..., sensitive]).sum(1) / 2  # [K, S]
  mean = _common.block_sum(variation, sizes) / jnp.asarray(sizes)
  others = sensitive != jnp.arange(num_factors)[:, None]
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
  factor_sizes: Sequence[int],
  *,
  num_test: int = 100,
) -> _scored.Scored:
  """Unfairness of predictions under interventions; lower is better.

  For each target factor, boosted trees (as in `dci`) are fitted on the codes.
  For each other, sensitive, factor the same `num_test` random points are given
  every value of it in turn; unfairness is the total variation between the
  predictions under one value and those under all, mean over values.

  Args:
    key: randomness of the points.
    codes: float [N, D] posterior means of the training points.
    factors: int [N, K].
    code_table: float [prod(factor_sizes), D], last factor fastest.
    factor_sizes: values of each factor (static).
    num_test: points for each sensitive factor.

  Returns:
    `unfairness`, the mean over pairs of target and sensitive factor, and
    `unfairness_max`, the largest variation of any value, both in [0, 1].

  Raises:
    ValueError: see `check_points` and `check_table`.

  Source: Locatello et al. 2019b (arXiv:1905.13662) section 4.
  """
  _inputs.require_count(1, num_test=num_test)
  code_table, sizes = _grid.check_table(code_table, factor_sizes)
  codes, factors, sizes = _inputs.check_points(
    codes, factors, sizes, min_factors=2
  )
  return _fairness(
    key, codes, factors, code_table, sizes=sizes, num_test=num_test
  )
