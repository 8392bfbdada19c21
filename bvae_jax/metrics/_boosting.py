"""Gradient boosted trees for many targets at once.

One classifier a factor, one tree a class and round, as scikit-learn's
`GradientBoostingClassifier`: log-loss, squared-error splits, Newton leaves. The
trees of all classes of all factors of a round grow together, level by level. A
continuous factor has one regression tree a round, of squared error and with
leaves at the mean residual, as `GradientBoostingRegressor` has.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import draws
from bvae_jax.metrics import _bins, _common, _splits

# Defaults of scikit-learn.
_ROUNDS, _DEPTH, _RATE = 100, 3, 0.1
_BINS = 256  # of each latent, quantiles, of the coarse search for splits
_FEW = 4  # points a bin, up to which every split is tried in turn


class BoostedTrees(NamedTuple):
  """What a fit leaves behind.

  Attributes:
    importance: [D, K] share of each latent in the fall of squared error that
      the splits of a factor's trees bring, every column summing to 1 (or 0).
    train_labels: int [N, K] predictions on the training points.
    test_labels: int [T, K] predictions on the test points.
    train_values: float [N, K], what a continuous factor is predicted to be.
    test_values: float [T, K].
  """

  importance: jax.Array
  train_labels: jax.Array
  test_labels: jax.Array
  train_values: jax.Array
  test_values: jax.Array


@functools.partial(jax.jit, static_argnames=('sizes', 'continuous'))
def fit_boosted_trees(
  codes: jax.Array,
  factors: jax.Array,
  test_codes: jax.Array,
  *,
  sizes: tuple[int, ...],
  values: jax.Array | None = None,
  continuous: tuple[bool, ...] = (),
  seed: int = 0,
) -> BoostedTrees:
  """Fits one boosted classifier to each factor.

  Each round fits to every class c of a factor with C classes a regression tree
  on the residual [y = c] - softmax_c(f), splits by the fall of squared error,
  and adds 0.1 * (C - 1) / C * sum(residual) / sum(p (1 - p)) of each leaf to
  f_c, which starts at the log frequency.

  Args:
    codes: float [N, D].
    factors: int [N, K]; a point without a label (-1) is left out.
    test_codes: float [T, D].
    sizes: values of each factor; a value that no point has gets no trees.
    values: float [N, K], of those that are continuous.
    continuous: which factors are; none by default.
    seed: breaks ties between equally good latents.

  Source: Friedman 2001, algorithm 6.
  """
  few = len(codes) <= _FEW * _BINS
  bins = _bins.bin_points(codes, test_codes, len(codes) if few else _BINS)
  by_value = np.asarray(continuous or (False,) * len(sizes))
  sizes = tuple(np.where(by_value, 1, sizes).tolist())
  owner = _common.block_owner(sizes)
  # Columns of a factor's classes, padded by the absent column S.
  width, start = max(sizes), np.concatenate([[0], np.cumsum(sizes)[:-1]])
  column = start[:, None] + np.arange(width)
  column = np.where(np.arange(width) < np.asarray(sizes)[:, None], column, -1)
  known = (factors >= 0)[:, owner]
  number = by_value[owner]
  target = _common.block_one_hot(factors, sizes)
  mean = target.sum(0) * (1 / jnp.maximum(known.sum(0), 1))
  prior = jnp.log(mean)
  num_classes = _common.block_sum((prior > -jnp.inf).astype(float), sizes)
  shrink = _RATE * (num_classes - 1) / jnp.maximum(num_classes, 1)
  if values is not None:
    target = jnp.where(number, values[:, owner], target)
    mean = (target * known).sum(0) / jnp.maximum(known.sum(0), 1)
    prior = jnp.where(number, mean, prior)
    shrink = jnp.where(by_value, _RATE, shrink)

  def padded(score):
    return jnp.where(column >= 0, score[:, column], -jnp.inf)

  def softmax(score):
    top = padded(score).max(2)
    p = jnp.exp(score - top[:, owner])
    return p / _common.block_sum(p, sizes)[:, owner]

  def grow(carry, key):
    score, test_score, importance = carry
    p = jnp.where(number, score, softmax(score))
    residual = target - p
    curvature = jnp.where(number, 1.0, p * (1 - p))
    node = jnp.where(known, 0, -1)
    test_node = jnp.zeros(test_score.shape, jnp.int32)
    histogram = None
    for level, level_key in enumerate(jax.random.split(key, _DEPTH)):
      if few:
        latent, where, gain = _splits.every_split(
          level_key, bins, residual, node, 2**level
        )
      else:
        histogram = _splits.histogram_of(bins, residual, node, histogram)
        latent, where, gain = _splits.best_splits(
          level_key, bins, histogram, residual, node
        )
      node = _splits.descend(bins.train, node, latent, where)
      test_node = _splits.descend(bins.test, test_node, latent, where)
      used = jax.nn.one_hot(latent, codes.shape[1]) * gain[..., None]
      importance += _common.block_sum(used.sum(0).T, sizes)
    numerator, denominator = jax.lax.map(
      lambda leaf: (
        ((node == leaf) * residual).sum(0),
        ((node == leaf) * curvature).sum(0),
      ),
      jnp.arange(2**_DEPTH),
    )
    value = shrink[None, owner] * jnp.where(
      denominator > 0, numerator / jnp.maximum(denominator, 1e-30), 0.0
    )
    score += jnp.take_along_axis(value, node, 0)
    test_score += jnp.take_along_axis(value, test_node, 0)
    return (score, test_score, importance), None

  init = (
    jnp.broadcast_to(prior, target.shape),
    jnp.broadcast_to(prior, (test_codes.shape[0], target.shape[1])),
    jnp.zeros((codes.shape[1], len(sizes))),
  )
  keys = jax.random.split(draws.key(seed), _ROUNDS)
  (score, test_score, importance), _ = jax.lax.scan(grow, init, keys)
  total = importance.sum(0, keepdims=True)
  return BoostedTrees(
    jnp.where(total > 0, importance / jnp.maximum(total, 1e-30), 0.0),
    padded(score).argmax(2),
    padded(test_score).argmax(2),
    score[:, start],
    test_score[:, start],
  )
