"""Flax Linen encoders, decoders and discriminators, chosen by name."""

from bvae_jax.models.codebooks import Codebooks, nearest, one_category
from bvae_jax.models.conv import Conv, ConvTranspose
from bvae_jax.models.decoders import DECODERS, make_decoder
from bvae_jax.models.discriminators import DISCRIMINATORS, make_discriminator
from bvae_jax.models.encoders import (
  ENCODERS,
  Coder,
  Critic,
  Encoder,
  make_coder,
  make_critic,
  make_encoder,
)

__all__ = [
  'DECODERS',
  'DISCRIMINATORS',
  'ENCODERS',
  'Codebooks',
  'Coder',
  'Conv',
  'ConvTranspose',
  'Critic',
  'Encoder',
  'make_coder',
  'make_critic',
  'make_decoder',
  'make_discriminator',
  'make_encoder',
  'nearest',
  'one_category',
]
