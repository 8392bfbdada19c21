"""Separated attribute predictability: how well one latent predicts a factor."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _common, _points, _scored, _settings

_NEWTON_STEPS = 40
_STEP_SIZES = np.append(0.5 ** np.arange(10), 0.0)


class _Sorted(NamedTuple):
  """Points of one latent in ascending order, within each class of a factor.

  Sums over the points of a class beyond a threshold are then a difference of
  two prefix sums, found by bisection.
  """

  codes: jax.Array  # [N]
  moments: jax.Array  # [N + 1, 3]: prefix sums of 1, x, x^2.
  start: jax.Array  # int [C]: where each class begins.
  stop: jax.Array  # int [C]: where it ends.

  def beyond(self, threshold: jax.Array, above: jax.Array) -> jax.Array:
    """Moments [C, M, 3] of each class's points above (or below) [C, M]."""
    low = jnp.broadcast_to(self.start[:, None], threshold.shape)
    high = jnp.broadcast_to(self.stop[:, None], threshold.shape)
    cut = _common.bisect(self.codes, low, high, threshold)
    begin, end = jnp.where(above, cut, low), jnp.where(above, high, cut)
    return self.moments[end] - self.moments[begin]


def _sort(codes, labels, num_classes):
  """Sorts ascending codes [N] by class; the order within a class stays.

  A point without a label (-1) is beyond the last class.
  """
  num_points = codes.shape[0]
  labels = jnp.where(labels < 0, num_classes, labels)
  key = jnp.sort(labels * num_points + jnp.arange(num_points))
  codes = codes[key % num_points]
  terms = jnp.stack([jnp.ones_like(codes), codes, codes**2], 1)
  moments = jnp.pad(jnp.cumsum(terms, 0), ((1, 0), (0, 0)))
  edges = jnp.searchsorted(key, num_points * jnp.arange(num_classes + 1))
  return _Sorted(codes, moments, edges[:-1], edges[1:])


def _fit_svms(codes, labels, num_classes, penalty):
  """Fits one-vs-rest linear SVMs of ascending codes [N]: theta [C, 2].

  min |theta|^2 / 2 + c_pos sum_{y=c} max(0, 1 - u)^2
      + c_neg sum_{y!=c} max(0, 1 + u)^2,   u = theta_0 x + theta_1,
  by Newton steps with a search over step sizes: finite, as the objective is
  piecewise quadratic. As in LIBLINEAR, balanced weights scale the positives
  alone unless there are two classes, and the bias is penalised too.
  """
  own = _sort(codes, labels, num_classes)
  every = _sort(codes, jnp.minimum(labels, 0), 1)
  count = own.stop - own.start
  num_points, num_present = count.sum(), (count > 0).sum()
  balanced = num_points / num_present
  cost_own = penalty * balanced / jnp.maximum(count, 1)
  cost_rest = jnp.where(
    num_present == 2,
    penalty * balanced / jnp.maximum(num_points - count, 1),
    penalty,
  )

  def losing(theta):
    """Moments [C, M, 3] of the positives and negatives inside the margin."""
    slope = jnp.where(theta[..., 0] == 0, 1e-20, theta[..., 0])
    upward = slope > 0
    positive = own.beyond((1 - theta[..., 1]) / slope, ~upward)
    edge = (-1 - theta[..., 1]) / slope
    negative = own.beyond(edge, upward)
    shape = (1, edge.size)
    everyone = every.beyond(edge.reshape(shape), upward.reshape(shape))
    return positive, everyone.reshape(negative.shape) - negative

  def quadratic(theta):
    """Matrix [C, M, 2, 2], vector and constant of the local quadratic."""
    positive, negative = losing(theta)
    positive = 2 * cost_own[:, None, None] * positive
    negative = 2 * cost_rest[:, None, None] * negative
    n, s, q = jnp.moveaxis(positive + negative, -1, 0)
    matrix = jnp.stack([q + 1, s, s, n + 1], -1).reshape(*n.shape, 2, 2)
    vector = (positive - negative)[..., 1::-1]
    return matrix, vector, n / 2

  def objective(theta):
    matrix, vector, constant = quadratic(theta)
    bend = jnp.einsum('...i,...ij,...j->...', theta, matrix, theta) / 2
    return bend - (vector * theta).sum(-1) + constant

  def newton(state):
    theta, _, turn = state
    matrix, vector, _ = quadratic(theta[:, None])
    (a, b), (_, d) = jnp.moveaxis(matrix[:, 0], 0, -1)
    p, q = vector[:, 0].T
    target = jnp.stack([d * p - b * q, a * q - b * p], 1)
    move = target / (a * d - b * b)[:, None] - theta
    trial = theta[:, None] + _STEP_SIZES[None, :, None] * move[:, None]
    best = objective(trial).argmin(1)[:, None, None]
    moved = jnp.take_along_axis(trial, best, 1)[:, 0]
    change = jnp.abs(moved - theta) > 1e-6 * (1 + jnp.abs(theta))
    return moved, change.any(), turn + 1

  def unfinished(state):
    _, changing, turn = state
    return changing & (turn < _NEWTON_STEPS)

  init = jnp.zeros((num_classes, 2)), jnp.array(True), jnp.array(0)
  theta = jax.lax.while_loop(unfinished, newton, init)[0]
  return jnp.where((count > 0)[:, None], theta, jnp.array([0.0, -jnp.inf]))


def _svm_accuracy(codes, factors, test_codes, test_factors, sizes, penalty):
  """Test accuracy [D, K] of the SVM of each latent for each factor."""

  def accuracy(code, order, test_code, label, test_label):
    theta = _fit_svms(code, label[order], max(sizes), penalty)
    score = test_code[:, None] * theta[None, :, 0] + theta[None, :, 1]
    return _common.known_mean(score.argmax(1) == test_label, test_label)

  order = jnp.argsort(codes, 0)
  codes = jnp.take_along_axis(codes, order, 0)
  over_factors = jax.vmap(accuracy, (None, None, None, 1, 1))
  return jax.vmap(over_factors, (1, 1, 1, None, None))(
    codes, order, test_codes, factors, test_factors
  )


def _squared_correlation(codes, factors, known):
  """Squared correlation [D, K], 0 for a latent of variance <= 1e-12.

  Each factor's is over the points [N, K] in which it is known.
  """
  known = known.astype(jnp.float32)
  count = jnp.maximum(known.sum(0, keepdims=True), 1)
  product = lambda x, y: jnp.matmul(x.T, y, precision='highest')
  codes = codes - codes.mean(0, keepdims=True)
  total = (factors * known).sum(0, keepdims=True)
  factors = (factors - total / count) * known
  mean = product(codes, known) / count
  num = jnp.maximum(count - 1, 1)
  covariance = product(codes, factors) / num
  code_variance = (product(codes**2, known) - count * mean**2) / num
  scale = code_variance * (factors**2).sum(0, keepdims=True) / num
  valid = (code_variance > 1e-12) & (scale > 0)
  return jnp.where(valid, covariance**2 / jnp.where(valid, scale, 1.0), 0.0)


@functools.partial(jax.jit, static_argnames=('sizes', 'linear', 'penalty'))
def _matrix(
  codes, factors, values, test_codes, test_factors, *, sizes, linear, penalty
):
  """Returns [D, K]: correlations of `linear` factors, SVMs of the others."""
  matrix = jnp.zeros((codes.shape[1], len(sizes)))
  some, others = np.flatnonzero(linear), np.flatnonzero(~np.asarray(linear))
  if len(some):
    found = _squared_correlation(codes, values[:, some], factors[:, some] >= 0)
    matrix = matrix.at[:, some].set(found)
  if len(others):
    found = _svm_accuracy(
      codes,
      factors[:, others],
      test_codes,
      test_factors[:, others],
      tuple(sizes[k] for k in others),
      penalty,
    )
    matrix = matrix.at[:, others].set(found)
  return matrix


@_scored.flat('sap')
def sap(
  codes: jax.Array,
  factors: jax.Array,
  test_codes: jax.Array,
  test_factors: jax.Array,
  *,
  continuous: bool = False,
  penalty: float = 0.01,
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Separated attribute predictability.

  mean_k (S_first,k - S_second,k) over the two latents that predict factor k
  best. S is the test accuracy of a linear SVM of one latent (squared hinge,
  balanced classes), or, of a continuous factor, the squared correlation. The
  SVM's slope and bias are penalised, so that scale and offset of the codes
  matter (perfect ones of std 0.01 have 0); an offset of more than eight ranges
  is taken off first.

  Args:
    codes: float [N, D] posterior means of the training points.
    factors: [N, K], discrete or continuous, missing or not (`check_points`).
    test_codes: float [T, D].
    test_factors: [T, K].
    continuous: squared correlation on the training points for all factors.
    penalty: weight of the SVM's loss (C).
    factor_sizes: values of each factor (static), see `mig`.

  Returns:
    `sap` in [0, 1].

  Raises:
    ValueError: see `check_points`.

  Source: Kumar et al. 2018 (arXiv:1711.00848) section 3, with the constants of
  Locatello et al. 2019 (arXiv:1811.12359).

  >>> import numpy as np
  >>> factors = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), 1)
  >>> points = factors.astype(float), factors
  >>> round(float(sap(*points, *points, continuous=True)['sap']), 3)
  1.0
  """
  fits = 0 < _settings.number(penalty) < float('inf')
  _settings.require(fits, 'penalty', 'a number above 0', penalty)
  train, test = _points.split(
    codes, factors, test_codes, test_factors, factor_sizes
  )
  train_codes, test_codes = _common.within_reach(train.codes, test.codes)
  matrix = _matrix(
    train_codes,
    train.factors,
    train.numbers,
    test_codes,
    test.factors,
    sizes=train.sizes,
    linear=tuple(continuous or own for own in train.continuous),
    penalty=penalty,
  )
  gap = _common.top_two_gap(matrix)
  return _scored.Scored({'sap': gap.mean()}, matrix, {'sap': gap})


sap_matrix = _scored.matrix_of(sap)
