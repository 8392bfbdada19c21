"""The keys that metrics draw with."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _settings


def check_key(key: Any) -> None:
  """Raises unless it is one key of JAX, of either kind."""
  dtype = getattr(key, 'dtype', np.dtype(object))
  typed = jnp.issubdtype(dtype, jax.dtypes.prng_key)
  raw = dtype == np.uint32 and np.ndim(key) == 1
  expected = 'one key of JAX, such as jax.random.key(0)'
  _settings.require(raw or (typed and key.ndim == 0), 'key', expected, key)
