"""What is true of an edited image: a judge, and the figures that it gives.

Of a grid the judge is the renderer: the factors of the render nearest to the
image. Of other data it is the nearest observed image, which errs: how far, is
told by what it says of real images. With f' for what it says,

  progress = 1 - |f' - t| / |f - t|

is the share of the way from the value f to the wanted t (1: arrived, 0: stayed,
below 0: away).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from bvae_jax import data
from bvae_jax.apps import coders, observed, renders, tasks
from bvae_jax.apps.options import Options

Judge = Callable[[Any, Any], tuple[np.ndarray, np.ndarray]]
_CLOSE = 0.05  # of its range, within which a continuous factor has arrived


class Bench(NamedTuple):
  """On what edits are tried, and who judges them.

  Attributes:
    work: images to edit.
    basis: other images of the data.
    draws: labelled images, a sample a repeat.
    wanted: a value for each image of `work`.
    judge: (images, factors to start a search from [T, B, K]) to factors [B, K]
      and the mean squared difference of the image that has them [B].
    error: how far the judge is off on real images [K], shares of a range.
  """

  work: coders.Sample
  basis: coders.Sample
  draws: list[coders.Sample]
  wanted: np.ndarray
  judge: Judge
  error: np.ndarray


class Truth(NamedTuple):
  """What the judge says of an edit.

  Attributes:
    progress: mean over the images that were not there before.
    arrived: how often the wanted value is met; of a continuous factor, within a
      twentieth of its range.
    moved: mean move of each factor [K], in shares of its range.
    kept: mean move of each factor of the reconstruction alone [K].
    error: root mean squared error of the nearest image.
  """

  progress: float
  arrived: float
  moved: np.ndarray
  kept: np.ndarray
  error: float


def bench(dataset: data.Dataset, options: Options, place: int) -> Bench:
  """The bench of one factor.

  Raises:
    ValueError: fewer labelled images than asked for.
  """
  keys = jax.random.split(options.key, 3 + options.repeats)
  labels, factors = options.labels[0], dataset.require_factors('edit').factors
  if labels > dataset.num_images:
    raise ValueError(
      f'edit: --labels={labels} are more than the {dataset.num_images} images '
      f'of {dataset.name}; give fewer'
    )
  if dataset.is_grid:
    work = coders.draw(dataset, keys[0], options.images)
    draws = [coders.draw(dataset, k, labels) for k in keys[3:]]
    most = min(observed.MOST, dataset.num_images)
    basis = coders.draw(dataset, keys[2], most)
    values = np.arange(factors[place].size)
    judge: Judge = renders.judge(dataset, basis, work.index)
    error = np.zeros(len(factors))
  else:
    work, basis = observed.halves(dataset, keys[0], options.images, place)
    if labels > len(basis.index):
      raise ValueError(
        f'edit: --labels={labels} are more than the {len(basis.index)} images '
        f'with a label that {len(work.index)} images to edit leave; give fewer '
        '--labels or --images'
      )
    draws = []
    for key in keys[3:]:
      rows = np.asarray(jax.random.permutation(key, len(basis.index)))[:labels]
      draws.append(tasks.part(basis, rows))
    values = np.unique(np.concatenate([work.factors, basis.factors])[:, place])
    judge = lambda images, _: observed.nearest(images, basis)
    error = observed.error(work, basis, factors)
  wanted = other_values(keys[1], work.factors[:, place], values)
  return Bench(work, basis, draws, wanted, judge, error)


def starts(before: Any, place: int, wanted: Any) -> np.ndarray:
  """Where a judge's search starts: true factors, and those wanted [2, B, K]."""
  goal = np.array(before)
  goal[:, place] = wanted
  return np.stack([before, goal])


def measure(
  judge: Judge,
  factors: Any,
  edited: Any,
  alone: Any,
  before: Any,
  place: int,
  wanted: Any,
) -> Truth:
  """What a judge says of edited images.

  Args:
    judge: see `Bench`.
    factors: what is known of them, K of `data.Factor`.
    edited: images after the edit [B, H, W, C].
    alone: what the judge says of the images without it [B, K], from the same
      `starts`.
    before: true factors of the images before it [B, K].
    place: of the edited factor.
    wanted: its value of each image [B].
  """
  before, goal = both = starts(before, place, wanted)
  after, error = judge(edited, both)
  gap = lambda f: coders.change(goal, f, factors)[:, place]
  start, end = gap(before), gap(after)
  close = 0 if factors[place].size else _CLOSE
  far = start > close
  progress = 1 - end[far] / start[far] if far.any() else np.zeros(1)
  return Truth(
    float(progress.mean()),
    float((end <= close).mean()),
    coders.known_mean(coders.change(before, after, factors)),
    coders.known_mean(coders.change(before, alone, factors)),
    float(np.sqrt(error.mean())),
  )


def other_values(
  key: jax.Array, values: np.ndarray, possible: np.ndarray
) -> np.ndarray:
  """For each value another one, each as likely."""
  step = jax.random.randint(key, values.shape, 1, max(len(possible), 2))
  place = np.searchsorted(possible, values)
  return possible[(place + np.asarray(step)) % len(possible)]
