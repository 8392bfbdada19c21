"""Lists of layers of the networks of Hsu et al., `residual` and `styled`."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from bvae_jax.models import graph_parts as parts
from bvae_jax.models import residual, styled
from bvae_jax.models.dense import EPSILON
from bvae_jax.models.graph import Layer, Layers


def residual_trunk(module: residual.ResidualTrunk, params: Any) -> Layers:
  """Of images that are padded already."""
  layers = [
    Layer('multiply', (np.array([2.0]),)),
    Layer('add', (np.array([-1.0]),)),
  ]
  for i in range(len(module.features) - 1):
    for b in (2 * i, 2 * i + 1):
      _add_block(layers, params[f'Block_{b}'])
    # 1x1 on what 2x2 pixels have side by side: 2x2 of stride 2.
    kernel, bias = parts.weights(params[f'Conv_{i}'])
    kernel = kernel.reshape(2, 2, -1, len(bias))
    layers.append(Layer('conv', (kernel, bias)))
  return [*layers, Layer('mean'), *_smooth(params, 0)]


def residual_decoder(module: residual.ResidualDecoder, params: Any) -> Layers:
  """The style, the constant, and the blocks that it goes through."""
  layers = [*_smooth(params, 0), *_smooth(params, 1)]
  style = _begin(layers, params)
  for i in range(len(module.features)):
    for b in (2 * i, 2 * i + 1):
      _add_block(layers, params[f'Block_{b}'], style)
    layers.append(_twice(params[f'Conv_{i}']))
  return layers + parts.cropped(module.image_shape)


def _add_block(layers: Layers, params: Any, style: int | None = None) -> None:
  """A `residual.Block`, which a style moves if there is one."""
  start = len(layers)
  for i in range(2):
    conv = _shrunk(Layer('conv', parts.weights(params[f'Conv_{i}'])))
    layers += [conv, _instance_norm(conv, params, i)]
    if style is not None:
      kernel, bias = parts.weights(params[f'Dense_{i}'])
      one = np.repeat(np.array([1, 0], bias.dtype), len(bias) // 2)
      _add_style(layers, style, kernel, bias + one)
    layers.append(Layer('gelu'))
  end = len(layers)
  if 'Conv_2' in params:
    weights = parts.weights(params['Conv_2'])
    layers.append(Layer('conv', weights, inputs=(_back(layers, start),)))
    start = len(layers)
  read = _back(layers, start), _back(layers, end)
  layers.append(Layer('add', inputs=read))


def styled_trunk(module: styled.StyledTrunk, params: Any) -> Layers:
  """Of images that are padded already."""
  layers = []
  for i, conv in enumerate(_styled_convolutions(module, params, 'conv')):
    layers += [conv, _instance_norm(conv, params, i), Layer('leaky_relu')]
  return layers + parts.flat_stack(_two_dense(params))


def styled_decoder(module: styled.StyledDecoder, params: Any) -> Layers:
  """The style, the constant, and the convolutions that it goes through."""
  layers = parts.stack(_two_dense(params))
  style = _begin(layers, params)
  convs = _styled_convolutions(module, params, 'conv_transpose')
  for i, conv in enumerate(convs):
    layers += [conv, Layer('leaky_relu'), _instance_norm(conv, params, i)]
    moves = parts.weights(params[f'Dense_{i + 2}'])
    _add_style(layers, style, *moves, Layer('relu'))
  last = params[f'Conv_{2 * len(module.features)}']
  layers.append(Layer('conv', parts.weights(last)))
  return layers + parts.cropped(module.image_shape)


def _styled_convolutions(
  module: styled.StyledTrunk | styled.StyledDecoder, params: Any, resize: str
) -> Iterator[Layer]:
  for i in range(len(module.features)):
    yield Layer('conv', parts.weights(params[f'Conv_{2 * i}']))
    yield Layer('conv', parts.weights(params[f'Conv_{2 * i + 1}']))
    yield Layer(resize, parts.weights(params[f'_Resized_{i}']))


def _begin(layers: Layers, params: Any) -> int:
  """Adds the style as one pixel and the constant; returns the style's place."""
  layers.append(parts.reshape((1, 1, len(params['Dense_1']['bias']))))
  place, constant = len(layers), np.asarray(params['constant'])
  layers.append(Layer('constant', (constant,), inputs=()))
  return place


def _add_style(
  layers: Layers,
  style: int,
  kernel: np.ndarray,
  bias: np.ndarray,
  *after: Layer,
) -> None:
  """Adds x s + t: dense layers of the style, and what comes after them."""
  halves = np.split(kernel, 2, -1), np.split(bias, 2)
  for operation, *weights in zip(('multiply', 'add'), *halves):
    x = len(layers)
    read = (_back(layers, style),)
    layers += [Layer('dense', tuple(weights), inputs=read), *after]
    layers.append(Layer(operation, inputs=(_back(layers, x), -1)))


def _back(layers: Layers, place: int) -> int:
  """Where the next layer finds what the first `place` layers gave."""
  return place - len(layers) - 1


def _instance_norm(conv: Layer, params: Any, i: int) -> Layer:
  """One after a convolution, whose scale and bias may be none."""
  _, bias = conv.weights
  plain = {'scale': np.ones_like(bias), 'bias': np.zeros_like(bias)}
  found = params.get(f'InstanceNorm_{i}', plain)
  weights = np.asarray(found['scale']), np.asarray(found['bias'])
  return Layer('instance_norm', weights)


def _smooth(params: Any, i: int) -> Layers:
  """A dense layer of `residual`, normalised, with its activation."""
  norm = params[f'LayerNorm_{i}']
  return [
    _shrunk(parts.dense(params[f'Dense_{i}'])),
    Layer('normalize'),
    Layer('multiply', (np.asarray(norm['scale']),)),
    Layer('add', (np.asarray(norm['bias']),)),
    Layer('gelu'),
  ]


def _shrunk(layer: Layer) -> Layer:
  """What its norm, of `residual.EPSILON`, is under one of EPSILON."""
  factor = (EPSILON / residual.EPSILON) ** 0.5
  return dataclasses.replace(
    layer, weights=tuple(w * factor for w in layer.weights)
  )


# A 4x4 kernel reads once what a 3x3 one finds twice: its rows, of those.
_ROWS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])


def _twice(params: Any) -> Layer:
  """Each pixel twice along both axes, then a 3x3 convolution, as one layer."""
  kernel, bias = parts.weights(params)
  rows = _ROWS.astype(kernel.dtype)
  kernel = np.einsum('au,bv,uvcf->abcf', rows, rows, kernel, optimize=True)
  return Layer('conv_transpose', (kernel, bias))


def _two_dense(params: Any) -> Any:
  return {name: params[name] for name in ('Dense_0', 'Dense_1')}
