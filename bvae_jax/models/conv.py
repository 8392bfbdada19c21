"""Convolutions of stride 2 as layers: values, and derivatives of any order.

The formulas are those of `_products`; reverse mode has its own, in the same
blocks of images.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

from bvae_jax.models import _products, _tangents


@functools.partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def _layer(
  x: jax.Array, kernel: jax.Array, bias: jax.Array, transposed: bool, relu: bool
) -> jax.Array:
  """down or up of x [B, H, W, ...], with a kernel [k, k, C, F] of down."""
  product = _products.up if transposed else _products.down
  small = x if transposed else x[:, ::2, ::2]
  y = _products.in_blocks(
    lambda x: product(_products.rectify(x, relu), kernel) + bias,
    _products.block_size(small, kernel, stored=transposed),
    x,
  )
  return _products.join(y, len(x))


@_layer.defjvp
def _layer_jvp(
  transposed: bool, relu: bool, primals: tuple, tangents: tuple
) -> tuple[jax.Array, jax.Array]:
  y = _layer(*primals, transposed, relu)
  operands = (*primals[:2], *tangents)
  return y, _tangent_p.bind(*operands, transposed=transposed, relu=relu)


def _tangent(
  x: jax.Array,
  kernel: jax.Array,
  dx: jax.Array,
  dkernel: jax.Array,
  dbias: jax.Array,
  *,
  transposed: bool,
  relu: bool,
) -> jax.Array:
  """The derivative of `_layer` at (x, kernel) along (dx, dkernel, dbias)."""
  product = _products.up if transposed else _products.down
  small = x if transposed else x[:, ::2, ::2]

  def along(x: jax.Array, dx: jax.Array) -> jax.Array:
    dx = jnp.where(x > 0, dx, 0) if relu else dx
    moved = product(_products.rectify(x, relu), dkernel) + dbias
    return moved + product(dx, kernel)

  return _products.join(
    _products.in_blocks(along, _products.block_size(small, kernel), x, dx),
    len(x),
  )


def _gradients(
  g: jax.Array, x: jax.Array, kernel: jax.Array, *, transposed: bool, relu: bool
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """The transpose of `_tangent`: of x, kernel, bias from g like y."""

  def backward(x: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
    product = _products.down if transposed else _products.up
    rectified = _products.rectify(x, relu)
    large, small = (g, rectified) if transposed else (rectified, g)
    x_gradient = product(g, kernel)
    if relu:
      x_gradient = jnp.where(x > 0, x_gradient, 0)
    return (
      x_gradient,
      _products.kernel_gradient(large, small, len(kernel)),
      g.sum((0, 1, 2)),
    )

  block = _products.block_size(x if transposed else g, kernel)
  x_gradient, kernel_gradient, bias_gradient = _products.in_blocks(
    backward, block, x, g
  )
  return (
    _products.join(x_gradient, len(x)),
    kernel_gradient.sum(0).reshape(kernel.shape),
    bias_gradient.sum(0),
  )


_tangent_p = _tangents.primitive('conv_tangent', _tangent, _gradients)


def _check(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> None:
  if (
    x.ndim != 4
    or kernel.ndim != 4
    or kernel.shape[0] != kernel.shape[1]
    or kernel.shape[0] % 2
    or kernel.shape[2] != x.shape[3]
    or bias.shape != kernel.shape[3:]
  ):
    raise ValueError(
      'expected images [B, H, W, C], a kernel [k, k, C, F] with even k and a '
      f'bias [F], got {x.shape}, {kernel.shape} and {bias.shape}'
    )


def conv(
  x: jax.Array, kernel: jax.Array, bias: jax.Array, *, relu: bool = False
) -> jax.Array:
  """Convolution of stride 2 with 'SAME' padding and an even kernel.

  y[i, j] = b + sum_{u, v} x[2 i + u - p, 2 j + v - p] w[u, v], p = k / 2 - 1

  Args:
    x: images [B, H, W, C] with even H and W.
    kernel: weights [k, k, C, F] with even k.
    bias: [F].
    relu: whether max(x, 0) is read in place of x; so fused, it costs nothing.

  Returns:
    [B, H / 2, W / 2, F].

  Raises:
    ValueError: if shapes do not fit, a side is odd or k is odd.
  """
  _check(x, kernel, bias)
  if x.shape[1] % 2 or x.shape[2] % 2:
    raise ValueError(f'stride 2 needs even image sides, got {x.shape}')
  return _layer(x, kernel, bias, False, relu)


def conv_transpose(
  x: jax.Array, kernel: jax.Array, bias: jax.Array, *, relu: bool = False
) -> jax.Array:
  """Transposed convolution of stride 2, 'SAME' as in `lax.conv_transpose`.

  y[o] = b + sum_{2 i = o + t - k / 2} x[i] w[t], along rows and columns.

  Args:
    x: images [B, H, W, C].
    kernel: weights [k, k, C, F] with even k.
    bias: [F].
    relu: whether max(x, 0) is read in place of x; so fused, it costs nothing.

  Returns:
    [B, 2 H, 2 W, F].

  Raises:
    ValueError: if shapes do not fit or k is odd.
  """
  _check(x, kernel, bias)
  return _layer(x, kernel[::-1, ::-1].swapaxes(2, 3), bias, True, relu)


class Conv(nn.Module):
  """`conv` with the parameters of `nn.Conv`: kernel [k, k, C, F], bias [F]."""

  features: int
  size: int = 4
  relu: bool = False

  function = staticmethod(conv)

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (self.size, self.size, x.shape[-1], self.features)
    init = nn.initializers
    kernel = self.param('kernel', init.glorot_uniform(), shape, float)
    bias = self.param('bias', init.zeros, shape[-1:], float)
    return self.function(x, kernel, bias, relu=self.relu)


class ConvTranspose(Conv):
  """`conv_transpose` with the parameters of `nn.ConvTranspose`."""

  function = staticmethod(conv_transpose)
