"""The list of layers of an encoder, a critic or a decoder of this package."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from flax import linen as nn

from bvae_jax.models import (
  decoders,
  encoders,
  graph_hsu,
  padding,
  residual,
  styled,
)
from bvae_jax.models import graph_parts as parts
from bvae_jax.models.dense import MLP
from bvae_jax.models.graph import Layer, Layers


def graph_of(
  module: nn.Module, params: Any, input_shape: Sequence[int]
) -> Layers:
  """The layers of a network of this package.

  Args:
    module: as `make_encoder`, `make_coder`, `make_critic` or `make_decoder`
      gives it.
    params: its parameters.
    input_shape: of one example: (H, W, C) of an encoder, (D,) of a decoder.

  Returns:
    Layers that end in [B, 2 D] of an encoder (the means, then the
    log-variances), in [B, D] of a coder, in logits [B, H, W, C] of a decoder,
    whose first is dense.

  Raises:
    ValueError: a network of another kind, or an activation without a name here.
  """
  shape = tuple(input_shape)
  if isinstance(module, encoders.Encoder | encoders.Critic):
    head = [_joined(params['mean'], params['logvar'])]
    return _trunk(module.trunk, params['trunk'], shape) + head
  if isinstance(module, encoders.Coder):
    layers, head = _trunk(module.trunk, params['trunk'], shape), params['mean']
    if not module.bounded:
      return [*layers, parts.dense(head)]
    if not getattr(module.trunk, 'normalized', False):
      layers.append(Layer('normalize'))
    return [*layers, parts.dense(head), Layer('tanh')]
  if isinstance(module, decoders.MLPDecoder):
    activation = getattr(nn, module.activation)
    layers = parts.stack(params['MLP_0'], activation)
    return [
      *layers,
      parts.dense(params['Dense_0']),
      parts.reshape(module.image_shape),
    ]
  if isinstance(module, decoders.DeconvDecoder):
    return _deconvolutions(module, params)
  if isinstance(module, residual.ResidualDecoder):
    return graph_hsu.residual_decoder(module, params)
  if isinstance(module, styled.StyledDecoder):
    return graph_hsu.styled_decoder(module, params)
  raise _unlisted(module)


def _unlisted(module: nn.Module) -> ValueError:
  return ValueError(
    f'{type(module).__name__} has no list of layers; the networks of '
    'bvae_jax.models have one, and bvae_jax.load runs any'
  )


def _trunk(module: nn.Module, params: Any, shape: tuple[int, ...]) -> Layers:
  """The layers of an encoder below its heads."""
  if isinstance(module, MLP):
    flat = parts.reshape((int(np.prod(shape)),))
    return [flat, *parts.stack(params, module.activation)]
  if isinstance(module, encoders.ConvTrunk):
    return parts.padded(shape) + _convolutions(module, params)
  if isinstance(module, residual.ResidualTrunk):
    return parts.padded(shape) + graph_hsu.residual_trunk(module, params)
  if isinstance(module, styled.StyledTrunk):
    return parts.padded(shape) + graph_hsu.styled_trunk(module, params)
  raise _unlisted(module)


def _convolutions(module: encoders.ConvTrunk, params: Any) -> Layers:
  layers = []
  for i in range(len(module.features)):
    layers += [Layer('conv', parts.weights(params[f'Conv_{i}'])), Layer('relu')]
  return layers + parts.flat_stack(params['MLP_0'])


def _deconvolutions(module: decoders.DeconvDecoder, params: Any) -> Layers:
  height, width, _ = module.image_shape
  sides = padding.padded_side(height), padding.padded_side(width)
  small = tuple(side // padding.MULTIPLE for side in sides)
  layers = parts.stack(params['MLP_0'])
  layers += [
    parts.dense(params['Dense_0']),
    parts.reshape((*small, module.features[0])),
  ]
  for i in range(len(module.features) + 1):
    kernel = parts.weights(params[f'ConvTranspose_{i}'])
    layers += [Layer('relu'), Layer('conv_transpose', kernel)]
  return layers + parts.cropped(module.image_shape)


def _joined(*params: Any) -> Layer:
  """Dense layers of one input as one."""
  pairs = [parts.weights(p) for p in params]
  return Layer('dense', tuple(np.concatenate(w, -1) for w in zip(*pairs)))
