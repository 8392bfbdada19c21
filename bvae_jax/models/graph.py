"""A network as a list of layers, for whoever runs it without Flax.

`evaluate(layers, x)` is what a list means, in NumPy; `graph_of` reads one off a
module.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bvae_jax.models import dense


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
  """One operation on what layers before it gave, [B, ...].

  Images are [B, H, W, C]; B is 1 of what is alike for every example.

  dense: x w + b over the last axis, with w [I, O].
  relu, leaky_relu, gelu, tanh, sigmoid: of each element; max(x, x / 5), and
    x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
  add, multiply: x and y, as NumPy broadcasts; y is a second input, or a weight.
  constant: its weight, of no input.
  normalize: (x - mean) / sqrt(variance + 1e-6), both over the last axis.
  instance_norm: the same over the pixels of each channel, times w [C], plus b.
  mean: over the pixels, [B, H, W, C] -> [B, C].
  reshape: each example to `shape`, in C order.
  pad: zeros around an image; `shape` is (top, bottom, left, right).
  crop: a window of an image; `shape` is (top, left, height, width).
  conv: w [k, k, C, F], p = ceil(k / 2) - 1, stride s = 2 of even k, 1 of odd k:
    y[i, j] = b + sum_{u, v} x[s i + u - p, s j + v - p] w[u, v]
  conv_transpose: stride 2, w [k, k, C, F] with even k, along both axes:
    y[o] = b + sum_{2 i = o + t - k / 2} x[i] w[t]
  nearest: of each of D numbers the nearest of its values; the weights are those
    alone, [D, V].
  category: the last columns, as many as `shape` (C,) says, one-hot: 1 at the
    largest.

  Attributes:
    operation: one of `OPERATIONS`.
    weights: (w, b), (w,) or none.
    shape: what `reshape`, `pad`, `crop` and `category` need.
    inputs: how far back the outputs lie that it reads, -1 that of the layer
      before; before the first layer lies what the network is given.
  """

  operation: str
  weights: tuple[np.ndarray, ...] = ()
  shape: tuple[int, ...] = ()
  inputs: tuple[int, ...] = (-1,)


Layers = list[Layer]


def evaluate(layers: Sequence[Layer], x: np.ndarray) -> np.ndarray:
  """The output of a list of layers for x [B, ...], in the precision of x.

  Raises:
    KeyError: an operation that is none.
  """
  outputs = [x]
  for layer in layers:
    read = [outputs[place] for place in layer.inputs]
    weights = [w.astype(x.dtype) for w in layer.weights]
    apply = OPERATIONS[layer.operation]
    outputs.append(apply(*read, *weights, *layer.shape))
  return outputs[-1]


_TAPS = ((4, 5, 3), (0, 1, 2))  # of windows [B, H, W, C, k, k] and of w


def _convolved(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
  size = len(w)
  p, stride = (size - 1) // 2, 2 - size % 2
  x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
  windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))
  return np.tensordot(windows[:, ::stride, ::stride], w, _TAPS) + b


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


def _normalized(x: np.ndarray, axes: int | tuple[int, ...]) -> np.ndarray:
  variance = x.var(axes, keepdims=True)
  return (x - x.mean(axes, keepdims=True)) / np.sqrt(variance + dense.EPSILON)


def _gelu(x: np.ndarray) -> np.ndarray:
  return x / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))


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
  'leaky_relu': lambda x: np.maximum(x, x / 5),
  'gelu': _gelu,
  'tanh': np.tanh,
  'sigmoid': lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
  'add': np.add,
  'multiply': np.multiply,
  'constant': lambda w: w[None],
  'normalize': lambda x: _normalized(x, -1),
  'instance_norm': lambda x, w, b: _normalized(x, (1, 2)) * w + b,
  'mean': lambda x: x.mean((1, 2)),
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
