"""Mutual information gap on samples of q(z|x), over the whole data set."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import draws
from bvae_jax.metrics import _common, _grid, _inputs, _keys, _scored, _settings

# A deviation of e^60, whose sixfold margin and differences float32 holds.
MAX_LOGVAR = 120


def _nearest_level(values, num_levels):
  """Equally spaced levels over the range of values, and each one's nearest."""
  low, high = values.min(), values.max()
  gap = jnp.maximum((high - low) / (num_levels - 1), 1e-6)
  index = jnp.round((values - low) / gap).astype(jnp.int32)
  return low + gap * jnp.arange(num_levels), jnp.minimum(index, num_levels - 1)


def _log_densities(mean, logvar, value, group, num_groups, cells, levels):
  """Log density of samples under mixtures of Gaussians of groups of points.

  Each mixture is a histogram of means (`cells`) by standard deviation
  (`levels`), convolved with the Gaussian of each level on the same cells.

  Args:
    mean: float [N], of one latent.
    logvar: float [N].
    value: float [S], where to evaluate.
    group: int [N, K], the mixtures that each point belongs to; G for none.
    num_groups: G.
    cells: of the axis of z.
    levels: of the standard deviation.

  Returns:
    [G, S].
  """
  log_std, level = _nearest_level(logvar / 2, levels)
  margin = 6 * jnp.exp(log_std[-1])
  low = jnp.minimum(mean.min() - margin, value.min())
  high = jnp.maximum(mean.max() + margin, value.max())
  width = (high - low) / (cells - 1)
  cell = jnp.round((mean - low) / width).astype(jnp.int32)
  index = (group * levels + level[:, None]) * cells + cell[:, None]
  count = jnp.zeros(num_groups * levels * cells).at[index.ravel()].add(1.0)
  count = count.reshape(num_groups, levels, cells)
  count /= jnp.maximum(count.sum((1, 2), keepdims=True), 1.0)

  # A Gaussian narrower than a cell is as good as one of half a cell.
  std = jnp.maximum(jnp.exp(log_std), width / 2)[:, None]
  offset = jnp.fft.fftfreq(2 * cells, 1 / (2 * cells)) * width
  kernel = jnp.exp(-0.5 * (offset[None] / std) ** 2)
  kernel /= kernel.sum(1, keepdims=True) * width
  spectrum = jnp.fft.rfft(count, 2 * cells) * jnp.fft.rfft(kernel)[None]
  density = jnp.fft.irfft(spectrum.sum(1), 2 * cells)[:, :cells]

  place = (value - low) / width
  left = jnp.clip(place.astype(jnp.int32), 0, cells - 2)
  share = (place - left)[None]
  at_sample = density[:, left] * (1 - share) + density[:, left + 1] * share
  # Densities are per unit of the axis: so is the least that counts.
  unit = jnp.exp2(jnp.round(jnp.log2((high - low) / 8)))
  return jnp.log(jnp.maximum(at_sample, 1e-7 / unit))


@functools.partial(jax.jit, static_argnames=('sizes', 'counts'))
def _information(key, code_table, logvar_table, labels, sizes, counts):
  """Returns [D, K]: I(z_d; v_k) / H(v_k) of the aggregate posterior."""
  num_samples, cells, levels = counts
  row_key, noise_key = jax.random.split(key)
  num_rows = code_table.shape[0]
  rows = jax.random.randint(row_key, (num_samples,), 0, num_rows)
  noise = draws.normal(noise_key, (num_samples, code_table.shape[1]))
  samples = code_table[rows] + jnp.exp(logvar_table[rows] / 2) * noise
  first = np.cumsum((0, *sizes[:-1]))
  if labels is None:
    factors = jnp.arange(len(sizes))[None]
    labels = _grid.factor_value(jnp.arange(num_rows)[:, None], factors, sizes)
    # The whole data set is the even mixture of the values of any factor.
    mixtures = [(slice(0, sizes[0]), -np.log(sizes[0]))]
    entropy = np.log(np.maximum(sizes, 2))
  else:
    p = _common.frequencies(labels, sizes)
    ends = first + np.asarray(sizes)
    mixtures = [
      (slice(i, j), jnp.log(p[i:j, None])) for i, j in zip(first, ends)
    ]
    entropy = jnp.maximum(_common.entropy(labels, sizes), 1e-12)
  group = jnp.where(labels < 0, sum(sizes), labels + first[None])
  own, known = jnp.maximum(labels[rows], 0) + first[None], labels[rows] >= 0

  def latent(columns):
    mean, logvar, value = columns
    log_q = _log_densities(
      mean, logvar, value, group, sum(sizes), cells, levels
    )
    given = jnp.take_along_axis(log_q, own.T, 0)
    marginal = jnp.stack(
      [jax.nn.logsumexp(log_q[block] + log_p, 0) for block, log_p in mixtures]
    )
    terms = jnp.where(known.T, given - marginal, 0.0)
    return terms.sum(1) / jnp.maximum(known.sum(0), 1)

  columns = (code_table.T, logvar_table.T, samples.T)
  information = jax.lax.map(latent, columns)
  return information / entropy[None]


def check_logvars(logvars: Any) -> jax.Array:
  """Returns log-variances as float32 [N, D], after the guards of the codes.

  Raises:
    ValueError: see `check_codes`; one above `MAX_LOGVAR`.
  """
  logvars = _inputs.as_they_are(logvars, 'log-variances')
  if not _inputs.is_traced(logvars) and logvars.max() > MAX_LOGVAR:
    raise ValueError(
      f'a log-variance of {float(logvars.max()):.4g} is more than'
      f' {MAX_LOGVAR}, which float32 holds: scale codes down, and these with it'
    )
  return logvars


@_scored.flat('mig_sampled')
def mig_sampled(
  key: jax.Array,
  code_table: jax.Array,
  logvar_table: jax.Array,
  factor_sizes: Sequence[int] | None = None,
  *,
  table_factors: jax.Array | None = None,
  num_samples: int = 10_000,
  cells: int = 1024,
  levels: int = 32,
) -> _scored.Scored:
  """Mutual information gap of the aggregate posterior, by Monte Carlo.

  mean_k (I(z_first; v_k) - I(z_second; v_k)) / H(v_k), where I(z_d; v_k) is
  the mean over samples x ~ data, z ~ q(z|x) of log q(z_d | v_k(x)) - log q(z_d)
  and both densities are mixtures of q(z_d|x) over the whole data set. Not the
  same number as `mig`, which bins posterior means.

  Args:
    key: randomness of the samples.
    code_table: float [prod(factor_sizes), D] means, last factor fastest.
    logvar_table: the same of the log-variances.
    factor_sizes: values of each factor (static).
    table_factors: [N, K], discrete or continuous, missing or not, of rows that
      are N observed points in place of a grid: draws are then from these.
    num_samples: samples of z.
    cells: resolution of the densities; a latent's range over `cells` should be
      below twice its smallest standard deviation.
    levels: values that the standard deviation of a latent is rounded to.

  Returns:
    `mig_sampled` in [0, 1], up to sampling noise.

  Raises:
    ValueError: see `check_table`, or `check_points` of observed points; tables
      of different shapes; a log-variance above `MAX_LOGVAR`.

  Source: Chen et al. 2018 (arXiv:1802.04942) eq. 6.
  """
  _keys.check_key(key)
  _settings.require_count(1, num_samples=num_samples)
  _settings.require_count(2, cells=cells, levels=levels)
  code_table, labels, sizes = _grid.check_rows(
    code_table, factor_sizes, table_factors, min_factors=1
  )
  logvar_table = check_logvars(logvar_table)
  if logvar_table.shape != code_table.shape:
    raise ValueError(
      f'code table {code_table.shape} and log-variance table'
      f' {logvar_table.shape} differ in shape'
    )
  counts = num_samples, cells, levels
  information = _information(
    key, code_table, logvar_table, labels, sizes, counts
  )
  gap = _common.top_two_gap(information)
  return _scored.Scored(
    {'mig_sampled': gap.mean()}, information, {'mig_sampled': gap}
  )


mig_sampled_matrix = _scored.matrix_of(mig_sampled)
