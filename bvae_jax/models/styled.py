"""Networks of QLAE: an encoder of twelve convolutions, a styled decoder.

Both go through four resolutions, at each of which two 3x3 convolutions and one
4x4 of stride 2 have the same channels, and no biases. In the encoder each is
followed by an instance norm with learned scales, and a leaky ReLU. In the
decoder, which begins with a learned constant, a layer is
n(leaky(conv(x))) relu(s) + relu(t), where n makes each channel of an image mean
0 and variance 1, and s and t are linear in a style that two dense layers make
of the latents.

Source: Hsu et al. 2023 (arXiv:2305.18378), as in the authors' code.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from bvae_jax.models import conv, padding
from bvae_jax.models.dense import keep_hidden
from bvae_jax.models.residual import Conv, InstanceNorm, dense, uniform_init

_WIDTH = 256  # of both dense layers, and so of the style
_leaky = functools.partial(nn.leaky_relu, negative_slope=0.2)
_Norm = functools.partial(InstanceNorm, epsilon=1e-6)


def _dense_stack(x: jax.Array) -> jax.Array:
  """[B, ...] -> [B, _WIDTH], ReLU after both layers."""
  x = x.reshape(len(x), -1)
  return nn.relu(dense(nn.relu(dense(x, _WIDTH)), _WIDTH))


class _Resized(nn.Module):
  """4x4, stride 2, no bias: [B, H, W, C] -> [B, H / 2, W / 2, F].

  Attributes:
    features: F.
    transposed: whether it doubles the sides instead.
  """

  features: int
  transposed: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (4, 4, x.shape[-1], self.features)
    kernel = self.param('kernel', uniform_init(16 * x.shape[-1]), shape, float)
    layer = conv.conv_transpose if self.transposed else conv.conv
    return layer(x, kernel, jnp.zeros(self.features, kernel.dtype))


def _convolutions(features: int, transposed: bool = False) -> list[nn.Module]:
  """Those of one resolution."""
  plain = [Conv(features, 3, bias=False) for _ in range(2)]
  return [*plain, _Resized(features, transposed)]


class StyledTrunk(nn.Module):
  """Images [B, H, W, C] in [0, 1] -> features [B, 256].

  Zeros around the image make H and W multiples of 16.

  Attributes:
    features: channels of the convolutions at each resolution.
  """

  features: Sequence[int] = (32, 64, 128, 256)
  # The last norm needs more than one pixel, of which nothing would be left.
  smallest = padding.MULTIPLE + 1

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    x = padding.pad(images)
    for features in self.features:
      for layer in _convolutions(features):
        x = _leaky(_Norm()(layer(x)))
    return _dense_stack(x)


class StyledDecoder(nn.Module):
  """Latents [B, D] -> logits [B, H, W, C].

  A 3x3 convolution makes them of the last resolution. It draws the next
  multiples of 16 and keeps the middle, H x W.

  Attributes:
    image_shape: (H, W, C).
    features: channels of the convolutions at each resolution.
  """

  image_shape: Sequence[int] = (64, 64, 1)
  features: Sequence[int] = (256, 128, 64, 32)
  smallest = padding.MULTIPLE + 1

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    *sides, channels = self.image_shape
    small = [padding.padded_side(s) // padding.MULTIPLE for s in sides]
    shape = (*small, self.features[0])
    x = self.param('constant', nn.initializers.constant(0.1), shape, float)
    x = jnp.broadcast_to(x, (len(z), *shape))
    style = _dense_stack(z)
    keep_hidden(self, style)
    for features in self.features:
      for layer in _convolutions(features, transposed=True):
        x = _Norm(use_bias=False, use_scale=False)(_leaky(layer(x)))
        moves = nn.relu(dense(style, 2 * features))[:, None, None]
        scale, shift = jnp.split(moves, 2, axis=-1)
        x = x * scale + shift
      keep_hidden(self, x)
    return padding.crop(Conv(channels, 3, bias=False)(x), self.image_shape)
