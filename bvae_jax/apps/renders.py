"""The true factors of any image: those of the render that is nearest to it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data

_BLOCK = 32  # images whose candidates are rendered together


@functools.partial(jax.jit, static_argnames=('images_fn', 'sizes', 'k'))
def _sweep(arrays, images, found, *, images_fn, sizes, k):
  """The best value of factor k, the others as found: [B], its error [B]."""
  values = jnp.arange(sizes[k])
  tried = jnp.broadcast_to(
    found[:, None], (len(found), sizes[k], len(sizes))
  ).at[..., k].set(values)  # fmt: skip
  renders = images_fn(arrays, data.factors_to_index(tried, sizes))
  error = ((renders - images[:, None]) ** 2).mean((-3, -2, -1))
  # What is there stays unless another value is truly nearer.
  kept = jnp.arange(sizes[k]) == found[:, k, None]
  best = jnp.argmin(error - 1e-7 * kept, 1)
  return found.at[:, k].set(best), jnp.take_along_axis(error, best[:, None], 1)


def nearest(
  dataset: data.Dataset, images: Any, starts: Any, *, rounds: int = 3
) -> tuple[np.ndarray, np.ndarray]:
  """Factors of the render nearest to each image, by coordinate descent.

  argmin_f ||render(f) - x||^2, one factor after the other over all of its
  values, from each start; the best end counts. A factor that changes nothing
  (a turned square that looks the same) keeps its value of the start.

  Args:
    dataset: a grid; its images are the renders.
    images: in [0, 1], [B, H, W, C].
    starts: factors to start from, int [T, B, K].
    rounds: times that every factor is swept.

  Returns:
    Factors int [B, K], and the mean squared error of their renders [B].

  Raises:
    ValueError: the data set is no grid.
  """
  sizes = dataset.require_grid('the nearest render').sizes
  ends, errors = [], []
  for start in np.asarray(starts, np.int32):
    parts = [
      _descend(dataset, sizes, images[i : i + _BLOCK], start[i : i + _BLOCK],
               rounds)
      for i in range(0, len(start), _BLOCK)
    ]  # fmt: skip
    ends.append(np.concatenate([end for end, _ in parts]))
    errors.append(np.concatenate([error for _, error in parts]))
  best = np.argmin(errors, axis=0)
  each = np.arange(len(best))
  return np.stack(ends)[best, each], np.stack(errors)[best, each]


def _descend(dataset, sizes, images, found, rounds):
  count = len(images)
  pad = _BLOCK - count  # one shape, so one compilation a factor
  images = np.concatenate([images, np.repeat(images[:1], pad, 0)])
  found = jnp.asarray(np.concatenate([found, np.repeat(found[:1], pad, 0)]))
  error = np.zeros((len(images), 1))
  for _ in range(rounds):
    before = found
    for k in range(len(sizes)):
      if dataset.rows is None:
        found, error = _sweep(
          dataset.arrays, images, found, images_fn=dataset.images_fn,
          sizes=sizes, k=k,
        )  # fmt: skip
      else:
        found, error = _sweep_rows(dataset, images, found, sizes, k)
    if np.array_equal(before, found):
      break
  return np.asarray(found)[:count], np.asarray(error)[:count, 0]


def _sweep_rows(dataset, images, found, sizes, k):
  """`_sweep` of a grid whose images stay on the host."""
  tried = np.repeat(np.asarray(found)[:, None], sizes[k], 1)
  tried[..., k] = np.arange(sizes[k])
  places = np.asarray(data.factors_to_index(jnp.asarray(tried), sizes))
  renders = np.asarray(dataset.images(places.ravel()))
  renders = renders.reshape(*places.shape, *renders.shape[1:])
  error = ((renders - images[:, None]) ** 2).mean((-3, -2, -1))
  kept = np.arange(sizes[k]) == np.asarray(found)[:, k, None]
  best = np.argmin(error - 1e-7 * kept, 1)
  ends = jnp.asarray(found).at[:, k].set(best)
  return ends, np.take_along_axis(error, best[:, None], 1)
