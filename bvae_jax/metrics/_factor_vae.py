"""FactorVAE score: which latent varies least when one factor is fixed?"""

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
)


def fixed_factor_rows(
  key: jax.Array, factor_sizes: tuple[int, ...], num_votes: int, batch_size: int
) -> tuple[jax.Array, jax.Array]:
  """Draws table rows that share one factor within each batch.

  Returns:
    factor int [V], uniform; rows int [V, batch_size] of the code table, uniform
    but for that factor, which has the value of the first row throughout.
  """
  factor_key, row_key = jax.random.split(key)
  factor = jax.random.randint(factor_key, (num_votes,), 0, len(factor_sizes))
  rows = _grid.sample_rows(row_key, factor_sizes, (num_votes, batch_size))
  fixed = factor[:, None]
  value = _grid.factor_value(rows[:, :1], fixed, factor_sizes)
  return factor, _grid.set_factor(rows, fixed, value, factor_sizes)


def _votes(
  key, code_table, scale, factor_sizes, num_votes, batch_size, groups=None
):
  """Counts [K, D]: how often latent d varied least when factor k was fixed.

  `scale` [D] is one over the global variance, 0 for a latent out of the vote.
  """
  if groups is None:
    factor, rows = fixed_factor_rows(key, factor_sizes, num_votes, batch_size)
  else:
    factor, rows = _observed.fixed_factor_rows(
      key, groups, num_votes, batch_size
    )
  variance = code_table[rows].var(1, ddof=1)
  latent = jnp.where(scale > 0, variance * scale[None], jnp.inf).argmin(1)
  factor_hot = jax.nn.one_hot(factor, len(factor_sizes))
  return factor_hot.T @ jax.nn.one_hot(latent, code_table.shape[1])


@functools.partial(
  jax.jit, static_argnames=('factor_sizes', 'counts', 'min_std', 'relative')
)
def _factor_vae_score(
  key, code_table, labels, factor_sizes, counts, min_std, relative
):
  num_train, num_eval, batch_size, num_variance = counts
  variance_key, train_key, eval_key = jax.random.split(key, 3)
  groups = None if labels is None else _observed.Groups.of(labels, factor_sizes)
  num_rows = code_table.shape[0]
  rows = jax.random.randint(variance_key, (num_variance,), 0, num_rows)
  span = code_table.max(0) - code_table.min(0)
  unit = _common.power_of_two(span)
  code_table = code_table / unit[None]  # whose squares stay in float32
  variance = code_table[rows].var(0, ddof=1)
  std = jnp.sqrt(variance) * unit
  threshold = min_std * (jnp.minimum(std.max(), 1.0) if relative else 1.0)
  active = (std >= threshold) & (span > 0) & (variance > 0)
  scale = jnp.where(active, 1 / jnp.where(active, variance, 1.0), 0.0)
  train, held_out = (
    _votes(k, code_table, scale, factor_sizes, n, batch_size, groups)
    for k, n in ((train_key, num_train), (eval_key, num_eval))
  )
  majority = jax.nn.one_hot(train.argmax(0), len(factor_sizes)).T
  any_active = active.any()
  scores = {
    'train_accuracy': any_active * (majority * train).sum() / num_train,
    'eval_accuracy': any_active * (majority * held_out).sum() / num_eval,
  }
  if groups is not None:
    scores = {name: groups.or_nan(score) for name, score in scores.items()}
  num_active = active.sum().astype(jnp.float32)
  return _scored.Scored({**scores, 'num_active': num_active})


@_scored.flat('eval_accuracy')
def factor_vae_score(
  key: jax.Array,
  code_table: jax.Array,
  factor_sizes: Sequence[int] | None = None,
  *,
  table_factors: jax.Array | None = None,
  num_train: int = 10_000,
  num_eval: int = 5_000,
  batch_size: int = 64,
  num_variance: int = 10_000,
  min_std: float = 0.05,
  relative: bool = True,
) -> _scored.Scored:
  """FactorVAE score: accuracy of the majority vote from latent to factor.

  A vote: draw a factor, a batch of points that share its value, and take the
  latent of LOWEST variance over the batch relative to its global variance
  (both ddof 1). The classifier maps each latent to the factor it was most
  often voted for in training.

  Args:
    key: randomness of the draws.
    code_table: float [prod(factor_sizes), D], last factor fastest.
    factor_sizes: values of each factor (static).
    table_factors: [N, K], discrete or continuous, missing or not, of rows that
      are N observed points in place of a grid: draws are then from these.
    num_train: training votes.
    num_eval: evaluation votes.
    batch_size: points behind one vote.
    num_variance: points behind the global variances.
    min_std: a latent below this global standard deviation takes no part.
    relative: `min_std` is a share of the largest deviation where that is below
      1, so that codes on a small scale of their own are scored; False takes it
      as it is, as the 2019 study does with posterior means (and `METRICS`).

  Returns:
    `train_accuracy`, `eval_accuracy` (the main score) in [0, 1]; both are 0
    where no latent is active, and NaN where no two observed points share their
    value of a factor; `num_active`, the latents above the threshold.

  Raises:
    ValueError: see `check_table`, or `check_points` of observed points.

  Source: Kim & Mnih 2018 (arXiv:1802.05983) section 4, with the constants of
  Locatello et al. 2019.
  """
  _keys.check_key(key)
  _settings.require_count(1, num_train=num_train, num_eval=num_eval)
  _settings.require_count(2, batch_size=batch_size, num_variance=num_variance)
  fits = _settings.number(min_std) >= 0
  _settings.require(fits, 'min_std', 'a number, 0 or more', min_std)
  code_table, labels, sizes = _grid.check_rows(
    code_table, factor_sizes, table_factors
  )
  counts = num_train, num_eval, batch_size, num_variance
  return _factor_vae_score(
    key, code_table, labels, sizes, counts, min_std, relative
  )
