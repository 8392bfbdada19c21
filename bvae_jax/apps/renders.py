"""The true factors of any image: those of the render that is nearest to it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data
from bvae_jax.apps import coders, observed

STARTS = 4  # of a search, beside those that are given
_BLOCK = 32  # images whose candidates are rendered together
_ROUNDS = 3  # times that every factor is swept


def _tried(found, sizes, k):
  """The factors as found with every value of factor k, [B, V, K]."""
  shape = (len(found), sizes[k], len(sizes))
  wide = jnp.broadcast_to(found[:, None], shape)
  return wide.at[..., k].set(jnp.arange(sizes[k]))


def _chosen(renders, images, found, k):
  """Factors with the nearest value of factor k, and its error [B, 1]."""
  error = ((renders - images[:, None]) ** 2).mean((-3, -2, -1))
  # What is there stays unless another value is truly nearer.
  kept = jnp.arange(error.shape[1]) == found[:, k, None]
  best = jnp.argmin(error - 1e-7 * kept, 1)
  return found.at[:, k].set(best), jnp.take_along_axis(error, best[:, None], 1)


def _sweep(dataset, images, found, of, *, k):
  """The best value of factor k, the others as found: [B], its error [B]."""
  sizes = dataset.factor_sizes
  index = data.factors_to_index(_tried(found, sizes, k), sizes)
  of = jnp.broadcast_to(of[:, None], index.shape)
  return _chosen(dataset.images_like(index, of), images, found, k)


_compiled_sweep = jax.jit(_sweep, static_argnames='k')


def judge(
  dataset: data.Dataset, sample: coders.Sample, of: Any
) -> Callable[[Any, Any], tuple[np.ndarray, np.ndarray]]:
  """`nearest`, from the starts given and from the likest images of a sample.

  From the true factors alone, or others that are meant, a search ends at what
  is near to them and not at the nearest render: of blurred dSprites, in half of
  the images.

  Args:
    dataset: a grid.
    sample: images of it at random.
    of: as for `nearest`.

  Returns:
    A function of images [B, H, W, C] and starts [T, B, K].
  """

  def told(images: Any, starts: Any) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(observed.distances(images, sample), 1, kind='stable')
    more = sample.factors[order[:, :STARTS]].swapaxes(0, 1)
    return nearest(dataset, images, np.concatenate([starts, more]), of)

  return told


def nearest(
  dataset: data.Dataset, images: Any, starts: Any, of: Any
) -> tuple[np.ndarray, np.ndarray]:
  """Factors of the render nearest to each image, by coordinate descent.

  argmin_f ||render(f) - x||^2, one factor after the other over all of its
  values, from each start; the best end counts. A factor that changes nothing
  (a turned square that looks the same) keeps its value of the start.

  Args:
    dataset: a grid; its images are the renders.
    images: in [0, 1], [B, H, W, C].
    starts: factors to start from, int [T, B, K].
    of: places in the data set [B] of images that had the same noise, if any.

  Returns:
    Factors int [B, K], and the mean squared error of their renders [B].

  Raises:
    ValueError: the data set is no grid.
  """
  dataset.require_grid('the nearest render')
  ends, errors, of = [], [], jnp.asarray(of)
  for start in np.asarray(starts, np.int32):
    blocks = [slice(i, i + _BLOCK) for i in range(0, len(start), _BLOCK)]
    parts = [_descend(dataset, images[b], start[b], of[b]) for b in blocks]
    ends.append(np.concatenate([end for end, _ in parts]))
    errors.append(np.concatenate([error for _, error in parts]))
  best = np.argmin(errors, axis=0)
  each = np.arange(len(best))
  return np.stack(ends)[best, each], np.stack(errors)[best, each]


def _descend(dataset, images, found, of):
  count = len(images)
  pad = _BLOCK - count  # one shape, so one compilation a factor
  images = np.concatenate([images, np.repeat(images[:1], pad, 0)])
  found = jnp.asarray(np.concatenate([found, np.repeat(found[:1], pad, 0)]))
  of = jnp.concatenate([of, jnp.repeat(of[:1], pad, 0)])
  error = np.zeros((len(images), 1))
  # Images that stay on the host are looked up outside of what is compiled.
  sweep = _compiled_sweep if dataset.rows is None else _sweep
  for _ in range(_ROUNDS):
    before = found
    for k in range(len(dataset.factor_sizes)):
      found, error = sweep(dataset, images, found, of, k=k)
    if np.array_equal(before, found):
      break
  return np.asarray(found)[:count], np.asarray(error)[:count, 0]
