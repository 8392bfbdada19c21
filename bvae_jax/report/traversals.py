"""What a model makes of images: reconstructions, and walks along a latent."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, draws, trained
from bvae_jax.report import images as image_lib
from bvae_jax.training import experiment as experiment_lib

VALUES = np.linspace(-2.0, 2.0, 11)  # of a latent, in prior deviations
NUM_REFERENCE = 64  # images
MAX_ROWS = 24  # latents in a picture


def reference_images(experiment: experiment_lib.Experiment) -> np.ndarray:
  """The images that the pictures are of, [NUM_REFERENCE, H, W, C].

  First the one that is traversed, with each factor at its middle value; then a
  random sample. They are the same for all members and, under one
  `evaluation.seed`, for all runs on a data set.
  """
  dataset = experiment.dataset
  middle = dataset.num_images // 2
  if dataset.is_grid:
    factors = np.array([size // 2 for size in dataset.factor_sizes])
    middle = data.factors_to_index(factors, dataset.factor_sizes)
  key = draws.key(experiment.config.evaluation.seed)
  drawn = data.sample_index(key, NUM_REFERENCE, dataset.num_images)
  index = np.append(middle, drawn[1:])
  return np.asarray(dataset.images(index))


# The networks are static: one compilation, whoever's parameters come.


@functools.partial(jax.jit, static_argnames=('encode', 'chosen', 'decode'))
def _traverse(params, image, values, middle, unit, *, encode, chosen, decode):
  mean = chosen(encode(params, image)[0])
  every = jnp.arange(mean.shape[-1])
  z = trained.walk(mean[0], every, middle[:, None] + unit[:, None] * values)
  return jax.nn.sigmoid(jax.lax.map(lambda row: decode(params, row), z))


@functools.partial(jax.jit, static_argnames=('encode', 'decode'))
def _reconstruct(params, images, *, encode, decode):
  mean, _ = encode(params, images)
  return jax.nn.sigmoid(decode(params, mean))


@functools.partial(jax.jit, static_argnames=('encode', 'kl'))
def _moments(params, images, *, encode, kl):
  """Mean and deviation of codes [D], and their mean KL."""
  mean, logvar = encode(params, images)
  return mean.mean(0), mean.std(0), kl(mean, logvar).mean(0)


def _of_codes(
  experiment: experiment_lib.Experiment, params: Any, images: Any
) -> tuple[jax.Array, ...]:
  """`_moments` of one member."""
  static = experiment.static
  return _moments(params, images, encode=static.encode, kl=static.kl)


def _scale(
  experiment: experiment_lib.Experiment, params: Any
) -> tuple[Any, Any]:
  """Where a walk is centred and its unit, [D] each: 0 and 1 of the prior.

  Codes that are points have no prior: their own mean and deviation.
  """
  latents = experiment.config.num_latents
  if not experiment.objective.points:
    return np.zeros(latents, np.float32), np.ones(latents, np.float32)
  middle, unit, _ = _of_codes(experiment, params, reference_images(experiment))
  return middle, unit


def traverse(
  experiment: experiment_lib.Experiment,
  params: Any,
  image: Any,
  values: np.ndarray = VALUES,
) -> np.ndarray:
  """Decodes walks along each latent from one image's posterior mean.

  x_{d,s} = E[x | z], with z_d = values_s and the other latents at the posterior
  mean of the image.

  Args:
    experiment: the run.
    params: parameters of one member.
    image: the image to start from [H, W, C].
    values: of the latent that moves [S], in units of `_scale`.

  Returns:
    Images in [0, 1], float [D, S, H, W, C].
  """
  static = experiment.static
  nets = {
    'encode': static.encode,
    'chosen': static.chosen,
    'decode': static.decode,
  }
  middle, unit = _scale(experiment, params)
  steps = np.asarray(values, np.float32)
  return np.asarray(_traverse(params, image[None], steps, middle, unit, **nets))


def reconstruct(
  experiment: experiment_lib.Experiment, params: Any, images: Any
) -> np.ndarray:
  """E[x | z = posterior mean] of images in [0, 1], float [B, H, W, C]."""
  static = experiment.static
  nets = {'encode': static.encode, 'decode': static.decode}
  return np.asarray(_reconstruct(params, images, **nets))


def order_by_kl(kl: Any) -> np.ndarray:
  """Latents by falling KL [D]; those without a KL last."""
  kl = np.asarray(kl, np.float64)
  return np.argsort(-np.where(np.isfinite(kl), kl, -np.inf), kind='stable')


def traversal_png(experiment: experiment_lib.Experiment, params: Any) -> bytes:
  """A PNG of one member's traversals: a row a latent, the largest KL first.

  Compiled once a experiment, so that a training loop may draw at checkpoints.

  Args:
    experiment: the run.
    params: parameters of one member, `population.select(states.params, m)`.
  """
  images = reference_images(experiment)
  _, deviation, kl = _of_codes(experiment, params, images)
  carried = deviation if experiment.objective.points else kl
  order = order_by_kl(np.asarray(carried))
  rows = traverse(experiment, params, images[0])[order[:MAX_ROWS]]
  return image_lib.png(image_lib.grid(rows))


def sweep_frames(
  rows: np.ndarray, *, columns: int = 5, tile: int = 64
) -> np.ndarray:
  """Frames of all latents moving at once, uint8 [S, H', W', C].

  Args:
    rows: traversals in [0, 1], [D, S, H, W, C].
    columns: latents side by side; the last line is filled up with grey.
    tile: each image is enlarged by a whole factor to about this many pixels.
  """
  frames = image_lib.enlarged(rows, max(1, tile // rows.shape[2]))
  columns = min(columns, len(rows))
  return np.stack(
    [image_lib.sheet(x, columns, pad=2) for x in frames.swapaxes(0, 1)]
  )
