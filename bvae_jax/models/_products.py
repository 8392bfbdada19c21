"""Stride-2 convolutions as matmuls in blocks of images that fit the cache.

A k x k convolution of stride 2 ('down') and its transpose ('up') are one
bilinear map read in two directions, so three products serve both layers:

  down(x, w)             y = patches(x) w    forward, or x-gradient of 'up'
  up(y, w)               x = scatter(y w^T)  x-gradient, or forward of 'up'
  kernel_gradient(x, y)  w = (y^T patches(x))^T

They are plain matmuls, so vmap over the members of a population batches them,
where `lax.conv` would become a grouped convolution, slow on every backend: on
an H200 a training step of `conv_locatello` at batch 64 takes one member 2.5 ms
with `lax.conv` and 0.57 with these, sixteen 26 and 3.5.

What the three formulas gain, for 64 images [32, 32, 32] and a kernel
[4, 4, 32, 32] on one core of an EPYC with AVX-512, CPU ms (matmul alone: 2.7):
  down: 4.2, against 20 with the patches of all images at once, 4.9 with them
    concatenated instead of stacked; `lax.conv` takes 2.5.
  up: 3.2, against 3.7 as down of the padded y, 20 for a dilated `lax.conv`.
  kernel_gradient: 4.4, against 15 as patches(x)^T y, which XLA also makes of
    (y^T patches(x))^T unless a barrier stands before the transpose.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

# What the patches of a block may take on CPU; 0.5 to 8 MiB are alike.
_CACHE_BYTES = 4 << 20


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


def down(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """[B, 2H, 2W, C], [k, k, C, F] -> [B, H, W, F]."""
  return _patches(x, len(kernel)) @ kernel.reshape(-1, kernel.shape[-1])


def up(y: jax.Array, kernel: jax.Array) -> jax.Array:
  """[B, H, W, F], [k, k, C, F] -> [B, 2H, 2W, C], the transpose of down."""
  size, _, channels, features = kernel.shape
  n = size // 2
  batch, height, width, _ = y.shape
  taps = y @ kernel.reshape(-1, features).T
  taps = taps.reshape(batch, height, width, n, 2, n, 2, channels)
  x: Any = 0
  for row in range(n):
    for column in range(n):
      rows, columns = (row, n - 1 - row), (column, n - 1 - column)
      pads = [(0, 0), rows, columns, (0, 0), (0, 0), (0, 0)]
      x += jnp.pad(taps[:, :, :, row, :, column], pads)
  x = x.transpose(0, 1, 3, 2, 4, 5)
  x = x.reshape(batch, 2 * (height + n - 1), 2 * (width + n - 1), channels)
  return x[:, n - 1 : n - 1 + 2 * height, n - 1 : n - 1 + 2 * width]


def kernel_gradient(x: jax.Array, y: jax.Array, size: int) -> jax.Array:
  """[B, 2H, 2W, C], [B, H, W, F] -> [size * size * C, F], narrow^T wide."""
  x = _patches(x, size)
  x, y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
  if x.shape[-1] < y.shape[-1]:
    return x.T @ y
  return lax.optimization_barrier(y.T @ x).T


def block_size(
  small: jax.Array, kernel: jax.Array, stored: bool = False
) -> int:
  """Images to a block, from the smaller of a layer's input and output.

  The one place that knows of backends: beside a CPU's caches, all at once.

  Args:
    small: that one.
    kernel: of the layer.
    stored: whether what comes out must not be computed anew inside of whoever
      reads it, so that a CPU has two blocks at least: what leaves a loop is
      stored. The Bernoulli likelihood summed the shifts of `up` for each of
      its terms: a step of `benchmarks.training --only=conv_locatello` took 77
      ms in place of 73 (AMD EPYC).
  """
  batch, height, width, _ = small.shape
  if jax.default_backend() != 'cpu':
    return batch
  taps = kernel[..., 0].size
  bytes_per_image = height * width * taps * small.dtype.itemsize
  block = min(batch, max(1, _CACHE_BYTES // bytes_per_image))
  return min(block, -(-batch // 2)) if stored else block


def in_blocks(function: Callable, block: int, *arrays: jax.Array) -> Any:
  """Maps a function of `block` images over arrays [B, ...] of the same B.

  Returns what it returns, stacked [blocks, ...]; zeros fill the last block.
  """
  batch = len(arrays[0])
  blocks = -(-batch // block)

  def split(x: jax.Array) -> jax.Array:
    x = jnp.pad(x, [(0, blocks * block - batch)] + [(0, 0)] * (x.ndim - 1))
    return x.reshape(blocks, block, *x.shape[1:])

  if blocks == 1:
    return jax.tree.map(lambda y: y[None], function(*arrays))
  return lax.map(lambda xs: function(*xs), tuple(map(split, arrays)))


def join(x: jax.Array, batch: int) -> jax.Array:
  return x.reshape(-1, *x.shape[2:])[:batch]


def rectify(x: jax.Array, relu: bool) -> jax.Array:
  return jnp.maximum(x, 0) if relu else x
