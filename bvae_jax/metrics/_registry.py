"""The one registry of metrics: what a name in `config.metrics` computes."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from bvae_jax.metrics import (
  _beta_vae,
  _dci,
  _downstream,
  _factor_vae,
  _fairness,
  _infomec,
  _irs,
  _mig,
  _mig_sampled,
  _modularity,
  _sap,
  _unsupervised,
)


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


def _on_split(function):
  """A metric of training and test points."""
  return lambda key, s, sizes: function(
    s.codes, s.factors, s.test_codes, s.test_factors, factor_sizes=sizes
  )


def _on_table(function):
  """A metric of the code table."""
  return lambda key, s, sizes: function(key, s.code_table, sizes)


def _on_tables(function):
  """A metric of the tables of means and log-variances."""
  return lambda key, s, sizes: function(
    key, s.code_table, s.logvar_table, sizes
  )


METRICS = {
  'beta_vae_score': Metric(
    _on_table(_beta_vae.beta_vae_score), 'eval_accuracy'
  ),
  'factor_vae_score': Metric(
    _on_table(_factor_vae.factor_vae_score), 'eval_accuracy'
  ),
  'mig': Metric(_on_points(_mig.mig), 'mig', _on_points(_mig.mig_matrix)),
  'mig_sampled': Metric(
    _on_tables(_mig_sampled.mig_sampled),
    'mig_sampled',
    _on_tables(_mig_sampled.mig_sampled_matrix),
  ),
  'dci': Metric(
    _on_split(_dci.dci), 'disentanglement', _on_points(_dci.dci_matrix)
  ),
  'sap': Metric(_on_split(_sap.sap), 'sap', _on_split(_sap.sap_matrix)),
  'modularity_explicitness': Metric(
    _on_split(_modularity.modularity_explicitness), 'modularity'
  ),
  'irs': Metric(_on_points(_irs.irs), 'irs', _on_points(_irs.irs_matrix)),
  'infomec': Metric(
    _on_points(_infomec.infomec),
    'infom',
    _on_points(_infomec.infomec_matrix),
  ),
  'unsupervised': Metric(
    lambda key, s, sizes: _unsupervised.unsupervised_scores(s.codes),
    'gaussian_total_correlation',
  ),
  'downstream': Metric(
    _on_split(_downstream.downstream), 'logistic_efficiency'
  ),
  'fairness': Metric(
    lambda key, s, sizes: _fairness.fairness(
      key, s.codes, s.factors, s.code_table, sizes
    ),
    'unfairness',
  ),
}
