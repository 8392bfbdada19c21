"""InfoMEC: modularity, explicitness, compactness in terms of information."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import (
  _common,
  _inputs,
  _neighbours,
  _points,
  _scored,
  _settings,
  _solvers,
)

# How many values a discrete latent may have where codes are traced.
MAX_CODE_VALUES = 32
_SAME = 1e-4  # of a latent's range: codes that close are one value


def _code_values(codes):
  """Codes as int [N, D], 0 for the least value, and the number of values [D].

  A value may carry the rounding of a straight-through estimate.
  """
  order = jnp.argsort(codes, 0)
  ascending = jnp.take_along_axis(codes, order, 0)
  span = ascending[-1:] - ascending[:1]
  rises = jnp.pad(jnp.diff(ascending, axis=0) > _SAME * span, ((1, 0), (0, 0)))
  rank = jnp.cumsum(rises, 0, dtype=jnp.int32)
  values = jnp.zeros_like(rank).at[order, jnp.arange(codes.shape[1])].set(rank)
  return values, rank[-1] + 1


def _check_few(num_values: int, num_points: int) -> None:
  """Raises of codes that were not rounded to any values."""
  most = max(MAX_CODE_VALUES, num_points // 10)
  if num_values > most:
    raise ValueError(
      f'a latent has {num_values} values in {num_points} points, more than'
      f' {most}: codes are not discrete, score them with discrete=False'
    )


def _explicitness(codes, factors, sizes):
  """Returns [K]: 1 - cross entropy / log C of a balanced classifier."""

  def one(labels):
    count = jax.nn.one_hot(labels, max(sizes)).sum(0)
    num_present = (count > 0).sum()
    weight = count.sum() / num_present / jnp.maximum(count, 1)
    weight = jnp.where(labels >= 0, weight[labels], 0.0)
    model = _solvers.fit_logistic(
      codes,
      labels,
      max(sizes),
      strength=jnp.inf,
      sample_weight=weight,
      tolerance=1e-4,
      max_turns=100,
    )
    log_p = jax.nn.log_softmax(model.logits(codes))
    nll = -jnp.take_along_axis(log_p, labels[:, None], 1)[:, 0]
    nll = _common.known_mean(nll, labels)
    null = jnp.log(num_present)
    return jnp.where(null > 0, 1 - nll / jnp.maximum(null, 1e-12), 0.0)

  return jax.vmap(one, 1)(factors)


def _preference(information, among):
  """Mean over rows of (max / sum - 1 / n) / (1 - 1 / n), over n columns.

  A row without any information prefers none: 0. So does every row if n is 1.
  """
  total = information.sum(1)
  share = information.max(1) / jnp.maximum(total, 1e-12)
  score = (share - 1 / among) / jnp.maximum(1 - 1 / among, 1e-12)
  return jnp.where((total > 0) & (among > 1), score, 0.0)


def _summary(information, active, explicitness):
  """The scores, from [D, K], bool [D] and [K]."""
  kept = information * active[:, None]
  num_active = active.sum()
  modularity = _preference(kept, kept.shape[1])
  if kept.shape[1] == 1:
    modularity = jnp.full_like(modularity, jnp.nan)
  by_factor = {
    'infoe': explicitness,
    'infoc': _preference(kept.T, jnp.maximum(num_active, 1)),
  }
  scores = {
    'infom': (modularity * active).sum() / jnp.maximum(num_active, 1),
    **{name: values.mean() for name, values in by_factor.items()},
    'num_active': num_active.astype(jnp.float32),
  }
  return _scored.Scored(scores, information, by_factor)


@functools.partial(
  jax.jit, static_argnames=('sizes', 'num_neighbours', 'min_range')
)
def _infomec(codes, factors, *, sizes, num_neighbours, min_range):
  span = codes.max(0) - codes.min(0)
  active = span > min_range * span.max()
  (codes,) = _common.standardize(codes)
  return _summary(
    _neighbours.normalised_information(codes, factors, sizes, num_neighbours),
    active,
    _explicitness(codes, factors, sizes),
  )


@functools.partial(jax.jit, static_argnames=('sizes', 'num_values'))
def _infomec_discrete(codes, factors, *, sizes, num_values):
  values, count = _code_values(codes)
  code_sizes = (num_values,) * codes.shape[1]
  information = _common.mutual_information(values, code_sizes, factors, sizes)
  entropy = jnp.maximum(_common.entropy(factors, sizes), 1e-12)
  indicators = _common.block_one_hot(values, code_sizes)
  # The first value of each latent follows from the others.
  rest = np.arange(indicators.shape[1]) % num_values > 0
  found = _summary(
    information / entropy[None],
    count > 1,
    _explicitness(indicators[:, rest], factors, sizes),
  )
  # More values than there is room for make a NaN, not a wrong figure.
  fits = count.max() <= num_values
  return jax.tree.map(lambda score: jnp.where(fits, score, jnp.nan), found)


@_scored.flat('infom')
def infomec(
  codes: jax.Array,
  factors: jax.Array,
  *,
  discrete: bool = False,
  num_neighbours: int = 10,
  min_range: float = 0.05,
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Information modularity, explicitness and compactness.

  With NMI [D, K] = I(z_d; v_k) / H(v_k), by `num_neighbours` nearest neighbours
  on continuous codes: modularity is the mean over active latents of
  (max_k NMI / sum_k NMI - 1/K) / (1 - 1/K); compactness the same over factors
  with the active latents in place of K; explicitness the mean over factors of
  1 - H_L(v|z) / H_L(v), L the unpenalised, class-balanced logistic regressions.
  Of discrete codes the information is counted, L sees the indicators of their
  values, and every latent of two values or more is active. Points that repeat,
  codes and factors alike, do not count among neighbours, and L stops after 100
  turns, as in the authors' code.

  Args:
    codes: float [N, D].
    factors: int [N, K].
    discrete: the codes take few values each, as those of a quantised latent:
      `MAX_CODE_VALUES` at most, or one in ten points, whichever is more; the
      former where `codes` is traced (beyond: NaN).
    num_neighbours: of the estimate of mutual information.
    min_range: the pruning rule: a latent is active if its range is larger than
      this share of the largest range; 0 prunes constant latents only.
    factor_sizes: values of each factor (static), see `mig`.

  Returns:
    `infom`, `infoe`, `infoc`, and `num_active`, the latents left by pruning. A
    latent without information counts 0 in `infom`, which is NaN of a single
    factor; with fewer than two active latents `infoc` is 0.

  Raises:
    ValueError: see `check_points`; discrete codes of too many values.

  Source: Hsu et al. 2023 (arXiv:2305.18378), where InfoM, InfoE and InfoC are
  defined; Ross 2014 for the mutual information.
  """
  _settings.require_count(1, num_neighbours=num_neighbours)
  fits = 0 <= _settings.number(min_range) < 1
  _settings.require(fits, 'min_range', 'a number in [0, 1)', min_range)
  codes, factors, sizes = _points.check_points(codes, factors, factor_sizes)
  if discrete:
    num_values = MAX_CODE_VALUES
    if not _inputs.is_traced(codes):
      num_values = int(_code_values(codes)[1].max())
      _check_few(num_values, len(codes))
    return _infomec_discrete(
      codes, factors, sizes=sizes, num_values=max(num_values, 2)
    )
  return _infomec(
    codes,
    factors,
    sizes=sizes,
    num_neighbours=num_neighbours,
    min_range=min_range,
  )


infomec_matrix = _scored.matrix_of(infomec)
