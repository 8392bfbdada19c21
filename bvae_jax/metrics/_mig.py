"""Mutual information gap: does one latent alone tell of each factor?"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bvae_jax.metrics import _common, _points, _scored, _settings

NUM_BINS = 20


@functools.partial(jax.jit, static_argnames=('sizes', 'num_bins'))
def of_points(codes, factors, sizes, num_bins=NUM_BINS) -> _scored.Scored:
  """`mig` of points that are checked; a constant factor counts as 0."""
  information = _common.code_factor_information(codes, factors, sizes, num_bins)
  entropy = _common.entropy(factors, sizes)
  safe = jnp.maximum(entropy, 1e-12)
  gap = _common.top_two_gap(information) / safe
  gap = jnp.where(entropy > 0, gap, 0.0)
  return _scored.Scored(
    {'mig': gap.mean()}, information / safe[None], {'mig': gap}
  )


@_scored.flat('mig')
def mig(
  codes: jax.Array,
  factors: jax.Array,
  *,
  num_bins: int = NUM_BINS,
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Mutual information gap, histogram form on posterior means.

  mean_k (I(z_first; v_k) - I(z_second; v_k)) / H(v_k), with the two latents
  that know most of v_k, z in `num_bins` equal-width bins, v as it is.

  Args:
    codes: float [N, D] posterior means.
    factors: labels of any kind [N, K], see `encode_factors`.
    num_bins: bins of each latent.
    factor_sizes: values of each factor (static), 0 of a continuous one; by
      default what the labels say, or `MAX_FACTOR_SIZE` where they are traced.

  Returns:
    `mig` in [0, 1]. Under tracing a constant factor counts as 0.

  Raises:
    ValueError: see `check_points`; fewer points than bins.

  Source: Chen et al. 2018 (arXiv:1802.04942) eq. 6, with the estimator of
  Locatello et al. 2019 (arXiv:1811.12359).

  >>> import numpy as np
  >>> factors = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), 1)
  >>> round(float(mig(factors.astype(float), factors)['mig']), 3)
  1.0
  """
  _settings.require_count(2, num_bins=num_bins)
  codes, factors, sizes = _points.check_points(
    codes, factors, factor_sizes, min_points=num_bins
  )
  return of_points(codes, factors, sizes, num_bins)


mig_matrix = _scored.matrix_of(mig)
