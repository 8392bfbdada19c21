"""Parts of lists of layers, from the parameters of Flax modules."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flax import linen as nn

from bvae_jax.models import padding
from bvae_jax.models.graph import Layer, Layers


def flat_stack(params: Any) -> Layers:
  """A stack on all pixels of an image."""
  return [reshape((len(params['Dense_0']['kernel']),)), *stack(params)]


def stack(params: Any, activation: Callable = nn.relu) -> Layers:
  """A dense layer and an activation for each entry of an MLP's parameters."""
  names = {nn.relu: 'relu', nn.tanh: 'tanh', nn.sigmoid: 'sigmoid'}
  if activation not in names:
    raise ValueError(
      f'the activation {activation!r} has no layer; those that have '
      f'one: {", ".join(names.values())}'
    )
  layers = []
  for i in range(len(params)):
    layers += [dense(params[f'Dense_{i}']), Layer(names[activation])]
  return layers


def weights(params: Any) -> tuple[np.ndarray, np.ndarray]:
  """A kernel and its bias, zeros where there is none."""
  kernel = np.asarray(params['kernel'])
  none = np.zeros(kernel.shape[-1], kernel.dtype)
  return kernel, np.asarray(params.get('bias', none))


def dense(params: Any) -> Layer:
  """A layer `dense`."""
  return Layer('dense', weights(params))


def reshape(shape: Sequence[int]) -> Layer:
  """A layer `reshape`."""
  return Layer('reshape', shape=tuple(shape))


def padded(shape: Sequence[int]) -> Layers:
  """Those of `padding.pad` for images of a shape (H, W, C)."""
  extra = [-side % padding.MULTIPLE for side in shape[:2]]
  around = tuple(n for e in extra for n in (e // 2, e - e // 2))
  return [Layer('pad', shape=around)] if any(extra) else []


def cropped(image_shape: Sequence[int]) -> Layers:
  """Those of `padding.crop`."""
  height, width, _ = image_shape
  sides = padding.padded_side(height), padding.padded_side(width)
  if sides == (height, width):
    return []
  corner = (sides[0] - height) // 2, (sides[1] - width) // 2
  return [Layer('crop', shape=(*corner, height, width))]
