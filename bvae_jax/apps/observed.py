"""Factors of images, and pairs of them, where no renderer draws what is asked.

Where the data set is no complete grid, only images that are there can be
compared: the factors of an image that a model drew are those of the nearest
observed one, and for an image with one factor drawn anew stands the observed
one that is nearest to it in all other factors.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from bvae_jax import data
from bvae_jax.apps import coders, tasks
from bvae_jax.data import factors as factors_lib

MOST = 4000  # observed images that are compared with


def halves(
  dataset: data.Dataset, key: jax.Array, count: int, place: int | None = None
) -> tuple[coders.Sample, coders.Sample]:
  """Images to work on, and others to compare them with, none in both.

  Args:
    dataset: no complete grid.
    key: randomness.
    count: of the first, at most half of all.
    place: of a factor that must be known of all.
  """
  index = tasks.labelled(dataset, [] if place is None else [place])
  index = np.asarray(jax.random.permutation(key, index))
  first = min(count, len(index) // 2)
  return (
    coders.take(dataset, index[:first]),
    coders.take(dataset, index[first : first + MOST]),
  )


def distances(images: Any, sample: coders.Sample) -> np.ndarray:
  """Squared distances [B, N] of images [B, H, W, C] to those of a sample."""
  rows = np.reshape(images, (len(images), -1)).astype(np.float64)
  there = sample.images.reshape(len(sample.images), -1).astype(np.float64)
  return (rows**2).sum(1)[:, None] + (there**2).sum(1) - 2 * rows @ there.T


def nearest(
  images: Any, sample: coders.Sample
) -> tuple[np.ndarray, np.ndarray]:
  """Factors of the observed image nearest to each image.

  Each factor is that of the nearest image of which it is known.

  Args:
    images: [B, H, W, C].
    sample: observed images.

  Returns:
    Factors [B, K], NaN where no image has the label, and the mean squared
    difference of the nearest image [B].
  """
  apart = distances(images, sample)
  columns = []
  for column in sample.factors.T.astype(np.float64):
    told = np.flatnonzero(column >= 0)
    columns.append(
      column[told][apart[:, told].argmin(1)]
      if len(told)
      else np.full(len(apart), np.nan)
    )
  return np.stack(columns, 1), apart.min(1).clip(0) / np.size(images[0])


def error(
  sample: coders.Sample,
  others: coders.Sample,
  factors: Sequence[factors_lib.Factor],
) -> np.ndarray:
  """How far `nearest` among others is off on real images.

  Args:
    sample: the images, none of which is among the others.
    others: those that are compared with.
    factors: what is known of theirs.

  Returns:
    Of each factor, the mean of shares of its range [K].
  """
  told, _ = nearest(sample.images, others)
  return coders.known_mean(coders.change(sample.factors, told, factors))


def partners(
  table: Any,
  factors: Sequence[factors_lib.Factor],
  free: int | None,
  rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
  """For each image another one, nearest in all factors but one.

  Args:
    table: factors [N, K] of a sample.
    factors: what is known of them.
    free: the factor that is not compared; None to compare all.
    rng: chooses among equals.

  Returns:
    Their places, int [N]; and by how much they are apart in the factors that
    were compared, a mean of shares of their ranges. An unknown label counts as
    a whole range.

  Source: Broto, Bachoc and Depecker (2020), Variance reduction for estimation
  of Shapley effects and adaptation to unknown input distribution, section 5:
  conditional variances from observed points by nearest neighbours.
  """
  table = np.asarray(table)
  distance = np.zeros((len(table), len(table)))
  for k, factor in enumerate(factors):
    if k != free:
      column = table[:, k, None]
      apart = coders.change(column[:, None], column[None], (factor,))[..., 0]
      distance += np.nan_to_num(apart, nan=1.0)
  np.fill_diagonal(distance, np.inf)
  chosen = (distance + 1e-6 * rng.random(distance.shape)).argmin(1)
  compared = max(len(factors) - (free is not None), 1)
  left = distance[np.arange(len(table)), chosen].mean() / compared
  return chosen, float(left)
