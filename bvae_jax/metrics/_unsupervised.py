"""Scores that need no factors: how far are the latents from independent?"""

import functools

import jax
import jax.numpy as jnp

from bvae_jax.metrics import _common, _inputs, _scored, _settings


@functools.partial(jax.jit, static_argnames='num_bins')
def _unsupervised_scores(codes, *, num_bins):
  num_latents = codes.shape[1]
  span = codes.max(0) - codes.min(0)
  unit = _common.power_of_two(span)
  # The sum of a large constant would be infinite.
  codes = jnp.where(span > 0, codes, 0.0)
  cov = jnp.cov(codes / unit[None], rowvar=False)
  std = jnp.sqrt(jnp.diagonal(cov))
  # A constant latent is independent of the rest: unit row and column.
  varies = (span > 0) & (std > 0)
  scale = jnp.where(varies, 1 / jnp.where(varies, std, 1.0), 0.0)
  correlation = jnp.fill_diagonal(
    cov * scale[:, None] * scale[None], 1.0, inplace=False
  )
  spectrum = jnp.linalg.eigvalsh(correlation)
  total_correlation = (
    -0.5 * jnp.log(jnp.maximum(spectrum, jnp.finfo(jnp.float32).eps)).sum()
  )
  # In the largest unit, whose square may be more than float32 holds.
  whole = _common.power_of_two(span.max())
  share = jnp.where(varies, unit / whole, 0.0)
  # tr C + tr G^2 - 2 tr (G C G)^1/2, where G^2 = diag(C), as the distance that
  # it is: |R - U G|^2 with R^T R = C and U the polar factor of R G. Differences
  # of traces lose digits, and roots of eigenvalues those of a small latent.
  scaled = codes / unit[None]
  centred = (scaled - scaled.mean(0, keepdims=True)) * share[None]
  std = std * share
  fewer = max(0, num_latents - len(centred))  # points than latents
  triangle = jnp.linalg.qr(jnp.pad(centred, ((0, fewer), (0, 0))), mode='r')
  root = triangle / jnp.sqrt(len(codes) - 1)
  left, _, right = jnp.linalg.svd(root * std[None])
  polar = jnp.matmul(left, right, precision='highest')
  wasserstein = jnp.square(root - polar * std[None]).sum()
  trace = jnp.square(std).sum()
  bins = _common.discretize(codes, num_bins)
  sizes = (num_bins,) * num_latents
  information = _common.mutual_information(bins, sizes, bins, sizes)
  off_diagonal = information.sum() - jnp.trace(information)
  return _scored.Scored(
    {
      'gaussian_total_correlation': jnp.maximum(total_correlation, 0.0),
      'gaussian_wasserstein_correlation': wasserstein * whole * whole,
      'gaussian_wasserstein_correlation_norm': jnp.where(
        trace > 0, wasserstein / jnp.maximum(trace, 1e-30), 0.0
      ),
      'mutual_info_score': off_diagonal / (num_latents * (num_latents - 1)),
    }
  )


@_scored.flat('gaussian_total_correlation')
def unsupervised_scores(
  codes: jax.Array, *, num_bins: int = 20
) -> _scored.Scored:
  """Dependence among the latents, without factors; lower is better.

  With C the covariance (ddof 1) of the codes:
  total correlation (sum_d log C_dd - log det C) / 2;
  Wasserstein-2 correlation 2 tr C - 2 tr (diag(C) C)^1/2, and over tr C;
  mean mutual information of two latents in `num_bins` equal-width bins.

  Args:
    codes: float [N, D] posterior means.
    num_bins: bins of each latent.

  Returns:
    `gaussian_total_correlation` [nats],
    `gaussian_wasserstein_correlation` [codes squared],
    `gaussian_wasserstein_correlation_norm`, `mutual_info_score` [nats]. A
    constant latent counts as independent; eigenvalues of the correlation
    matrix are kept above the float32 epsilon, so a duplicated latent adds 8
    nats of total correlation, not infinity.

  Raises:
    ValueError: see `check_codes`; fewer points than bins.

  Source: Locatello et al. 2019 (arXiv:1811.12359) section 5.1; Watanabe 1960;
  Olkin & Pukelsheim 1982.

  >>> import numpy as np
  >>> grid = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), 1)
  >>> scores = unsupervised_scores(grid.astype(float))
  >>> abs(round(float(scores['mutual_info_score']), 3))
  0.0
  """
  _settings.require_count(2, num_bins=num_bins)
  codes = _inputs.check_codes(codes, min_points=num_bins)
  return _unsupervised_scores(codes, num_bins=num_bins)
