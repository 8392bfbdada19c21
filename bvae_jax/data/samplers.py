"""Draws positions of images from a key."""

import jax
import jax.numpy as jnp


def sample_index(key: jax.Array, batch_size: int, num_images: int) -> jax.Array:
  """Returns positions drawn i.i.d. uniformly with replacement, int32 [B].

  Args:
    key: a key.
    batch_size: the number of positions B.
    num_images: they are below it.

  Raises:
    ValueError: if `batch_size` or `num_images` is below 1.
  """
  if batch_size < 1 or num_images < 1:
    raise ValueError(
      'batch_size and num_images must be at least 1, got '
      f'{batch_size} and {num_images}'
    )
  return jax.random.randint(key, (batch_size,), 0, num_images, jnp.int32)
