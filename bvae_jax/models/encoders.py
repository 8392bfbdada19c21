"""Encoders q(z | x): a trunk of features, then heads for mean and logvar."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from bvae_jax import shipped
from bvae_jax.models import padding
from bvae_jax.models.conv import Conv
from bvae_jax.models.dense import (
  MLP,
  Dense,
  check_image_shape,
  lookup,
  normalized,
)
from bvae_jax.models.residual import ResidualTrunk
from bvae_jax.models.styled import StyledTrunk


class ConvTrunk(nn.Module):
  """Four convolutions of stride 2, then dense layers, ReLU after each.

  [B, H, W, C] -> [B, widths[-1]]; zeros around the image make H and W multiples
  of 16.

  Attributes:
    sizes: of the kernels [pixels], even.
    features: channels of each convolution.
    widths: of the dense layers.
  """

  sizes: Sequence[int]
  features: Sequence[int] = (32, 32, 64, 64)
  widths: Sequence[int] = (256,)
  smallest = padding.SMALLEST

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    x = padding.pad(images)
    for layer, features in enumerate(self.features):
      x = Conv(features, self.sizes[layer], relu=layer > 0)(x)
    return MLP(self.widths)(nn.relu(x))


def _features(trunk: nn.Module, images: jax.Array) -> jax.Array:
  """The trunk's features [B, F], which the heads are given."""
  features = trunk(images)
  if features.ndim != 2:
    raise ValueError(
      f'{type(trunk).__name__}: the features of a trunk must be [B, F], got '
      f'{features.shape}; flatten them'
    )
  return features


class Encoder(nn.Module):
  """Images [B, H, W, C] in [0, 1] -> mean [B, D], logvar [B, D].

  Attributes:
    trunk: images -> features [B, F].
    num_latents: D.
  """

  trunk: nn.Module
  num_latents: int = 10

  @nn.compact
  def __call__(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    features = _features(self.trunk, images)
    mean = Dense(self.num_latents, name='mean')(features)
    logvar = Dense(self.num_latents, name='logvar')(features)
    return mean, logvar


class Coder(nn.Module):
  """Images [B, H, W, C] in [0, 1] -> codes [B, D] that are points.

  Attributes: as of `Encoder`, and
    bounded: whether codes lie in (-1, 1), by a tanh. Their features are then
      normalised over F before the head, unless the trunk has `normalized` them,
      or the mean image, which is learned first, drives all codes to the ends of
      the tanh for good.
  """

  trunk: nn.Module
  num_latents: int = 10
  bounded: bool = False

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    features = _features(self.trunk, images)
    if self.bounded and not getattr(self.trunk, 'normalized', False):
      features = normalized(features)
    codes = Dense(self.num_latents, name='mean')(features)
    return jnp.tanh(codes) if self.bounded else codes


class Critic(nn.Module):
  """The discriminator and Q head of InfoGAN on one trunk.

  Images [B, H, W, C] -> logit [B], mean [B, D], logvar [B, D]
  (Chen et al. 2016, arXiv:1606.03657, section 6 and appendix C).
  """

  trunk: nn.Module
  num_latents: int = 10

  @nn.compact
  def __call__(
    self, images: jax.Array
  ) -> tuple[jax.Array, jax.Array, jax.Array]:
    features = _features(self.trunk, images)
    logit = Dense(1, name='logit')(features)[:, 0]
    mean = Dense(self.num_latents, name='mean')(features)
    logvar = Dense(self.num_latents, name='logvar')(features)
    return logit, mean, logvar


# conv_locatello: Locatello et al. 2019 (arXiv:1811.12359), appendix.
# conv_burgess32: Burgess et al. 2018 (arXiv:1804.03599), appendix A.1.
# conv_burgess: conv_locatello with the 4x4 kernels of that.
# mlp_higgins: Higgins et al. 2017 (beta-VAE), table of appendix A, 2D shapes.
# residual_hsu: Hsu et al. 2024 (Tripod, arXiv:2404.10282).
# conv_hsu: Hsu et al. 2023 (QLAE, arXiv:2305.18378).
TRUNKS = {
  'conv_locatello': ConvTrunk(sizes=(4, 4, 2, 2)),
  'conv_burgess': ConvTrunk(sizes=(4, 4, 4, 4)),
  'conv_burgess32': ConvTrunk((4, 4, 4, 4), (32, 32, 32, 32), (256, 256)),
  'mlp_higgins': MLP((1200, 1200)),
  'mlp_small': MLP((256, 128)),
  'residual_hsu': ResidualTrunk(),
  'conv_hsu': StyledTrunk(),
}
ENCODERS = {
  name: functools.partial(Encoder, trunk) for name, trunk in TRUNKS.items()
}
shipped.keep(ENCODERS)


def make_encoder(
  name: str, num_latents: int, image_shape: Sequence[int]
) -> Encoder:
  """The encoder of this name, checked against images of this shape.

  Args:
    name: in `ENCODERS`.
    num_latents: D.
    image_shape: (H, W, C).

  Raises:
    ValueError: if the name is unknown or the network cannot take the images.
  """
  encoder = lookup('encoder', name, ENCODERS)(num_latents=num_latents)
  trunk = getattr(encoder, 'trunk', None)
  check_image_shape(name, image_shape, getattr(trunk, 'smallest', 1))
  return encoder


def _trunk(
  name: str, num_latents: int, image_shape: Sequence[int]
) -> nn.Module:
  """That of the encoder of this name, checked as `make_encoder` does."""
  encoder = make_encoder(name, num_latents, image_shape)
  if not isinstance(encoder, Encoder):
    raise ValueError(
      f'encoder {name!r} is no trunk under the heads of models.Encoder, and '
      'this objective puts others on it; choose one that is'
    )
  return encoder.trunk


def make_coder(
  name: str, num_latents: int, image_shape: Sequence[int], bounded: bool = False
) -> Coder:
  """The coder on the trunk of the encoder of this name.

  Raises:
    ValueError: if the name is unknown or the network cannot take the images.
  """
  trunk = _trunk(name, num_latents, image_shape)
  return Coder(trunk, num_latents=num_latents, bounded=bounded)


def make_critic(
  name: str, num_latents: int, image_shape: Sequence[int]
) -> Critic:
  """The critic on the trunk of the encoder of this name.

  Raises:
    ValueError: if the name is unknown or the network cannot take the images.
  """
  trunk = _trunk(name, num_latents, image_shape)
  return Critic(trunk, num_latents=num_latents)
