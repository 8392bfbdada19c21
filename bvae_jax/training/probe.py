"""What a log line looks at beside the loss: the KL of a member in its parts."""

from typing import Any

import jax
import jax.numpy as jnp

from bvae_jax import draws, losses
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step

PROBE_SIZE = 256  # images in the KL decomposition of a log line


def probe_index(
  experiment: experiment_lib.Experiment, key: jax.Array
) -> jax.Array:
  """Which images the KL decomposition of a member looks at, int32 [P]."""
  index_key, _ = jax.random.split(jax.random.fold_in(key, step.PROBE))
  dataset = experiment.dataset
  return dataset.sample_train(index_key, min(PROBE_SIZE, dataset.num_train))


def probe(
  experiment: experiment_lib.Experiment,
  arrays: Any,
  params: dict[str, Any],
  own: tuple[jax.Array, Any],
) -> dict[str, jax.Array]:
  """The KL in its parts on PROBE_SIZE images, by each estimator, for the log.

  Chen et al.'s three terms, and the second of Hoffman & Johnson's two (their
  first is the mutual information); and `losses.SHOWN_TC` with its error, left
  out where there are no more images than latents.

  The images and the noise depend on the member's seed alone, so that the
  curves of a member do not jump from line to line.

  Args:
    experiment: the static parts.
    arrays: the data set's.
    params: one member's.
    own: the raw data of its key, and the stored images [P, *row] that the host
      has gathered, or None where `arrays` has them.
  """
  key_data, rows = own
  key, dataset = draws.of_data(key_data), experiment.dataset
  index = probe_index(experiment, key)
  if rows is not None:
    arrays, index = rows, jnp.arange(len(rows))
  images = dataset.images_fn(arrays, index)
  key = jax.random.fold_in(key, step.PROBE)
  _, noise_key = jax.random.split(key)
  size = dataset.num_train
  mean, logvar = experiment.encode(params, images)
  categories = {'num_categories': experiment.num_categories}
  z = experiment.sample(noise_key, mean, logvar)
  terms = {}
  for estimator in () if experiment.objective.points else losses.ESTIMATORS:
    parts = losses.kl_decomposition(
      z, mean, logvar, dataset_size=size, estimator=estimator, **categories
    )
    named = {**parts._asdict(), 'marginal_kl': parts.marginal_kl}
    terms |= {f'{name}_{estimator}': value for name, value in named.items()}
  continuous = z[:, : z.shape[1] - experiment.num_categories]
  if len(index) > continuous.shape[1]:
    shown = losses.gaussian_total_correlation(
      jax.random.fold_in(key, 0), continuous
    )
    terms |= {
      losses.SHOWN_TC: shown.estimate,
      f'{losses.SHOWN_TC}_error': shown.error,
    }
  return terms
