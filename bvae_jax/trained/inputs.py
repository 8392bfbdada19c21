"""What people hand a model: arrays of any kind, or a clear line."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import core

from bvae_jax import metrics, parallel
from bvae_jax.data import pixels


def array(values: Any) -> Any:
  """An array of NumPy; one of JAX whose values are unknown (jit) as it is.

  Raises:
    RuntimeError: in a process that is forked from one that has computed.
  """
  parallel.own_process()
  return values if isinstance(values, core.Tracer) else metrics.as_numpy(values)


def numbers(name: str, values: Any) -> Any:
  """Real, finite numbers of any kind, as float32, as `array` has them.

  Raises:
    ValueError: they are others; the line begins with `name`.
  """
  values = array(values)
  real = jnp.issubdtype(values.dtype, jnp.floating)
  if not real and values.dtype.kind not in 'biu':
    raise ValueError(f'{name} must be real numbers, got {values.dtype}')
  if not isinstance(values, core.Tracer):
    with np.errstate(over='ignore'):
      bad = values.size - np.isfinite(values.astype(np.float32)).sum()
    if bad:
      raise ValueError(
        f'{name} must be finite in float32, {bad} of {values.size} are not'
      )
    return values.astype(np.float32)
  return jnp.asarray(values, jnp.float32)


def images(given: Any, shape: tuple[int, int, int]) -> Any:
  """Images [B, *shape] as the networks take them, float in [0, 1].

  Args:
    given: [B, H, W, C], or [B, H, W] where C is 1; of a type and range as
      `pixels.scale_of` has them. Under jit float in [0, 1].
    shape: (H, W, C).

  Raises:
    ValueError: images of another shape, or values that are none of images.
  """
  found = array(given)
  height, width, channels = shape
  if found.ndim == 3 and channels == 1 and found.shape[1:] == (height, width):
    found = found[..., None]
  if found.shape[1:] != shape:
    first = found.ndim == 4 and found.shape[1:] == (channels, height, width)
    how = (
      'channels come last, numpy.moveaxis(images, 1, -1)'
      if first
      else f'resize them to {height}x{width} with {channels} channel(s), and '
      'give one alone as image[None]'
    )
    raise ValueError(
      f'images must be [B, {height}, {width}, {channels}], got '
      f'{found.shape}; {how}'
    )
  if not isinstance(found, np.ndarray):
    if not jnp.issubdtype(found.dtype, jnp.floating):
      raise ValueError(
        f'under jit images must be float in [0, 1], got {found.dtype}'
      )
    return found
  if not len(found):
    return np.zeros(found.shape, np.float32)
  smallest, largest = pixels.extremes(found)
  offset, factor, _ = pixels.scale_of(found.dtype, smallest, largest)
  scaled = (found.astype(np.float32) + offset) * (factor / 255)
  return scaled.astype(np.float32, copy=False)
