"""Scalar codebooks: each latent takes one of a few values."""

import jax
import jax.numpy as jnp
from flax import linen as nn


class Codebooks(nn.Module):
  """The nearest of V learnable values for each of D latents, [B, D] -> [B, D].

  They start evenly spaced from -1/2 to 1/2. The output depends on the values
  and, for its gradient, on nothing else.

  Source: Hsu et al. 2023 (arXiv:2305.18378), latent quantisation.
  """

  num_latents: int = 10
  num_values: int = 10

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    start = lambda _: jnp.tile(
      jnp.linspace(-0.5, 0.5, self.num_values, dtype=float),
      (self.num_latents, 1),
    )
    values = self.param('values', start)
    return nearest(z, values)


def nearest(z: jax.Array, values: jax.Array) -> jax.Array:
  """The value of `values` [D, V] that is nearest to each code z [B, D].

  Of two as near the first.

  Raises:
    ValueError: not [B, D] beside [D, V], V at least 1.
  """
  if values.ndim != 2 or not values.size or z.shape[1:] != values.shape[:1]:
    raise ValueError(
      f'expected codes [B, D] beside values [D, V], got {z.shape} beside'
      f' {values.shape}'
    )
  chosen = jnp.abs(z[:, :, None] - values[None]).argmin(-1)
  chosen = jax.nn.one_hot(chosen, values.shape[1], dtype=values.dtype)
  return (chosen * values[None]).sum(-1)


def one_category(z: jax.Array, count: int) -> jax.Array:
  """Codes [B, D] whose last `count` columns are one-hot, 1 at the largest.

  Of logits that is the most likely category; of as large ones the first.

  Raises:
    ValueError: count is not from 1 to D.
  """
  if not 1 <= count <= z.shape[-1]:
    raise ValueError(
      f'count must be from 1 to the {z.shape[-1]} columns of codes {z.shape},'
      f' got {count}'
    )
  split = z.shape[-1] - count
  chosen = z[..., split:].argmax(-1)
  one_hot = jax.nn.one_hot(chosen, count, dtype=z.dtype)
  return jnp.concatenate([z[..., :split], one_hot], -1)
