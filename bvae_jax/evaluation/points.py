"""The points that metrics look at, drawn from codes of all images."""

import logging
from typing import Any

import jax
import numpy as np

from bvae_jax import data, draws, metrics
from bvae_jax.evaluation.codes import Codes
from bvae_jax.training import experiment as experiment_lib

_LOG = logging.getLogger(__name__)

_TRANSFORM = 2**31 - 1  # what the key of a transform is folded with
_SETTLED = 1e-3  # 1 - |cos| of the last turn of a component


def draw_points(
  dataset: data.Dataset, settings: Any
) -> tuple[np.ndarray, np.ndarray]:
  """Indices of the training and the test points of the metrics.

  Of a grid, or where no factor is known, they are drawn with replacement, as in
  the 2019 study. Observed points are few and their labels are what a test is
  about: none is drawn twice, and no test point is a training point; where there
  are fewer than asked for, both parts shrink alike.
  """
  train_key, test_key = jax.random.split(draws.key(settings.seed))
  count, num_train, num_test = (
    dataset.num_images,
    settings.num_train,
    settings.num_test,
  )
  if dataset.is_grid or not dataset.has_factors:
    return (
      np.asarray(data.sample_index(train_key, num_train, count)),
      np.asarray(data.sample_index(test_key, num_test, count)),
    )
  order = np.asarray(jax.random.permutation(train_key, count))
  share = min(1.0, count / (num_train + num_test))
  first = max(1, int(share * num_train))
  last = first + max(1, int(share * num_test))
  return order[:first], order[first:last]


def looked_at(experiment: experiment_lib.Experiment) -> np.ndarray | None:
  """Indices of the images that `config.metrics` look at, [n].

  The training and the test points; None, all, where a metric has a table of
  them, or where there are no more images than points.
  """
  settings, dataset = experiment.config.evaluation, experiment.dataset
  points = np.concatenate(draw_points(dataset, settings))
  return None if _every(experiment, len(points)) else points


def _every(experiment: experiment_lib.Experiment, num_points: int) -> bool:
  """Whether all images are looked at, where so many points are drawn."""
  names = experiment.config.metrics
  table = any(metrics.METRICS[name].table for name in names)
  return table or num_points >= experiment.dataset.num_images


def sample(
  experiment: experiment_lib.Experiment, codes: Codes
) -> metrics.Sample:
  """The points that the metrics look at, drawn once for all members.

  Factors where some are known, and then tables where all images are looked at.

  Args:
    experiment: whose config says how many points.
    codes: of the images that are `looked_at`.
  """
  settings, dataset = experiment.config.evaluation, experiment.dataset
  train, test = draw_points(dataset, settings)
  num_points = len(train) + len(test)
  every = _every(experiment, num_points)
  first, second = (
    (train, test) if every else np.split(np.arange(num_points), [len(train)])
  )
  table = every and dataset.has_factors
  labels = lambda index: dataset.labels(index) if dataset.has_factors else None
  points = metrics.Sample(
    codes=codes.mean[:, first],
    factors=labels(train),
    test_codes=codes.mean[:, second],
    test_factors=labels(test),
    code_table=codes.mean if table else None,
    logvar_table=codes.logvar if table else None,
    table_factors=labels(np.arange(dataset.num_images))
    if table and not dataset.is_grid
    else None,
  )
  return transformed(settings.transform, settings.seed, points)


def transformed(name: str, seed: int, points: metrics.Sample) -> metrics.Sample:
  """The points in components of each member's codes, in place of its latents.

  Args:
    name: in `metrics.TRANSFORMS`, or 'none'.
    seed: of what the transform draws, the same for all members.
    points: codes [M, N, D] of all members; fitted on `codes`, no test point
      among them.

  Returns:
    The points; without log-variances, as components have no diagonal ones.
  """
  if name == 'none':
    return points
  key = jax.random.fold_in(draws.key(seed), _TRANSFORM)
  fit = lambda codes: metrics.TRANSFORMS[name](codes, key)
  fitted = jax.tree.map(
    np.asarray, jax.jit(lambda codes: jax.lax.map(fit, codes))(points.codes)
  )
  for m in np.flatnonzero(fitted.unsettled > _SETTLED):
    _LOG.warning(
      'evaluation.transform=%s of member %d of these has not settled: its last '
      'turn moved a component by 1 - |cos| = %.1g',
      name,
      m,
      fitted.unsettled[m],
    )

  def apply(codes: Any) -> Any:
    if codes is None:
      return None
    each = [
      ((np.asarray(x) - fitted.offset[m]) @ fitted.matrix[m])
      for m, x in enumerate(codes)
    ]
    return np.stack(each)

  return points._replace(
    codes=apply(points.codes),
    test_codes=apply(points.test_codes),
    code_table=apply(points.code_table),
    logvar_table=None,
  )
