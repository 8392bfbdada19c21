"""Decoders p(x | z): latents [B, D] -> logits [B, H, W, C]."""

import functools
import math
from collections.abc import Sequence

import jax
from flax import linen as nn

from bvae_jax import shipped
from bvae_jax.models import padding
from bvae_jax.models.conv import ConvTranspose
from bvae_jax.models.dense import (
  MLP,
  Dense,
  check_image_shape,
  keep_hidden,
  lookup,
)
from bvae_jax.models.residual import ResidualDecoder
from bvae_jax.models.styled import StyledDecoder


class DeconvDecoder(nn.Module):
  """Dense layers, then four transposed convolutions 4x4 of stride 2.

  ReLU between all of them. It draws the next multiples of 16 and keeps the
  middle, H x W.

  Attributes:
    image_shape: (H, W, C).
    features: channels of all but the last transposed convolution.
    widths: of the dense layers but the last, which makes the first image.
  """

  image_shape: Sequence[int] = (64, 64, 1)
  features: Sequence[int] = (64, 32, 32)
  widths: Sequence[int] = (256,)
  smallest = padding.SMALLEST

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    height, width, channels = self.image_shape
    rows, columns = (
      padding.padded_side(side) // padding.MULTIPLE for side in (height, width)
    )
    shape = (rows, columns, self.features[0])
    x = Dense(math.prod(shape))(MLP(self.widths)(z)).reshape(-1, *shape)
    for features in self.features:
      x = ConvTranspose(features, relu=True)(x)
      keep_hidden(self, x)
    x = ConvTranspose(channels, relu=True)(x)
    return padding.crop(x, self.image_shape)


class MLPDecoder(nn.Module):
  """Dense layers with an activation, and one of logits.

  Attributes:
    image_shape: (H, W, C).
    widths: of the layers before the last.
    activation: a name in `flax.linen`.
  """

  image_shape: Sequence[int] = (64, 64, 1)
  widths: Sequence[int] = (1200, 1200, 1200)
  activation: str = 'tanh'

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    x = MLP(self.widths, getattr(nn, self.activation))(z)
    x = Dense(math.prod(self.image_shape))(x)
    return x.reshape(-1, *self.image_shape)


# deconv_locatello: Locatello et al. 2019 (arXiv:1811.12359), appendix.
# deconv_burgess32: Burgess et al. 2018 (arXiv:1804.03599), appendix A.1.
# mlp_higgins: Higgins et al. 2017 (beta-VAE), table of appendix A, 2D shapes:
#   1200, 1200, 1200 with tanh, where its encoder has ReLU.
# residual_hsu: Hsu et al. 2024 (Tripod, arXiv:2404.10282).
# styled_hsu: Hsu et al. 2023 (QLAE, arXiv:2305.18378).
# mlp_small_tanh: for objectives that look at curvature, which ReLU has none of.
DECODERS = {
  'deconv_locatello': DeconvDecoder,
  'deconv_burgess32': functools.partial(
    DeconvDecoder, features=(32, 32, 32), widths=(256, 256)
  ),
  'mlp_higgins': MLPDecoder,
  'mlp_small': functools.partial(
    MLPDecoder, widths=(128, 256), activation='relu'
  ),
  'mlp_small_tanh': functools.partial(MLPDecoder, widths=(128, 256)),
  'residual_hsu': ResidualDecoder,
  'styled_hsu': StyledDecoder,
}
shipped.keep(DECODERS)


def make_decoder(name: str, image_shape: Sequence[int]) -> nn.Module:
  """The decoder of this name for images of this shape.

  Args:
    name: in `DECODERS`.
    image_shape: (H, W, C).

  Raises:
    ValueError: if the name is unknown or the network cannot make the images.
  """
  decoder = lookup('decoder', name, DECODERS)(image_shape=tuple(image_shape))
  check_image_shape(name, image_shape, getattr(decoder, 'smallest', 1))
  return decoder
