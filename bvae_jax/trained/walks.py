"""Codes along single latents."""

from typing import Any

import jax


@jax.jit
def walk(start: Any, latents: Any, values: Any) -> jax.Array:
  """Codes [L, S, D] along single latents from `start` [D], the others held.

  Args:
    start: where the walk starts [D].
    latents: which ones move [L].
    values: that each of them takes [L, S].
  """
  moved = jax.nn.one_hot(latents, len(start))[:, None]
  return start * (1 - moved) + moved * values[..., None]
