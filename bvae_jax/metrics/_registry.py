"""The one registry of metrics: what a name in `config.metrics` computes."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax

from bvae_jax.metrics import (
  _beta_vae,
  _dci,
  _downstream,
  _factor_vae,
  _fairness,
  _few_labels,
  _infomec,
  _irs,
  _mig,
  _mig_sampled,
  _modularity,
  _sap,
  _udr,
  _unsupervised,
)
from bvae_jax.metrics._scored import Scored, scored


class Sample(NamedTuple):
  """All that a metric may look at: the codes of one member.

  Attributes:
    codes: float [N, D] posterior means of the training points.
    factors: int [N, K]; None without factors.
    test_codes: float [T, D].
    test_factors: int [T, K]; None without factors.
    code_table: float [prod(factor_sizes), D] posterior means of every factor
      combination, last factor fastest; None without factors.
    logvar_table: the same of the log-variances; None where codes have none.
    table_factors: [M, K], where the tables are of M observed points in place of
      a grid; None of a grid.

  Factors are int [N, K], -1 where a label is missing, or, if one of them is
  continuous, float [N, K] with NaN for a missing one.
  """

  codes: jax.Array
  factors: jax.Array | None
  test_codes: jax.Array
  test_factors: jax.Array | None
  code_table: jax.Array | None
  logvar_table: jax.Array | None
  table_factors: jax.Array | None = None


@dataclasses.dataclass(frozen=True)
class Metric:
  """One metric; jit and vmap `compute` over the key and the codes of a sample.

  Attributes:
    name: in the registry, configs and results.
    main: the key of the main score.
    needs: what must be known: 'codes' alone, 'factors' of the points, these and
      'variances' of the posterior, or the codes of a 'population' of models.
    compute: (key, sample, factor_sizes) -> Scored, sizes with 0 of a continuous
      factor; of a population (codes
      [M, N, D], kl [M, D]) -> Scored with leaves [M].
    table: whether it looks at the codes of every image, in `code_table`.
  """

  name: str
  main: str
  needs: Literal['codes', 'factors', 'variances', 'population']
  compute: Callable[..., Scored]
  table: bool = False


# Posterior means have the scale of the prior: the study's threshold as it is.
_factor_vae_of_study = functools.partial(
  scored(_factor_vae.factor_vae_score), relative=False
)
_infomec_of_values = functools.partial(scored(_infomec.infomec), discrete=True)


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
  return lambda key, s, sizes: function(
    key, s.code_table, sizes, table_factors=s.table_factors
  )


def _unsupervised_of(function):
  return lambda key, s, sizes: function(s.codes)


def _mig_sampled_of(function):
  return lambda key, s, sizes: function(
    key, s.code_table, s.logvar_table, sizes, table_factors=s.table_factors
  )


def _fairness_of(function):
  return lambda key, s, sizes: function(
    key, s.codes, s.factors, s.code_table, sizes, table_factors=s.table_factors
  )


def _as_is(function):
  return function


def _metrics(needs, hand_over, *entries) -> dict[str, Metric]:
  """Entries of the registry from {name: (public function, main score)}."""
  table = hand_over in (_on_table, _mig_sampled_of, _fairness_of)
  return {
    name: Metric(name, main, needs, hand_over(function), table)
    for name, function, main in entries
  }


METRICS: dict[str, Metric] = {
  **_metrics(
    'factors',
    _on_table,
    ('beta_vae_score', scored(_beta_vae.beta_vae_score), 'eval_accuracy'),
    ('factor_vae_score', _factor_vae_of_study, 'eval_accuracy'),
  ),
  **_metrics('factors', _on_points, ('mig', scored(_mig.mig), 'mig')),
  **_metrics(
    'variances',
    _mig_sampled_of,
    ('mig_sampled', scored(_mig_sampled.mig_sampled), 'mig_sampled'),
  ),
  **_metrics(
    'factors',
    _on_split,
    ('dci', scored(_dci.dci), 'disentanglement'),
    ('sap', scored(_sap.sap), 'sap'),
    (
      'modularity_explicitness',
      scored(_modularity.modularity_explicitness),
      'modularity',
    ),
  ),
  **_metrics(
    'factors',
    _on_points,
    ('few_labels', scored(_few_labels.few_labels), 'mig'),
    ('irs', scored(_irs.irs), 'irs'),
    ('infomec', scored(_infomec.infomec), 'infom'),
    ('infomec_discrete', _infomec_of_values, 'infom'),
  ),
  **_metrics(
    'codes',
    _unsupervised_of,
    (
      'unsupervised',
      scored(_unsupervised.unsupervised_scores),
      'gaussian_total_correlation',
    ),
  ),
  **_metrics(
    'factors',
    _on_split,
    ('downstream', scored(_downstream.downstream), 'accuracy'),
  ),
  **_metrics(
    'factors',
    _fairness_of,
    ('fairness', scored(_fairness.fairness), 'unfairness'),
  ),
  **_metrics('population', _as_is, ('udr', scored(_udr.udr), 'udr')),
}
