"""Disentanglement, completeness and informativeness from boosted trees."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _boosting, _common, _inputs, _points, _scored


def _fit_sklearn(points, test_codes, seed) -> _boosting.BoostedTrees:
  """The trees of scikit-learn, one factor after the other."""
  if _inputs.is_traced(*points[:2], test_codes):
    raise ValueError(
      "backend='sklearn' cannot run under jit or vmap; use backend='jax'"
    )
  try:
    from sklearn import ensemble
  except ImportError as error:
    raise ImportError(
      "backend='sklearn' needs scikit-learn: pip install 'bvae_jax[sklearn]'"
    ) from error
  codes, test_codes = np.asarray(points.codes), np.asarray(test_codes)
  labels, numbers = np.asarray(points.factors), np.asarray(points.numbers)
  models: list[Any] = []
  for k, continuous in enumerate(points.continuous):
    kind: Any = (
      ensemble.GradientBoostingRegressor
      if continuous
      else ensemble.GradientBoostingClassifier
    )
    known = labels[:, k] >= 0
    target = (numbers if continuous else labels)[known, k]
    models.append(kind(random_state=seed).fit(codes[known], target))
  importance = [model.feature_importances_ for model in models]
  found = [
    jnp.stack([jnp.asarray(model.predict(x)) for model in models], 1)
    for x in (codes, test_codes)
  ]
  return _boosting.BoostedTrees(
    jnp.asarray(np.stack(importance, 1), jnp.float32), *found, *found
  )


def _fit(points, test_codes, backend, seed):
  if backend == 'sklearn':
    return _fit_sklearn(points, test_codes, seed)
  if backend != 'jax':
    raise ValueError(f"backend must be 'jax' or 'sklearn', got {backend!r}")
  return _boosting.fit_boosted_trees(
    points.codes,
    points.factors,
    test_codes,
    sizes=points.sizes,
    values=points.values,
    continuous=points.continuous,
    seed=seed,
  )


def _informativeness(points, labels, values):
  """Returns [K]: the accuracy, or R^2 (0 at least) of a continuous factor."""
  accuracy = _common.known_mean(labels == points.factors, points.factors)
  if points.values is None:
    return accuracy
  known = points.factors >= 0
  mean = _common.known_mean(points.values, points.factors)
  missed, spread = (
    jnp.where(known, (points.values - x) ** 2, 0.0).sum(0)
    for x in (values, mean[None])
  )
  explained = 1 - missed / jnp.where(spread > 0, spread, jnp.nan)
  return jnp.where(
    np.asarray(points.continuous), jnp.maximum(explained, 0.0), accuracy
  )


def _concentration(importance: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Rows' one minus normalised entropy, and its mean weighted by their sums."""
  if importance.shape[1] == 1:
    return jnp.full(importance.shape[0], jnp.nan), jnp.array(jnp.nan)
  p = importance + 1e-11
  p = p / p.sum(1, keepdims=True)
  score = 1 - jax.scipy.special.entr(p).sum(1) / np.log(p.shape[1])
  total = importance.sum()
  weight = jnp.where(
    total > 0,
    importance.sum(1) / jnp.maximum(total, 1e-30),
    1 / importance.shape[0],
  )
  return score, (weight * score).sum()


@_scored.flat('disentanglement')
def dci(
  codes: jax.Array,
  factors: jax.Array,
  test_codes: jax.Array,
  test_factors: jax.Array,
  *,
  backend: str = 'jax',
  seed: int = 0,
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """Disentanglement, completeness, informativeness of boosted trees.

  With R [D, K] the importances of the latents for each factor, every column
  summing to 1: D = sum_d rho_d (1 - H_K(R_d)), rho_d = sum R_d / sum R, the
  entropy in base K; C likewise over the columns in base D; informativeness is
  the mean accuracy. One classifier a factor: 100 rounds, depth 3, rate 0.1. A
  continuous factor has regression trees, and R^2 in place of the accuracy.

  Args:
    codes: float [N, D] posterior means of the training points.
    factors: [N, K], discrete or continuous, missing or not (`check_points`).
    test_codes: float [T, D].
    test_factors: [T, K].
    backend: 'jax' (all trees at once) or 'sklearn' (for reference: slow, needs
      the extra `sklearn`, no jit or vmap).
    seed: breaks ties between equally good latents.
    factor_sizes: values of each factor (static), see `mig`.

  Returns:
    `disentanglement`, `completeness`, `informativeness_train`,
    `informativeness_test`, all in [0, 1]. Codes that no tree can split give 0
    disentanglement and completeness. Of a single factor disentanglement is NaN.

  Raises:
    ValueError: see `check_points`; fewer than 10 points; unknown backend.
    ImportError: backend 'sklearn' without scikit-learn.

  Source: Eastwood & Williams 2018 (openreview By-7dz-AZ), with the classifiers
  of Locatello et al. 2019 (arXiv:1811.12359).
  """
  points, test_points = _points.split(
    codes, factors, test_codes, test_factors, factor_sizes, min_points=10
  )
  trees = _fit(points, test_points.codes, backend, seed)
  _, disentanglement = _concentration(trees.importance)
  by_factor, completeness = _concentration(trees.importance.T)
  train = _informativeness(points, trees.train_labels, trees.train_values)
  test = _informativeness(test_points, trees.test_labels, trees.test_values)
  return _scored.Scored(
    {
      'disentanglement': disentanglement,
      'completeness': completeness,
      'informativeness_train': train.mean(),
      'informativeness_test': test.mean(),
    },
    trees.importance,
    {
      'completeness': by_factor,
      'informativeness_train': train,
      'informativeness_test': test,
    },
  )


def dci_matrix(
  codes: jax.Array,
  factors: jax.Array,
  *,
  backend: str = 'jax',
  seed: int = 0,
  factor_sizes: Sequence[int] | None = None,
) -> jax.Array:
  """Returns [D, K]: the importances that `dci` scores."""
  points = _points.points(codes, factors, factor_sizes)
  return _fit(points, points.codes[:1], backend, seed).importance
