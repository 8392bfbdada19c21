"""Interventional robustness: do latents stay put while other factors move?"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bvae_jax.metrics import _common, _points, _scored, _settings


def _group_quantiles(values, labels, num_groups, quantile):
  """Quantile [C] of values in [0, 1] [N] in each group, and whether it exists.

  Group and value share one integer key, so a single sort orders all groups; the
  value keeps 31 bits less those of the group.
  """
  levels = 2**31 // num_groups - 1
  span = jnp.minimum((values * levels).astype(jnp.int32), levels - 1)
  keys = jnp.sort(labels * levels + span)
  edges = jnp.searchsorted(keys, levels * jnp.arange(num_groups + 1))
  start, count = edges[:-1], edges[1:] - edges[:-1]
  place = quantile * jnp.maximum(count - 1, 0)
  below = jnp.floor(place).astype(jnp.int32)
  above = jnp.minimum(below + 1, jnp.maximum(count - 1, 0))
  offset = levels * jnp.arange(num_groups)
  low, high = (keys[start + i] - offset for i in (below, above))
  return (low + (place - below) * (high - low)) / levels, count > 0


@functools.partial(jax.jit, static_argnames=('num_bins', 'quantile'))
def _irs(codes, factors, *, num_bins, quantile):
  # A point without a label (-1) is in a group of its own, which is left out.
  filled = jnp.where(factors < 0, factors.max(0), factors)
  groups = _common.discretize(filled.astype(jnp.float32), num_bins)
  groups = jnp.where(factors < 0, num_bins, groups)
  one_hot = jax.nn.one_hot(groups, num_bins)
  count = jnp.maximum(one_hot.sum(0), 1)[..., None]
  centred = codes - codes.mean(0, keepdims=True)
  varies = codes.max(0) > codes.min(0)
  largest = jnp.where(varies, jnp.abs(centred).max(0), 0.0)
  # In units of twice the largest deviation, a deviation is at most 1.
  unit = jnp.where(largest > 0, 1 / jnp.where(largest > 0, 2 * largest, 1), 0)
  scaled = centred * unit[None]
  means = (
    jnp.einsum('nkc,nd->kcd', one_hot, scaled, precision='highest') / count
  )

  def deviation(code, label, mean):
    values, exists = _group_quantiles(
      jnp.abs(code - mean[label]), label, num_bins + 1, quantile
    )
    values, exists = values[:-1], exists[:-1]
    return jnp.where(exists, values, 0).sum() / exists.sum()

  over_latents = jax.vmap(deviation, (1, None, 1))
  matrix = 1 - 2 * jax.vmap(over_latents, (None, 1, 0))(scaled, groups, means).T
  return jnp.where(largest[:, None] > 0, matrix, 0.0), largest


@_scored.flat('irs')
def irs(
  codes: jax.Array,
  factors: jax.Array,
  *,
  num_bins: int = 20,
  quantile: float = 0.99,
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Interventional robustness score.

  For latent d and factor k: 1 - mean_v q_v / max_n |z_d - mean z_d|, where q_v
  is the `quantile` of |z_d - mean| among the points with value v of k. A
  latent's score is its best over factors; their mean is weighted by the
  largest deviations, so that constant latents drop out.

  Args:
    codes: float [N, D] posterior means.
    factors: int [N, K].
    num_bins: equal-width bins of each factor.
    quantile: of the deviations; 1 is the paper's form.
    factor_sizes: as for the other metrics; not needed here.

  Returns:
    `irs`, 1 at most; 0 where every latent is constant. It is below 0 where the
    points of a group lie farther apart than any lies from the mean of all.

  Raises:
    ValueError: see `check_points`.

  Source: Suter et al. 2019 (arXiv:1811.00007), the interventional robustness
  score, with the constants of Locatello et al. 2019 (arXiv:1811.12359).

  >>> import numpy as np
  >>> factors = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), 1)
  >>> round(float(irs(factors.astype(float), factors)['irs']), 3)
  1.0
  """
  _settings.require_count(2, num_bins=num_bins)
  fits = 0 <= _settings.number(quantile) <= 1
  _settings.require(fits, 'quantile', 'a number in [0, 1]', quantile)
  codes, factors, _ = _points.check_points(codes, factors, factor_sizes)
  matrix, weight = _irs(codes, factors, num_bins=num_bins, quantile=quantile)
  total = weight.sum()
  score = (matrix.max(1) * weight).sum() / jnp.maximum(total, 1e-30)
  return _scored.Scored({'irs': jnp.where(total > 0, score, 0.0)}, matrix)


irs_matrix = _scored.matrix_of(irs)
