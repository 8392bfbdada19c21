"""Unsupervised disentanglement ranking: do several models agree?"""

import functools

import jax
import jax.numpy as jnp

from bvae_jax.metrics import _common, _inputs, _scored, _settings

_LASSO_SWEEPS = 100


def _ranks(codes):
  """Ranks of [N, D] within each latent, ties sharing their mean rank."""
  ascending = jnp.sort(codes.T)
  left, right = (
    jax.vmap(functools.partial(jnp.searchsorted, side=side))(ascending, codes.T)
    for side in ('left', 'right')
  )
  return ((left + right + 1) / 2).T


def _correlations(codes):
  """Correlations [M, M, D, D] between the latents of [M, N, D]."""
  return (
    jnp.einsum('ind,jne->ijde', codes, codes, precision='highest')
    / (codes.shape[1])
  )


def _lasso(correlation, alpha):
  """Coefficients [D, E] of the lasso of each latent of one model on another's.

  min |y_e - X w_e|^2 / (2 N) + alpha |w_e|_1 by coordinate descent, from the
  correlations of the standardised regressors [D, D] and targets [D, E].
  """
  gram, target = correlation

  def update(index, weights):
    row = weights[index]
    curvature = gram[index, index]
    pull = target[index] - gram[index] @ weights + curvature * row
    shrunk = jnp.sign(pull) * jnp.maximum(jnp.abs(pull) - alpha, 0)
    row = jnp.where(curvature > 0, shrunk / jnp.maximum(curvature, 1e-12), 0)
    return weights.at[index].set(row)

  def sweep(_, weights):
    return jax.lax.fori_loop(0, gram.shape[0], update, weights)

  return jax.lax.fori_loop(0, _LASSO_SWEEPS, sweep, jnp.zeros_like(target))


def _relative_strength(similarity, rows, columns):
  """Mean of max^2 / sum over the rows and over the columns that are active."""
  similarity = similarity * rows[:, None] * columns[None]

  def strength(axis, active):
    total = similarity.sum(axis)
    share = similarity.max(axis) ** 2 / jnp.where(total > 0, total, 1.0)
    return (share * active).sum() / jnp.maximum(active.sum(), 1)

  return (strength(0, columns) + strength(1, rows)) / 2


@functools.partial(jax.jit, static_argnames=('kind',))
def _udr(codes, kl_per_latent, kl_threshold, alpha, *, kind):
  num_models = codes.shape[0]
  active = kl_per_latent > kl_threshold
  if kind == 'spearman':
    codes = jax.vmap(_ranks)(codes)
  standard = jax.vmap(lambda x: _common.standardize(x)[0])(codes)
  similarity = _correlations(standard * active[:, None])
  if kind == 'lasso':
    own = similarity[jnp.arange(num_models), jnp.arange(num_models)]
    over_targets = jax.vmap(lambda g, t: _lasso((g, t), alpha), (None, 0))
    similarity = jax.vmap(over_targets)(own, similarity)
  strength = jax.vmap(jax.vmap(_relative_strength, (0, None, 0)), (0, 0, None))(
    jnp.abs(similarity), active, active
  )
  others = jnp.where(jnp.eye(num_models, dtype=bool), jnp.nan, strength)
  return _scored.Scored({'udr': jnp.nanmedian(others, 0), 'pairwise': strength})


@_scored.flat('udr')
def udr(
  codes: jax.Array,
  kl_per_latent: jax.Array,
  *,
  kind: str = 'spearman',
  kl_threshold: float = 0.01,
  alpha: float = 0.1,
) -> _scored.Scored:
  """Unsupervised disentanglement ranking of models of one setting.

  R_ij [D, D] is the similarity of the latents of models i and j: absolute
  Spearman correlations, or absolute coefficients of the lasso of j's latents on
  i's, both on standardised codes. UDR_ij is the mean over i's informative
  latents of max^2 / sum of R's row, averaged with the same over j's columns, as
  in the authors' code (in the paper each latent counts alike); the score of
  model j is the median over the other i.

  Args:
    codes: float [M, N, D]: posterior means of M models on the same points; the
      study takes N = 1000.
    kl_per_latent: float [M, D] mean KL of each latent [nats].
    kind: 'spearman' or 'lasso'.
    kl_threshold: a latent is informative if its KL is above this [nats].
    alpha: penalty of the lasso.

  Returns:
    `udr` [M], in [0, 1]; `pairwise` [M, M], where entry (i, i) does not count.

  Raises:
    ValueError: fewer than 2 models, shapes that do not fit, unknown kind, or
      (when the values are known) NaN.

  Source: Duan et al. 2020 (arXiv:1905.12614), where the ranking is defined, and
  its public code.
  """
  traced = _inputs.is_traced
  models = codes if traced(codes) else [*map(_inputs.as_numpy, codes)]
  shapes = {jnp.shape(model) for model in models}
  if len(models) < 2 or len(shapes) != 1 or len(min(shapes)) != 2:
    raise ValueError(
      f'codes must be [2 or more models, N, D], got {len(models)} of'
      f' {", ".join(map(str, sorted(shapes)))}'
    )
  kl = kl_per_latent
  kl = jnp.asarray(kl if traced(kl) else _inputs.as_numpy(kl))
  expected = len(models), min(shapes)[1]
  if kl.shape != expected:
    raise ValueError(f'kl_per_latent must be {expected}, got {kl.shape}')
  fits = _settings.number(kl_threshold) >= 0
  _settings.require(fits, 'kl_threshold', 'a number, 0 or more', kl_threshold)
  fits = _settings.number(alpha) > 0
  _settings.require(fits, 'alpha', 'a number above 0', alpha)
  if kind not in ('spearman', 'lasso'):
    raise ValueError(f"kind must be 'spearman' or 'lasso', got {kind!r}")
  codes = jnp.stack([_inputs.check_codes(model) for model in models])
  if not traced(kl) and jnp.isnan(kl).any():
    raise ValueError('kl_per_latent holds NaN; leave those models out')
  return _udr(codes, kl, kl_threshold, alpha, kind=kind)
