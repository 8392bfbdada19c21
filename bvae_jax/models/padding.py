"""Images of any size for networks that halve them four times."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

MULTIPLE = 16  # what four convolutions of stride 2 divide
SMALLEST = 8  # pixels a side; under it more than half would be padding


def padded_side(side: int) -> int:
  """The next multiple of MULTIPLE."""
  return side + -side % MULTIPLE


def pad(images: jax.Array) -> jax.Array:
  """[B, H, W, C] -> sides that are multiples of MULTIPLE, zeros around."""
  height, width = (
    (extra // 2, extra - extra // 2)
    for extra in (-side % MULTIPLE for side in images.shape[1:3])
  )
  return jnp.pad(images, ((0, 0), height, width, (0, 0)))


def crop(images: jax.Array, image_shape: Sequence[int]) -> jax.Array:
  """The inverse of `pad`: [B, ...] -> [B, H, W, C], from the middle."""
  height, width, _ = image_shape
  top = (images.shape[1] - height) // 2
  left = (images.shape[2] - width) // 2
  return images[:, top : top + height, left : left + width]
