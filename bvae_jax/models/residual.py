"""Residual networks of Tripod, smooth throughout.

A layer is gelu(n(conv(x)) (1 + s) + t) of a 3x3 convolution, where n makes each
channel of an image mean 0 and variance 1; s and t are learned in the encoder,
and in the decoder they are linear in a style that two dense layers make of the
latents. A block adds two such layers to its input.

Source: Hsu et al. 2024 (arXiv:2404.10282), as in the authors' code, but for the
bias before n, which n takes away again.
"""

import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from bvae_jax.models import padding
from bvae_jax.models.dense import keep_hidden

_STYLE = 256  # width of the style
EPSILON = 1e-5  # added to variances
_LayerNorm = functools.partial(nn.LayerNorm, epsilon=EPSILON, param_dtype=float)
InstanceNorm = functools.partial(
  nn.InstanceNorm, epsilon=EPSILON, param_dtype=float, use_fast_variance=False
)


def uniform_init(fan_in: int) -> Callable:
  """Initial weights and biases, uniform between -1 / sqrt(fan_in) and that."""

  def draw(key: jax.Array, shape: Sequence[int], dtype: type) -> jax.Array:
    bound = fan_in**-0.5
    return jax.random.uniform(key, tuple(shape), dtype, -bound, bound)

  return draw


class Conv(nn.Module):
  """Convolution of stride 1, 'SAME', of odd size: [B, H, W, C] -> [..., F].

  A sum of matmuls, as in `_products`: the gradients of `lax.conv` are slow on
  CPUs, and so is its vmap over members everywhere.

  Attributes:
    features: F.
    size: of the kernel [pixels], odd.
    bias: whether a bias [F] is added.
  """

  features: int
  size: int
  bias: bool = True

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    *_, height, width, channels = x.shape
    init = uniform_init(self.size**2 * channels)
    shape = (self.size, self.size, channels, self.features)
    kernel = self.param('kernel', init, shape, float)
    n = self.size // 2
    x = jnp.pad(x, ((0, 0), (n, n), (n, n), (0, 0)))
    places = itertools.product(range(self.size), repeat=2)
    y = functools.reduce(
      jnp.add,
      [x[:, u : u + height, v : v + width] @ kernel[u, v] for u, v in places],
    )
    if not self.bias:
      return y
    return y + self.param('bias', init, (self.features,), float)


def dense(x: jax.Array, features: int) -> jax.Array:
  """A dense layer of the module that calls it, with `uniform_init`."""
  init = uniform_init(x.shape[-1])
  return nn.Dense(
    features, kernel_init=init, bias_init=init, param_dtype=float
  )(x)


def _smooth(x: jax.Array, features: int) -> jax.Array:
  """A dense layer, normalised, with its activation."""
  return nn.gelu(_LayerNorm()(dense(x, features)))


class Block(nn.Module):
  """Two layers added to their input, which passes a 1x1 one if need be."""

  features: int

  @nn.compact
  def __call__(self, x: jax.Array, style: jax.Array | None = None) -> jax.Array:
    y, plain = x, style is None
    for _ in range(2):
      y = Conv(self.features, 3, bias=False)(y)
      y = InstanceNorm(use_bias=plain, use_scale=plain)(y)
      if style is not None:
        moves = dense(style, 2 * self.features)[:, None, None]
        scale, shift = jnp.split(moves, 2, axis=-1)
        y = y * (1 + scale) + shift
      y = nn.gelu(y)
    if x.shape[-1] != self.features:
      x = Conv(self.features, 1)(x)
    return x + y


class ResidualTrunk(nn.Module):
  """Images [B, H, W, C] in [0, 1] -> features [B, features[-1]].

  Two blocks, then 2 x 2 pixels side by side as channels under a 1x1
  convolution; four times. The mean over what is left passes a dense layer.

  Attributes:
    features: channels of the blocks, and of what comes after them.
  """

  features: Sequence[int] = (32, 64, 128, 256, 512)
  normalized = True  # before its activation: no `Coder` need do it
  smallest = padding.SMALLEST

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    x = 2 * padding.pad(images) - 1
    for features, wider in itertools.pairwise(self.features):
      for _ in range(2):
        x = Block(features)(x)
      batch, height, width, channels = x.shape
      x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
      x = x.transpose(0, 1, 3, 2, 4, 5)
      x = x.reshape(batch, height // 2, width // 2, 4 * channels)
      x = Conv(wider, 1)(x)
    return _smooth(x.mean((1, 2)), self.features[-1])


class ResidualDecoder(nn.Module):
  """Latents [B, D] -> logits [B, H, W, C].

  From a learned constant, two blocks that the style moves, then each pixel
  twice along both axes under a 3x3 convolution; four times. It draws the next
  multiples of 16 and keeps the middle, H x W.

  Attributes:
    image_shape: (H, W, C).
    features: channels of the blocks.
  """

  image_shape: Sequence[int] = (64, 64, 1)
  features: Sequence[int] = (512, 256, 128, 64)
  smallest = padding.SMALLEST

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    *sides, channels = self.image_shape
    small = [padding.padded_side(s) // padding.MULTIPLE for s in sides]
    shape = (*small, self.features[0])
    x = self.param('constant', nn.initializers.ones, shape, float)
    x = jnp.broadcast_to(x, (len(z), *shape))
    style = _smooth(_smooth(z, _STYLE), _STYLE)
    keep_hidden(self, style)
    for i, features in enumerate(self.features):
      if i:
        keep_hidden(self, x)
      for _ in range(2):
        x = Block(features)(x, style)
      narrower = (*self.features, channels)[i + 1]
      x = Conv(narrower, 3)(x.repeat(2, axis=1).repeat(2, axis=2))
    return padding.crop(x, self.image_shape)
