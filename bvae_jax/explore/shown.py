"""The images of explorer.html, of the run's data set or from elsewhere."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax import data, draws
from bvae_jax.training import experiment as experiment_lib

NUM_IMAGES = 500
NUM_GRID = 1000  # images behind the factor sliders


def of_others(
  experiment: experiment_lib.Experiment, images: np.ndarray
) -> dict[str, Any]:
  """The fields of `Content` that tell of images from elsewhere."""
  return {
    'description': f'{len(images)} images from elsewhere; the model was '
    f'trained on {experiment.dataset.description}',
    'images': images,
    'factors': (),
    'labels': np.zeros((len(images), 0)),
    'values': [],
    'grid': images[:0],
  }


def of_data(experiment: experiment_lib.Experiment) -> dict[str, Any]:
  """The fields of `Content` that tell of the run's own data set."""
  dataset = experiment.dataset
  index, values = _chosen(experiment)
  key = draws.key(experiment.config.evaluation.seed)
  count = affordable(NUM_IMAGES, dataset.image_shape)
  count = min(count, dataset.num_images)
  drawn = np.asarray(data.sample_index(key, count, dataset.num_images))
  if dataset.num_images == count:
    drawn = np.arange(count)
  images = np.asarray(dataset.images(np.concatenate([drawn, index])))
  pixels = np.round(images * 255).astype(np.uint8)
  labels, factors = np.zeros((count, 0)), ()
  if dataset.factors is not None:
    labels = np.array(dataset.labels(drawn), np.float64)
    factors = dataset.factors.factors
  if isinstance(dataset.factors, data.Table):
    labels[~dataset.factors.known[drawn]] = np.nan
  return {
    'description': dataset.description,
    'images': pixels[:count],
    'factors': tuple(factors),
    'labels': labels,
    'values': values,
    'grid': pixels[count:],
  }


def _chosen(
  experiment: experiment_lib.Experiment,
) -> tuple[np.ndarray, list[list[int]]]:
  """Indices of a coarser grid, and the values of each factor in it."""
  dataset = experiment.dataset
  if not dataset.is_grid:
    return np.zeros(0, np.int64), []
  sizes = dataset.factor_sizes
  values = coarse(sizes, affordable(NUM_GRID, dataset.image_shape))
  places = np.stack(np.meshgrid(*values, indexing='ij'), -1)
  flat = places.reshape(-1, len(sizes))
  return np.ravel_multi_index(tuple(flat.T), sizes), values


def affordable(count: int, image_shape: Sequence[int]) -> int:
  """How many images a page can hold: fewer of large ones."""
  area = math.prod(image_shape[:2])
  return max(64, min(count, count * 64 * 64 // area))


def coarse(sizes: Sequence[int], limit: int) -> list[list[int]]:
  """Evenly spaced values of each factor, at most `limit` combinations.

  The factor of which the smallest share is kept gets the next value.
  """
  counts = [min(size, 2) for size in sizes]
  while True:
    grown = math.prod(counts)
    able = [
      k
      for k, size in enumerate(sizes)
      if counts[k] < size and grown // counts[k] * (counts[k] + 1) <= limit
    ]
    if not able:
      break
    counts[min(able, key=lambda k: counts[k])] += 1
  return [
    np.unique(np.linspace(0, size - 1, count).round().astype(int)).tolist()
    for size, count in zip(sizes, counts)
  ]
