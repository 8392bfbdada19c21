"""Populations of disentangled variational autoencoders in JAX.

Importing the package costs nothing: what it offers is found when asked for.
"""

import importlib
from typing import Any

from bvae_jax import catalogue, interrupts

__version__ = '0.2.0.dev0'

_HOMES = {
  'train_and_evaluate': 'bvae_jax.run',
  'load': 'bvae_jax.trained',
  'Model': 'bvae_jax.trained',
}


def __getattr__(name: str) -> Any:
  if name not in _HOMES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(_HOMES[name]), name)


if catalogue.is_command():
  interrupts.end_quietly()
