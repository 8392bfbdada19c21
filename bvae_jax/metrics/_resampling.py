"""Standard errors: how much would a score change with other points?"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from bvae_jax.metrics._scored import Scored

if TYPE_CHECKING:
  from bvae_jax.metrics import _registry


def resample_keys(key: jax.Array, num_resamples: int) -> jax.Array:
  """The keys [R] of the resamples that go with a metric's key."""
  return jax.random.split(jax.random.fold_in(key, 1), num_resamples)


def resample(
  metric: '_registry.Metric',
  key: jax.Array,
  sample: '_registry.Sample',
  factor_sizes: tuple[int, ...],
) -> dict[str, jax.Array]:
  """The scores of one resample, as `with_standard_error` draws it.

  Args:
    metric: an entry of `METRICS`.
    key: one of `resample_keys`.
    sample: the codes of one member.
    factor_sizes: values of each factor (static).
  """
  metric_key, train_key, test_key = jax.random.split(key, 3)
  found = sample._asdict()
  parts: list[tuple[jax.Array, tuple[str, ...]]] = [
    (train_key, ('codes', 'factors')),
    (test_key, ('test_codes', 'test_factors')),
  ]
  if sample.table_factors is not None:
    tables = 'code_table', 'logvar_table', 'table_factors'
    parts.append((jax.random.fold_in(key, 3), tables))
  for part_key, names in parts:
    count = found[names[0]].shape[0]
    rows = jax.random.randint(part_key, (count,), 0, count)
    for name in names:
      if found[name] is not None:
        found[name] = found[name][rows]
  return metric.compute(metric_key, type(sample)(**found), factor_sizes).scores


def with_standard_error(
  metric: '_registry.Metric',
  key: jax.Array,
  sample: '_registry.Sample',
  factor_sizes: tuple[int, ...],
  num_resamples: int,
) -> tuple[Scored, dict[str, jax.Array]]:
  """Computes a metric and the bootstrap standard error of each of its scores.

  A resample draws as many training and test points, with replacement, and a
  new key for the metric's own draws (the code table of a grid, a whole
  population, stays; that of observed points is drawn as well). The error is the
  standard deviation (ddof 1) over resamples, which take turns, so that memory
  does not grow with their number.

  Args:
    metric: an entry of `METRICS`.
    key: randomness of the metric and the resamples; the value is that of
      `metric.compute` with this key.
    sample: the codes of one member.
    factor_sizes: values of each factor (static).
    num_resamples: 2 or more; 20 give an error good to about 16 %.

  Returns:
    What the metric returns, and the standard error of each of its scores.

  Raises:
    ValueError: fewer than 2 resamples; what the metric raises.

  Source: Efron 1979.
  """
  if num_resamples < 2:
    raise ValueError(f'num_resamples must be 2 or more, got {num_resamples}')

  sample = jax.tree.map(jnp.asarray, sample)
  scores = jax.lax.map(
    lambda drawn: resample(metric, drawn, sample, factor_sizes),
    resample_keys(key, num_resamples),
  )
  return (
    metric.compute(key, sample, factor_sizes),
    jax.tree.map(lambda score: score.std(0, ddof=1), scores),
  )
