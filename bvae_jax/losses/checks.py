"""Guards shared by the losses: one clear ValueError instead of broadcasting."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def check_choice(name: str, value: Any, valid: Sequence[str]) -> None:
  """Raises unless `value` is one of `valid`."""
  if value not in valid:
    raise ValueError(f'unknown {name} {value!r}; expected one of {valid}')


def check_rank(rank: int, **arrays: jax.Array) -> None:
  """Raises unless all arrays have this rank and one and the same shape."""
  shapes = {name: jnp.shape(array) for name, array in arrays.items()}
  if len(set(shapes.values())) != 1:
    raise ValueError(f'shapes differ: {_listed(shapes)}')
  if any(len(shape) != rank for shape in shapes.values()):
    raise ValueError(f'expected rank {rank}, got {_listed(shapes)}')


def check_posterior(
  *, nll: jax.Array | None = None, min_batch: int = 1, **arrays: jax.Array
) -> None:
  """Raises unless arrays are [B, D] alike, nll [B], and B >= min_batch."""
  check_rank(2, **arrays)
  name, array = next(iter(arrays.items()))
  batch = jnp.shape(array)[0]
  if nll is not None and jnp.shape(nll) != (batch,):
    raise ValueError(
      f'expected nll of shape ({batch},), got {jnp.shape(nll)} beside'
      f' {name} {jnp.shape(array)}'
    )
  if batch < min_batch:
    raise ValueError(
      f'needs a batch of at least {min_batch}, got {name} {jnp.shape(array)}'
    )


def check_unit_interval(name: str, values: jax.Array) -> None:
  """Raises if concrete `values` leave [0, 1] or hold a NaN."""
  low, high = _concrete_range(values)
  if not (low >= 0 and high <= 1):
    raise ValueError(
      f'{name} must lie in [0, 1], got values from {low} to {high}'
    )


def check_positive(name: str, values: float | jax.Array) -> None:
  """Raises if concrete `values` are not all greater than 0."""
  low, _ = _concrete_range(values)
  if not low > 0:
    raise ValueError(f'{name} must be positive, got {low}')


def _concrete_range(values: float | jax.Array) -> tuple[Any, Any]:
  """Least and greatest, by NumPy; (1, 1) where a trace hides the values."""
  if isinstance(values, jax.core.Tracer) or np.size(values) == 0:
    return 1, 1
  values = np.asarray(values)
  return values.min(), values.max()


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
  return ', '.join(f'{name} {shape}' for name, shape in shapes.items())
