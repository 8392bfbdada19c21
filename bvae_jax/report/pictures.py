"""What the shown members make of images: reconstructions and traversals."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bvae_jax import losses, population
from bvae_jax.data import show
from bvae_jax.report import images as image_lib
from bvae_jax.report import traversals as walks
from bvae_jax.training import experiment as experiment_lib

COLUMNS = 11  # inputs shown; as many as a traversal has steps
_PHASES = 24  # frames of one round of the animation


class Pictures(NamedTuple):
  """Images in [0, 1], and the animation as a file.

  Attributes:
    source: the image that is traversed [H, W, C].
    inputs: [COLUMNS, H, W, C].
    reconstructions: by role, [COLUMNS, H, W, C].
    traversals: by role, [D, S, H, W, C].
    data: a look at the data set.
    gif: all shown latents of the best member move there and back.
    still: its first frame, a PNG file.
  """

  source: np.ndarray
  inputs: np.ndarray
  reconstructions: dict[str, np.ndarray]
  traversals: dict[str, np.ndarray]
  data: show.Look
  gif: bytes
  still: bytes


def draw(
  experiment: experiment_lib.Experiment,
  params: Any,
  shown: Mapping[str, int],
  carried: Any,
) -> Pictures:
  """Runs the networks of some members.

  Args:
    experiment: the run.
    params: leaves [M, ...].
    shown: the members by role, 'best' among them.
    carried: what each latent of the best one carries [D].
  """
  images = walks.reference_images(experiment)
  source, inputs = images[0], images[1 : COLUMNS + 1]
  own = {role: population.select(params, m) for role, m in shown.items()}
  phases = np.arange(_PHASES) * (2 * np.pi / _PHASES)
  wave = walks.VALUES[-1] * np.sin(phases)
  motion = walks.traverse(experiment, own['best'], source, wave)
  frames = walks.sweep_frames(motion[shown_latents(carried)])
  return Pictures(
    np.asarray(source),
    np.asarray(inputs),
    {r: walks.reconstruct(experiment, p, inputs) for r, p in own.items()},
    {r: walks.traverse(experiment, p, source) for r, p in own.items()},
    show.look(experiment.dataset, 2 * show.ACROSS),
    image_lib.gif(frames, milliseconds=80),
    image_lib.png(frames[0]),
  )


def idle(carried: float | None) -> bool:
  """Whether a latent carries next to nothing, or it is not known."""
  return carried is None or not carried > losses.COLLAPSED


def shown_latents(carried: Any) -> np.ndarray:
  """The active latents by what they carry, at least ten, at most `MAX_ROWS`."""
  order = walks.order_by_kl(carried)
  active = sum(not idle(v) for v in carried)
  return order[: min(max(active, 10), walks.MAX_ROWS)]
