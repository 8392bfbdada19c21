"""Standard errors: how much would a score change with other points?"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from bvae_jax.metrics._scored import Scored

if TYPE_CHECKING:
  from bvae_jax.metrics import _registry


def with_standard_error(
  metric: '_registry.Metric',
  key: jax.Array,
  sample: '_registry.Sample',
  factor_sizes: tuple[int, ...],
  num_resamples: int,
) -> tuple[Scored, dict[str, jax.Array]]:
  """Computes a metric and the bootstrap standard error of each of its scores.

  A resample draws as many training and test points, with replacement, and a
  new key for the metric's own draws (the code table, a whole population,
  stays). The error is the standard deviation (ddof 1) over resamples, which
  take turns, so that memory does not grow with their number.

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

  def resample(resample_key):
    metric_key, train_key, test_key = jax.random.split(resample_key, 3)
    train, test = (
      jax.random.randint(k, (x.shape[0],), 0, x.shape[0])
      for k, x in ((train_key, sample.codes), (test_key, sample.test_codes))
    )
    codes, factors, test_codes, test_factors, *tables = sample
    drawn = type(sample)(
      codes[train],
      None if factors is None else factors[train],
      test_codes[test],
      None if test_factors is None else test_factors[test],
      *tables,
    )
    return metric.compute(metric_key, drawn, factor_sizes).scores

  sample = jax.tree.map(jnp.asarray, sample)
  keys = jax.random.split(jax.random.fold_in(key, 1), num_resamples)
  scores = jax.lax.map(resample, keys)
  return (
    metric.compute(key, sample, factor_sizes),
    jax.tree.map(lambda score: score.std(0, ddof=1), scores),
  )
