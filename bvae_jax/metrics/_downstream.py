"""Downstream accuracy: how many labels does a simple classifier need?"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import (
  _boosting,
  _common,
  _points,
  _scored,
  _settings,
  _solvers,
)

_STRENGTHS = np.logspace(-4, 4, 10)
_FOLDS = 5


def _accuracy(model, codes, labels, weight):
  hits = model.logits(codes).argmax(1) == labels
  return (hits * weight).sum() / jnp.maximum(weight.sum(), 1e-12)


def _logistic_cv(codes, labels, num_classes):
  """Fits a logistic regression whose penalty cross-validation picks.

  Folds are `_FOLDS` consecutive blocks; along the path from strong to weak
  penalty every fit starts from the one before.
  """
  num_points = codes.shape[0]
  # The first N mod F folds are one point larger.
  small, extra = divmod(num_points, _FOLDS)
  fold = np.repeat(np.arange(_FOLDS), small + (np.arange(_FOLDS) < extra))
  known = (labels >= 0).astype(jnp.float32)
  held_out = (fold == np.arange(_FOLDS)[:, None]) * known[None]

  def fit(strength, weight, init):
    return _solvers.fit_logistic(
      codes,
      labels,
      num_classes,
      strength=strength,
      sample_weight=weight,
      init=init,
      tolerance=1e-4,
      max_turns=100,
    )

  def path(models, strength):
    models = jax.vmap(fit, (None, 0, 0))(
      strength, known[None] - held_out, models
    )
    score = jax.vmap(_accuracy, (0, None, None, 0))(
      models, codes, labels, held_out
    )
    return models, score.mean()

  zero = _solvers.Logistic(
    jnp.zeros((_FOLDS, codes.shape[1], num_classes)),
    jnp.zeros((_FOLDS, num_classes)),
  )
  models, scores = jax.lax.scan(path, zero, jnp.asarray(_STRENGTHS))
  best = jnp.asarray(_STRENGTHS)[scores.argmax()]
  return fit(best, known, jax.tree.map(lambda leaf: leaf[0], zero))


def _logistic_accuracy(codes, factors, test_codes, test_factors, sizes):
  """Test accuracy [K] of the factors, which take turns to save memory."""

  def one(labels):
    label, test_label = labels
    model = _logistic_cv(codes, label, max(sizes))
    hits = model.logits(test_codes).argmax(1) == test_label
    return _common.known_mean(hits, test_label)

  return jax.lax.map(one, (factors.T, test_factors.T))


def _trees_accuracy(codes, factors, test_codes, test_factors, sizes):
  trees = _boosting.fit_boosted_trees(codes, factors, test_codes, sizes=sizes)
  return _common.known_mean(trees.test_labels == test_factors, test_factors)


_PREDICTORS = {'logistic': _logistic_accuracy, 'trees': _trees_accuracy}


@functools.partial(jax.jit, static_argnames=('sizes', 'num_labels'))
def _downstream(codes, factors, test_codes, test_factors, *, sizes, num_labels):
  by_factor = {
    f'{name}_{count}': predict(
      codes[:count], factors[:count], test_codes, test_factors, sizes
    )
    for name, predict in _PREDICTORS.items()
    for count in num_labels
  }
  scores = {name: values.mean() for name, values in by_factor.items()}
  few, many = num_labels[min(1, max(len(num_labels) - 2, 0))], num_labels[-1]
  for name in _PREDICTORS:
    scores[f'{name}_efficiency'] = scores[f'{name}_{few}'] / jnp.maximum(
      scores[f'{name}_{many}'], 1e-12
    )
  by_factor['accuracy'] = by_factor[f'logistic_{many}']
  scores['accuracy'] = by_factor['accuracy'].mean()
  return _scored.Scored(scores, None, by_factor)


@_scored.flat('accuracy')
def downstream(
  codes: jax.Array,
  factors: jax.Array,
  test_codes: jax.Array,
  test_factors: jax.Array,
  *,
  num_labels: Sequence[int] = (10, 100, 1_000, 10_000),
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Accuracy of classifiers of the factors from few and many labels.

  Logistic regression (L2 penalty out of ten values by five-fold
  cross-validation) and boosted trees (as in `dci`), one for each factor, on the
  first points of `codes`. Sample efficiency is accuracy with the second number
  of labels (100) over accuracy with the last (10,000); of two numbers, with the
  first over the last. It is a ratio: codes that tell nothing have 1.

  Args:
    codes: float [N, D] posterior means of the training points.
    factors: int [N, K].
    test_codes: float [T, D].
    test_factors: int [T, K].
    num_labels: training sizes in ascending order, 10 or more each; those above
      N become N.
    factor_sizes: values of each factor (static), see `mig`.

  Returns:
    `accuracy`, that of the logistic regression with the most labels;
    `logistic_<n>` and `trees_<n>`, the mean test accuracy over factors, for
    each size; `logistic_efficiency` and `trees_efficiency`.

  Raises:
    ValueError: see `check_points`; a training size below 10.

  Source: Locatello et al. 2019 (arXiv:1811.12359) section 5.5.
  """
  _settings.require_counts('num_labels', num_labels, 10)
  codes, factors, test_codes, test_factors, sizes = _points.check_split(
    codes, factors, test_codes, test_factors, factor_sizes, min_points=10
  )
  codes, test_codes = _common.within_reach(codes, test_codes)
  counts = tuple(sorted({min(int(count), len(codes)) for count in num_labels}))
  return _downstream(
    codes, factors, test_codes, test_factors, sizes=sizes, num_labels=counts
  )
