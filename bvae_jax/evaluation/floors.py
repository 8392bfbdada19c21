"""Floors: what representations score that nobody has trained.

A score means something where it is above them: codes that know nothing, the
encoder before its first step, and linear components of pixels.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import draws, metrics, population
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.evaluation import points as points_lib
from bvae_jax.evaluation import principal, scores
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step

NAMES = 'random codes', 'untrained encoder', 'PCA of pixels', 'ICA of pixels'
NUM_IMAGES = 2_000  # that the components of pixels are fitted on


def tables(
  experiment: experiment_lib.Experiment,
) -> tuple[tuple[str, ...], codes_lib.Codes]:
  """The names of the floors, and their codes of images [4, n, D].

  Of the images that the metrics look at (`points.looked_at`).

  Random codes are normal, one draw an image; the untrained encoder is that of
  the first member; the components of pixels are the first D principal ones,
  white, of `NUM_IMAGES` training images, and FastICA on them. Where there are
  fewer components than D, the rest are 0.
  """
  settings, dataset = experiment.config.evaluation, experiment.dataset
  draw_key, image_key, ica_key = jax.random.split(draws.key(settings.seed), 3)
  latents: int = experiment.config.num_latents
  looked = points_lib.looked_at(experiment)
  index = np.arange(dataset.num_images) if looked is None else looked
  drawn = jax.random.normal(draw_key, (dataset.num_images, latents))[index]

  seed_key = population.keys(population.members(experiment.config)[:1])
  state = jax.jit(step.init_all(experiment))(seed_key)
  untrained = codes_lib.encoder(experiment, looked)(state.params)

  chosen = dataset.sample_train(image_key, min(NUM_IMAGES, dataset.num_train))
  fitted = principal_axes(np.asarray(dataset.images(chosen)), latents)
  encode = codes_lib.of_images(
    dataset,
    lambda fit, images, _: project(fit[0], fit[1], images),
    dataset.rows is not None,
  )
  linear, known = (
    codes_lib.over_images(dataset, encode, len(of), jnp.asarray(of))(fitted)
    for of in (index, chosen)
  )
  turn = metrics.ica(known, ica_key)
  turned = (linear - np.asarray(turn.offset)) @ np.asarray(turn.matrix)

  means = np.stack([np.asarray(drawn), untrained.mean[0], linear, turned])
  return NAMES, codes_lib.Codes(means, np.zeros_like(means))


def principal_axes(images: Any, num_latents: int) -> tuple[jax.Array, ...]:
  """Offset [P] and matrix [P, D] of white principal components of images."""
  found = principal.components(images, num_latents)
  scale = np.where(found.variance > 0, found.variance, np.inf) ** -0.5
  matrix = found.axes.T * scale
  return jnp.asarray(found.mean, jnp.float32), jnp.asarray(matrix, jnp.float32)


def project(
  offset: jax.Array, matrix: jax.Array, images: jax.Array
) -> jax.Array:
  """Components [B, D] of images [B, H, W, C]."""
  return (images.reshape(len(images), -1) - offset) @ matrix


def scored(
  experiment: experiment_lib.Experiment,
) -> dict[str, dict[str, float | None]]:
  """The metrics of representations that nobody trained, each by its name.

  Those that need variances of a posterior, or several seeds, are left out.
  """
  config = experiment.config.copy_and_resolve_references()
  config.metrics = tuple(
    name
    for name in config.metrics
    if metrics.METRICS[name].needs not in ('variances', 'population')
  )
  config.evaluation.num_resamples = 0
  dataset = experiment.dataset
  experiment = dataclasses.replace(experiment, config=config)
  names, codes = tables(experiment)
  points = points_lib.sample(experiment, codes)
  found = scores.scores(config, dataset.factor_sizes, points)
  factors = tuple(dataset.factor_names)
  return {
    name: config_lib.plain(scores.flat_scores(found, m, factors)[0])
    for m, name in enumerate(names)
  }
