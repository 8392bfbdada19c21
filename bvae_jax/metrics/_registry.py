"""The one registry of metrics: what a name in `config.metrics` computes."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

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

Needs = Literal['codes', 'factors', 'variances', 'population']


class Sample(NamedTuple):
  """All that a metric may look at: the codes of one member.

  Attributes:
    codes: float [N, D] posterior means of the training points.
    factors: int [N, K]; None without factors.
    test_codes: float [T, D].
    test_factors: int [T, K]; None without factors.
    code_table: float [prod(factor_sizes), D] posterior means of every factor
      combination, last factor fastest; None without factors, or where nobody
      asked for a metric with a `table`.
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
      factor; of a population (codes [M, N, D], kl [M, D]) -> Scored with leaves
      [M].
    table: whether it looks at the codes of every image, in `code_table`.
    span: the least and the largest that the main score can be.

  Raises:
    ValueError: `needs` is none of these.
  """

  name: str
  main: str
  needs: Needs
  compute: Callable[..., Scored]
  table: bool = False
  span: tuple[float, float] = (-math.inf, math.inf)

  def __post_init__(self):
    if self.needs not in get_args(Needs):
      raise ValueError(
        f'metric {self.name}: needs must be one of {", ".join(get_args(Needs))}'
        f', got {self.needs!r}'
      )


def _on_points(function, key, s, sizes):
  """A metric of the training points alone."""
  return function(s.codes, s.factors, factor_sizes=sizes)


def _on_split(function, key, s, sizes):
  """A metric of training and test points."""
  points = s.codes, s.factors, s.test_codes, s.test_factors
  return function(*points, factor_sizes=sizes)


def _on_table(function, key, s, sizes):
  """A metric of the code table."""
  return function(key, s.code_table, sizes, table_factors=s.table_factors)


def _on_variances(function, key, s, sizes):
  tables = s.code_table, s.logvar_table
  return function(key, *tables, sizes, table_factors=s.table_factors)


def _on_points_and_table(function, key, s, sizes):
  inputs = s.codes, s.factors, s.code_table
  return function(key, *inputs, sizes, table_factors=s.table_factors)


def _on_codes(function, key, s, sizes):
  return function(s.codes)


def _entry(
  name,
  main,
  inputs,
  function,
  needs: Needs = 'factors',
  span: tuple[float, float] = (0.0, 1.0),
  **options,
) -> Metric:
  """A public function and what it is handed of a sample."""
  return Metric(
    name,
    main,
    needs,
    functools.partial(inputs, functools.partial(scored(function), **options)),
    inputs in (_on_table, _on_variances, _on_points_and_table),
    span,
  )


_ENTRIES = (
  _entry(
    'beta_vae_score', 'eval_accuracy', _on_table, _beta_vae.beta_vae_score
  ),
  _entry(
    'factor_vae_score',
    'eval_accuracy',
    _on_table,
    _factor_vae.factor_vae_score,
    # Posterior means have the scale of the prior: the study's threshold as is.
    relative=False,
  ),
  _entry('mig', 'mig', _on_points, _mig.mig),
  _entry(
    'mig_sampled',
    'mig_sampled',
    _on_variances,
    _mig_sampled.mig_sampled,
    'variances',
  ),
  _entry('dci', 'disentanglement', _on_split, _dci.dci),
  _entry('sap', 'sap', _on_split, _sap.sap),
  _entry(
    'modularity_explicitness',
    'modularity',
    _on_split,
    _modularity.modularity_explicitness,
  ),
  _entry('few_labels', 'mig', _on_points, _few_labels.few_labels),
  _entry('irs', 'irs', _on_points, _irs.irs, span=(-math.inf, 1.0)),
  _entry('infomec', 'infom', _on_points, _infomec.infomec),
  _entry(
    'infomec_discrete', 'infom', _on_points, _infomec.infomec, discrete=True
  ),
  _entry(
    'unsupervised',
    'gaussian_total_correlation',
    _on_codes,
    _unsupervised.unsupervised_scores,
    'codes',
    (0.0, math.inf),
  ),
  _entry('downstream', 'accuracy', _on_split, _downstream.downstream),
  _entry('fairness', 'unfairness', _on_points_and_table, _fairness.fairness),
  Metric('udr', 'udr', 'population', scored(_udr.udr), span=(0.0, 1.0)),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ENTRIES}
