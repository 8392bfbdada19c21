"""Modularity of the latents, explicitness of the factors."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _common, _points, _scored, _settings, _solvers


def _modularity(information: jax.Array) -> jax.Array:
  """Mean over latents of 1 - (rest of MI^2) / (max MI^2 (K - 1)), from [D, K].

  A latent that knows nothing counts as 0.
  """
  if information.shape[1] == 1:
    return jnp.array(jnp.nan)
  squared = information**2
  top = squared.max(1)
  rest = squared.sum(1) - top
  score = 1 - rest / jnp.maximum(top * (information.shape[1] - 1), 1e-30)
  return jnp.where(top > 1e-12, score, 0.0).mean()


def roc_auc(nll: jax.Array, labels: jax.Array) -> jax.Array:
  """Returns the mean one-vs-rest area under the ROC curve.

  Of class c: the chance that a point of c has a higher probability of c than
  another point, ties counted half; mean over the classes that
  some but not all points have, NaN where there is none.

  Args:
    nll: float >= 0 [N, C], minus the log probability of each class.
    labels: int [N]; a point without one (-1) does not count.

  Source: Mann & Whitney 1947.
  """
  num_points, num_classes = nll.shape
  known = labels >= 0
  last = np.iinfo(np.int32).max
  keys = jnp.where(known[:, None], _common.sort_keys(nll), last)
  ascending = jnp.sort(keys.T).ravel()
  place = jnp.maximum(labels, 0)
  own = jnp.take_along_axis(keys, place[:, None], 1)[:, 0]
  low = place * num_points
  smaller = _common.bisect(ascending, low, low + num_points, own) - low
  up_to = _common.bisect(ascending, low, low + num_points, own + 1) - low
  target = jax.nn.one_hot(labels, num_classes)
  count = target.sum(0)
  rank_sum = ((smaller + up_to + 1) / 2) @ target
  worse = rank_sum - count * (count + 1) / 2
  pairs = count * (known.sum() - count)
  area = 1 - worse / jnp.maximum(pairs, 1)
  # 0 / 0 is NaN: of points that are all of one class there is no such area.
  return jnp.where(pairs > 0, area, 0).sum() / (pairs > 0).sum()


@functools.partial(jax.jit, static_argnames=('sizes', 'num_bins'))
def _modularity_explicitness(
  codes, factors, test_codes, test_factors, *, sizes, num_bins
):
  information = _common.code_factor_information(codes, factors, sizes, num_bins)
  codes, test_codes = _common.standardize(codes, test_codes)

  def explicitness(labels, test_labels):
    known = (labels >= 0).astype(codes.dtype)
    model = _solvers.fit_logistic(
      codes, labels, max(sizes), sample_weight=known
    )
    return [
      roc_auc(-jax.nn.log_softmax(model.logits(x)), y)
      for x, y in ((codes, labels), (test_codes, test_labels))
    ]

  train, test = jax.vmap(explicitness, 1)(factors, test_factors)
  by_factor = {'explicitness_train': train, 'explicitness_test': test}
  means = {name: jnp.nanmean(values) for name, values in by_factor.items()}
  return _scored.Scored(
    {'modularity': _modularity(information), **means}, None, by_factor
  )


@_scored.flat('modularity')
def modularity_explicitness(
  codes: jax.Array,
  factors: jax.Array,
  test_codes: jax.Array,
  test_factors: jax.Array,
  *,
  num_bins: int = 20,
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Modularity of the latents and explicitness of the factors.

  Modularity: mean over latents of 1 - (sum_k I_dk^2 - max_k I_dk^2) /
  (max_k I_dk^2 (K - 1)), I the mutual information with binned latents; 0 for
  a latent without any. Explicitness: mean over factors of the one-vs-rest area
  under the ROC curve of a logistic regression (C = 1) on standardised codes.

  Args:
    codes: float [N, D] posterior means of the training points.
    factors: int [N, K].
    test_codes: float [T, D].
    test_factors: int [T, K].
    num_bins: equal-width bins of each latent.
    factor_sizes: values of each factor (static), see `mig`.

  Returns:
    `modularity`, `explicitness_train`, `explicitness_test` in [0, 1]. The
    explicitness of a factor whose points are all of one class is NaN, and the
    mean is that of the others; 0.5 is that of codes that tell nothing. Of a
    single factor modularity is NaN.

  Raises:
    ValueError: see `check_points`; fewer points than bins.

  Source: Ridgeway & Mozer 2018 (arXiv:1802.05312), where both are defined, with
  the constants of Locatello et al. 2019 (arXiv:1811.12359).
  """
  _settings.require_count(2, num_bins=num_bins)
  *points, sizes = _points.check_split(
    codes, factors, test_codes, test_factors, factor_sizes, min_points=num_bins
  )
  return _modularity_explicitness(*points, sizes=sizes, num_bins=num_bins)
