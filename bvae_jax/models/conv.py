"""Stride-2 convolutions as patches and matmul, in blocks of images.

A k x k convolution of stride 2 ('down') and its transpose ('up') are one
bilinear map read in two directions, so three products serve both layers:

  down(x, w)     y = patches(x) w          forward / input gradient of 'up'
  up(y, w)       x = patches^T (y w^T)     input gradient / forward of 'up'
  kernel(x, y)   w = (y^T patches(x))^T    weight gradient of both

They are plain matmuls, so vmap over population members batches them, where
`lax.conv` would turn into a grouped convolution, slow on every backend.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax


def _block_size(batch: int) -> int:
  """Images to a block: few enough for the cache on CPU, else all at once."""
  return min(8, batch) if jax.default_backend() == 'cpu' else batch


def _patches(x: jax.Array, size: int) -> jax.Array:
  """[B, 2H, 2W, C] -> [B, H, W, size * size * C], order (row, column, C)."""
  n = size // 2
  x = jnp.pad(x, ((0, 0), (n - 1, n - 1), (n - 1, n - 1), (0, 0)))
  batch, height, width, channels = x.shape
  h, w = height // 2 - n + 1, width // 2 - n + 1
  x = x.reshape(batch, height // 2, 2, width // 2, 2 * channels)
  # Stacked, not concatenated: XLA fuses slices only into a join of outer axes.
  pairs = [
    x[:, row // 2 : row // 2 + h, row % 2, column : column + w]
    for row in range(size)
    for column in range(n)
  ]
  return jnp.stack(pairs, axis=3).reshape(batch, h, w, size * size * channels)


def _down(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """[B, 2H, 2W, C], [k, k, C, F] -> [B, H, W, F]."""
  patches = _patches(x, kernel.shape[0])
  return patches @ kernel.reshape(-1, kernel.shape[-1])


def _up(y: jax.Array, kernel: jax.Array) -> jax.Array:
  """[B, H, W, F], [k, k, C, F] -> [B, 2H, 2W, C], the transpose of down."""
  size, _, channels, features = kernel.shape
  n = size // 2
  batch, height, width, _ = y.shape
  taps = y @ kernel.reshape(-1, features).T
  taps = taps.reshape(batch, height, width, n, 2, n, 2, channels)
  x = 0
  for row in range(n):
    for column in range(n):
      rows, columns = (row, n - 1 - row), (column, n - 1 - column)
      pads = [(0, 0), rows, columns, (0, 0), (0, 0), (0, 0)]
      x += jnp.pad(taps[:, :, :, row, :, column], pads)
  x = x.transpose(0, 1, 3, 2, 4, 5)
  x = x.reshape(batch, 2 * (height + n - 1), 2 * (width + n - 1), channels)
  return x[:, n - 1 : n - 1 + 2 * height, n - 1 : n - 1 + 2 * width]


def _kernel_gradient(x: jax.Array, y: jax.Array, size: int) -> jax.Array:
  """[B, 2H, 2W, C], [B, H, W, F] -> [F, k * k * C]."""
  channels, features = x.shape[-1], y.shape[-1]
  patches = _patches(x, size).reshape(-1, size * size * channels)
  return y.reshape(-1, features).T @ patches


def _in_blocks(function, *arrays: jax.Array):
  """Maps a function of blocks of images over arrays [B, ...] of the same B."""
  batch = arrays[0].shape[0]
  block = _block_size(batch)
  blocks = -(-batch // block)

  def split(x):
    x = jnp.pad(x, [(0, blocks * block - batch)] + [(0, 0)] * (x.ndim - 1))
    return x.reshape(blocks, block, *x.shape[1:])

  return lax.map(lambda xs: function(*xs), tuple(map(split, arrays)))


def _join(x: jax.Array, batch: int) -> jax.Array:
  return x.reshape(-1, *x.shape[2:])[:batch]


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _layer(x, kernel, bias, transposed, relu):
  """One layer; kernel [k, k, C, F] as 'down' reads it."""
  product = _up if transposed else _down

  def forward(x):
    y = product(x, kernel) + bias
    return jnp.maximum(y, 0) if relu else y

  return _join(_in_blocks(forward, x), x.shape[0])


def _layer_forward(x, kernel, bias, transposed, relu):
  y = _layer(x, kernel, bias, transposed, relu)
  return y, (x, kernel, y if relu else None)


def _layer_backward(transposed, relu, residuals, g):
  x, kernel, y = residuals

  def backward(x, g, *y):
    g = jnp.where(y[0] > 0, g, 0) if relu else g
    if transposed:
      x_gradient = _down(g, kernel)
      kernel_gradient = _kernel_gradient(g, x, kernel.shape[0])
    else:
      x_gradient = _up(g, kernel)
      kernel_gradient = _kernel_gradient(x, g, kernel.shape[0])
    return x_gradient, kernel_gradient, g.sum((0, 1, 2))

  arrays = (x, g, y) if relu else (x, g)
  x_gradient, kernel_gradient, bias_gradient = _in_blocks(backward, *arrays)
  return (
    _join(x_gradient, x.shape[0]),
    kernel_gradient.sum(0).T.reshape(kernel.shape),
    bias_gradient.sum(0),
  )


_layer.defvjp(_layer_forward, _layer_backward)


def _check(x: jax.Array, kernel: jax.Array, bias: jax.Array, even: bool):
  size, width, channels, features = kernel.shape
  if size != width or size % 2 or x.ndim != 4 or x.shape[-1] != channels:
    raise ValueError(
      'expected images [B, H, W, C] and an even square kernel [k, k, C, F], '
      f'got {x.shape} and {kernel.shape}'
    )
  if bias.shape != (features,):
    raise ValueError(f'bias {bias.shape} does not fit kernel {kernel.shape}')
  if even and (x.shape[1] % 2 or x.shape[2] % 2):
    raise ValueError(f'stride 2 needs even image sides, got {x.shape}')


def conv(
  x: jax.Array, kernel: jax.Array, bias: jax.Array, *, relu: bool = False
) -> jax.Array:
  """Convolution of stride 2, 'SAME' padding, an even kernel, and its bias.

  y[i, j] = b + sum_{u, v} x[2 i + u - p, 2 j + v - p] w[u, v], p = k / 2 - 1

  Args:
    x: images [B, H, W, C] with even H and W.
    kernel: weights [k, k, C, F] with even k.
    bias: [F].
    relu: whether max(y, 0) is returned.

  Returns:
    [B, H / 2, W / 2, F].

  Raises:
    ValueError: if shapes do not fit, sides are odd or k is odd.
  """
  _check(x, kernel, bias, even=True)
  return _layer(x, kernel, bias, False, relu)


def conv_transpose(
  x: jax.Array, kernel: jax.Array, bias: jax.Array, *, relu: bool = False
) -> jax.Array:
  """Transposed convolution of stride 2 as `lax.conv_transpose`, and its bias.

  y[o] = b + sum_{2 i = o + t - k / 2} x[i] w[t], along rows and columns.

  Args:
    x: images [B, H, W, C].
    kernel: weights [k, k, C, F] with even k.
    bias: [F].
    relu: whether max(y, 0) is returned.

  Returns:
    [B, 2 H, 2 W, F].

  Raises:
    ValueError: if shapes do not fit or k is odd.
  """
  _check(x, kernel, bias, even=False)
  kernel = kernel[::-1, ::-1].swapaxes(2, 3)
  return _layer(x, kernel, bias, True, relu)


class Conv(nn.Module):
  """`conv` with the parameters of `nn.Conv`: kernel [k, k, C, F], bias [F]."""

  features: int
  size: int = 4
  relu: bool = False

  function = staticmethod(conv)

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (self.size, self.size, x.shape[-1], self.features)
    kernel = self.param(
      'kernel', nn.initializers.glorot_uniform(), shape, float
    )
    bias = self.param('bias', nn.initializers.zeros, shape[-1:], float)
    return self.function(x, kernel, bias, relu=self.relu)


class ConvTranspose(Conv):
  """`conv_transpose` with the parameters of `nn.ConvTranspose`."""

  function = staticmethod(conv_transpose)
