"""The one registry of metrics: what a name in `config.metrics` computes."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from bvae_jax.metrics import _factor_vae, _mig, _unsupervised


class Sample(NamedTuple):
  """All that a metric may look at: the codes of one member.

  Attributes:
    codes: float [N, D] posterior means of the training points.
    factors: int [N, K].
    test_codes: float [T, D].
    test_factors: int [T, K].
    code_table: float [prod(factor_sizes), D] posterior means of every factor
      combination, last factor fastest.
    logvar_table: the same of the log-variances.
  """

  codes: jax.Array
  factors: jax.Array
  test_codes: jax.Array
  test_factors: jax.Array
  code_table: jax.Array
  logvar_table: jax.Array


class Metric(NamedTuple):
  """One metric; jit and vmap `compute` over the key and the codes of a sample.

  Attributes:
    compute: (key, sample, factor_sizes) -> dict of scalars.
    main: the key of the main score in that dict.
    matrix: (key, sample, factor_sizes) -> [D, K] for the report, or None.
  """

  compute: Callable[..., dict[str, jax.Array]]
  main: str
  matrix: Callable[..., jax.Array] | None = None


def _on_points(function):
  """A metric of the training points alone."""
  return lambda key, s, sizes: function(s.codes, s.factors, factor_sizes=sizes)


def _on_table(function):
  """A metric of the code table."""
  return lambda key, s, sizes: function(key, s.code_table, sizes)


METRICS = {
  'mig': Metric(_on_points(_mig.mig), 'mig', _on_points(_mig.mig_matrix)),
  'factor_vae_score': Metric(
    _on_table(_factor_vae.factor_vae_score), 'eval_accuracy'
  ),
  'unsupervised': Metric(
    lambda key, s, sizes: _unsupervised.unsupervised_scores(s.codes),
    'gaussian_total_correlation',
  ),
}
