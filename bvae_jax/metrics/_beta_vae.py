"""BetaVAE score: can a linear classifier tell which factor a pair shares?"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bvae_jax.metrics import (
  _common,
  _grid,
  _keys,
  _observed,
  _scored,
  _settings,
  _solvers,
)


def shared_factor_pairs(
  key: jax.Array,
  factor_sizes: tuple[int, ...],
  num_points: int,
  batch_size: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Draws pairs of table rows that share one factor.

  Returns:
    factor int [P], uniform, and two int [P, batch_size] of rows, uniform but
    for that factor, which the second takes from the first, pair by pair.
  """
  factor_key, first_key, second_key = jax.random.split(key, 3)
  factor = jax.random.randint(factor_key, (num_points,), 0, len(factor_sizes))
  shape = (num_points, batch_size)
  first = _grid.sample_rows(first_key, factor_sizes, shape)
  second = _grid.sample_rows(second_key, factor_sizes, shape)
  shared = factor[:, None]
  value = _grid.factor_value(first, shared, factor_sizes)
  return factor, first, _grid.set_factor(second, shared, value, factor_sizes)


@functools.partial(jax.jit, static_argnames=('sizes', 'counts'))
def _beta_vae_score(key, code_table, labels, sizes, counts):
  num_train, num_eval, batch_size = counts
  groups = None if labels is None else _observed.Groups.of(labels, sizes)
  train_key, eval_key = jax.random.split(key)

  def draw(key, num_points):
    if groups is None:
      found = shared_factor_pairs(key, sizes, num_points, batch_size)
    else:
      found = _observed.shared_factor_pairs(key, groups, num_points, batch_size)
    factor, first, second = found
    return jnp.abs(code_table[first] - code_table[second]).mean(1), factor

  features, labels = draw(train_key, num_train)
  model = _solvers.fit_logistic(features, labels, len(sizes))

  def accuracy(features, labels):
    return (model.logits(features).argmax(1) == labels).mean()

  scores = {
    'train_accuracy': accuracy(features, labels),
    'eval_accuracy': accuracy(*draw(eval_key, num_eval)),
  }
  if groups is not None:
    scores = {name: groups.or_nan(score) for name, score in scores.items()}
  return _scored.Scored(scores)


@_scored.flat('eval_accuracy')
def beta_vae_score(
  key: jax.Array,
  code_table: jax.Array,
  factor_sizes: Sequence[int] | None = None,
  *,
  table_factors: jax.Array | None = None,
  num_train: int = 10_000,
  num_eval: int = 5_000,
  batch_size: int = 64,
) -> _scored.Scored:
  """BetaVAE score: accuracy of a linear classifier of the shared factor.

  A point: draw a factor k and `batch_size` pairs of factor combinations that
  share k; the feature is mean_b |z1_b - z2_b|, the label k. The classifier is a
  multinomial logistic regression with an L2 penalty (C = 1).

  Args:
    key: randomness of the draws.
    code_table: float [prod(factor_sizes), D], last factor fastest.
    factor_sizes: values of each factor (static).
    table_factors: [N, K], discrete or continuous, missing or not, of rows that
      are N observed points in place of a grid: draws are then from these.
    num_train: training points.
    num_eval: evaluation points.
    batch_size: pairs behind one point.

  Returns:
    `train_accuracy`, `eval_accuracy` (the main score) in [0, 1]; NaN where no
    two observed points share their value of a factor.

  Raises:
    ValueError: see `check_table`, or `check_points` of observed points.

  Source: Higgins et al. 2017 (openreview Sy2fzU9gl) section 3, with the
  constants of Locatello et al. 2019 (arXiv:1811.12359).
  """
  _keys.check_key(key)
  _settings.require_count(
    1, num_train=num_train, num_eval=num_eval, batch_size=batch_size
  )
  code_table, labels, sizes = _grid.check_rows(
    code_table, factor_sizes, table_factors
  )
  (code_table,) = _common.within_reach(code_table)
  counts = num_train, num_eval, batch_size
  return _beta_vae_score(key, code_table, labels, sizes, counts)
