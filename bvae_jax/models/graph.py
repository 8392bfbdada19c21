"""A network as a short list of layers, for whoever runs it without Flax.

`graph(module, params, input_shape)` reads the list off an encoder or a decoder;
`evaluate(layers, x)` is its meaning, in NumPy.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from flax import linen as nn

from bvae_jax.models import decoders, dense, encoders, padding
from bvae_jax.models.dense import MLP


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
  """One operation on [B, ...]; images are [B, H, W, C].

  dense: x w + b of [B, I], with w [I, O].
  relu, tanh, sigmoid: of each element.
  normalize: (x - mean) / sqrt(variance + 1e-6), both over the last axis.
  reshape: each example to `shape`, in C order.
  pad: zeros around an image; `shape` is (top, bottom, left, right).
  crop: a window of an image; `shape` is (top, left, height, width).
  conv: stride 2, w [k, k, C, F] with even k, p = k / 2 - 1:
    y[i, j] = b + sum_{u, v} x[2 i + u - p, 2 j + v - p] w[u, v]
  conv_transpose: stride 2, w [k, k, C, F] with even k, along both axes:
    y[o] = b + sum_{2 i = o + t - k / 2} x[i] w[t]
  nearest: of each of D numbers the nearest of its values; the weights are those
    alone, [D, V].
  category: the last columns, as many as `shape` (C,) says, one-hot: 1 at the
    largest.

  Attributes:
    operation: one of `OPERATIONS`.
    weights: (w, b), those of `nearest`, or none.
    shape: what `reshape`, `pad`, `crop` and `category` need.
  """

  operation: str
  weights: tuple[np.ndarray, ...] = ()
  shape: tuple[int, ...] = ()


Layers = list[Layer]


def graph(module: nn.Module, params: Any, input_shape: Sequence[int]) -> Layers:
  """The layers of an encoder, a critic or a decoder of this package.

  Args:
    module: as `make_encoder`, `make_coder`, `make_critic` or `make_decoder`
      gives it.
    params: its parameters.
    input_shape: of one example: (H, W, C) of an encoder, (D,) of a decoder.

  Returns:
    Layers that end in [B, 2 D] of an encoder (the means, then the
    log-variances), in [B, D] of a coder, in logits [B, H, W, C] of a decoder.

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
      return [*layers, _dense(head)]
    return [*layers, Layer('normalize'), _dense(head), Layer('tanh')]
  if isinstance(module, decoders.MLPDecoder):
    activation = getattr(nn, module.activation)
    stack = MLP(module.widths, activation)
    layers = _stack(stack, params['MLP_0'])
    return [*layers, _dense(params['Dense_0']), _reshape(module.image_shape)]
  if isinstance(module, decoders.DeconvDecoder):
    return _deconvolutions(module, params)
  raise _unlisted(module)


def _unlisted(module: nn.Module) -> ValueError:
  return ValueError(
    f'{type(module).__name__} has no list of layers; the networks of '
    'bvae_jax.models have one but those of Hsu et al., and bvae_jax.load runs '
    'any'
  )


def _trunk(module: nn.Module, params: Any, shape: tuple[int, ...]) -> Layers:
  """The layers of an encoder below its heads."""
  if isinstance(module, MLP):
    return [_reshape((int(np.prod(shape)),)), *_stack(module, params)]
  if not isinstance(module, encoders.ConvTrunk):
    raise _unlisted(module)
  extra = [-side % padding.MULTIPLE for side in shape[:2]]
  around = tuple(n for e in extra for n in (e // 2, e - e // 2))
  layers = [Layer('pad', shape=around)] if any(extra) else []
  for i in range(len(module.features)):
    layers += [Layer('conv', _weights(params[f'Conv_{i}'])), Layer('relu')]
  flat = params['MLP_0']['Dense_0']['kernel'].shape[0]
  return [*layers, _reshape((flat,)), *_stack(MLP(()), params['MLP_0'])]


def _deconvolutions(module: decoders.DeconvDecoder, params: Any) -> Layers:
  height, width, _ = module.image_shape
  sides = padding.padded_side(height), padding.padded_side(width)
  small = tuple(side // padding.MULTIPLE for side in sides)
  layers = _stack(MLP(()), params['MLP_0'])
  layers += [_dense(params['Dense_0']), _reshape((*small, module.features[0]))]
  for i in range(len(module.features) + 1):
    kernel = _weights(params[f'ConvTranspose_{i}'])
    layers += [Layer('relu'), Layer('conv_transpose', kernel)]
  if sides == (height, width):
    return layers
  corner = (sides[0] - height) // 2, (sides[1] - width) // 2
  return [*layers, Layer('crop', shape=(*corner, height, width))]


def _stack(module: MLP, params: Any) -> Layers:
  """A dense layer and an activation for each entry of an MLP's parameters."""
  names = {nn.relu: 'relu', nn.tanh: 'tanh', nn.sigmoid: 'sigmoid'}
  if module.activation not in names:
    raise ValueError(
      f'the activation {module.activation!r} has no layer; those that have '
      f'one: {", ".join(names.values())}'
    )
  layers = []
  for i in range(len(params)):
    layers += [_dense(params[f'Dense_{i}']), Layer(names[module.activation])]
  return layers


def _weights(params: Any) -> tuple[np.ndarray, ...]:
  return tuple(np.asarray(params[name]) for name in ('kernel', 'bias'))


def _dense(params: Any) -> Layer:
  return Layer('dense', _weights(params))


def _joined(*params: Any) -> Layer:
  """Dense layers of one input as one."""
  pairs = [_weights(p) for p in params]
  return Layer('dense', tuple(np.concatenate(w, -1) for w in zip(*pairs)))


def _reshape(shape: Sequence[int]) -> Layer:
  return Layer('reshape', shape=tuple(shape))


def evaluate(layers: Sequence[Layer], x: np.ndarray) -> np.ndarray:
  """The output of a list of layers for x [B, ...], in the precision of x.

  Raises:
    KeyError: an operation that is none.
  """
  for layer in layers:
    weights = [w.astype(x.dtype) for w in layer.weights]
    x = OPERATIONS[layer.operation](x, *weights, *layer.shape)
  return x


_TAPS = ((4, 5, 3), (0, 1, 2))  # of windows [B, H, W, C, k, k] and of w


def _convolved(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
  size = len(w)
  p = size // 2 - 1
  x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
  windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))
  return np.tensordot(windows[:, ::2, ::2], w, _TAPS) + b


def _spread(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
  """`conv` of x with zeros between its rows and columns."""
  batch, height, width, channels = x.shape
  size = len(w)
  # Input i lies at 2 i + k / 2: tap t of output o then reads place o + t.
  wide = np.zeros(
    (batch, 2 * height + size, 2 * width + size, channels), x.dtype
  )
  n = size // 2
  wide[:, n : n + 2 * height : 2, n : n + 2 * width : 2] = x
  windows = np.lib.stride_tricks.sliding_window_view(wide, (size, size), (1, 2))
  y = np.tensordot(windows, w, _TAPS) + b
  return y[:, : 2 * height, : 2 * width]


def _normalized(x: np.ndarray) -> np.ndarray:
  variance = x.var(-1, keepdims=True)
  return (x - x.mean(-1, keepdims=True)) / np.sqrt(variance + dense.EPSILON)


def _nearest(x: np.ndarray, values: np.ndarray) -> np.ndarray:
  chosen = np.abs(x[:, :, None] - values).argmin(-1)
  return values[np.arange(len(values)), chosen]


def _category(x: np.ndarray, count: int) -> np.ndarray:
  split = x.shape[1] - count
  one_hot = np.eye(count, dtype=x.dtype)[x[:, split:].argmax(-1)]
  return np.concatenate([x[:, :split], one_hot], -1)


OPERATIONS: Mapping[str, Callable[..., np.ndarray]] = {
  'dense': lambda x, w, b: x @ w + b,
  'relu': lambda x: np.maximum(x, 0),
  'tanh': np.tanh,
  'normalize': _normalized,
  'sigmoid': lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
  'reshape': lambda x, *shape: x.reshape(len(x), *shape),
  'pad': lambda x, top, bottom, left, right: np.pad(
    x, ((0, 0), (top, bottom), (left, right), (0, 0))
  ),
  'crop': lambda x, top, left, height, width: x[
    :, top : top + height, left : left + width
  ],
  'conv': _convolved,
  'conv_transpose': _spread,
  'nearest': _nearest,
  'category': _category,
}
