"""The networks of a run, built without its images."""

from typing import Any

import jax
import ml_collections

from bvae_jax import data
from bvae_jax.training import experiment as experiment_lib


def build(
  config: ml_collections.ConfigDict,
  image_shape: tuple[int, int, int],
  **facts: Any,
) -> experiment_lib.Experiment:
  """The networks for images of this shape, none of which is read.

  Args:
    config: of the run.
    image_shape: (height, width, channels).
    **facts: what else a data set is known by: its name, its description and
      how many images it has.
  """
  dataset = data.Dataset(
    image_shape=image_shape, arrays=(), images_fn=_no_images, **facts
  )
  return experiment_lib.assemble(config, dataset)


def facts(dataset: Any) -> dict[str, Any]:
  """What `build` asks of a data set, or of its record in the results."""
  names = ('name', 'description', 'num_images')
  found = {name: getattr(dataset, name) for name in names}
  return found | {'image_shape': tuple(dataset.image_shape)}


def _no_images(arrays: Any, index: jax.Array) -> jax.Array:
  raise ValueError('the images are those of `Model.dataset`')
