"""Discriminators between q(z) and the product of its marginals."""

import functools
from collections.abc import Sequence

import jax
from flax import linen as nn

from bvae_jax import shipped
from bvae_jax.models.dense import MLP, Dense, lookup


class Discriminator(nn.Module):
  """Latents [B, D] -> logits [B, 2]; leaky ReLU of slope 0.2."""

  widths: Sequence[int] = (1000,) * 6

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    activation = functools.partial(nn.leaky_relu, negative_slope=0.2)
    return Dense(2, name='logits')(MLP(self.widths, activation)(z))


# mlp: Kim & Mnih 2018 (FactorVAE, arXiv:1802.05983), appendix A.
DISCRIMINATORS = {
  'mlp': Discriminator,
  'mlp_small': functools.partial(Discriminator, widths=(256, 256, 256)),
}
shipped.keep(DISCRIMINATORS)


def make_discriminator(name: str) -> Discriminator:
  """The discriminator of this name.

  Raises:
    ValueError: if the name is unknown; lists the names there are.
  """
  return lookup('discriminator', name, DISCRIMINATORS)()
