"""Random arrays as `jax.random` draws them, bit for bit, sooner compiled.

A number hangs on the key and on its place in C order, not on the shape. XLA
unrolls the generator along a short last axis, such as latents, on CPUs: to
compile 256 x 10 numbers takes an AMD EPYC five times as long as 2,560.

A seed tells a run's numbers only if its keys are of one generator: Threefry,
which is JAX's own choice, whatever a flag of JAX names in its place.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax

_THREEFRY = 'threefry2x32'
# Flags under which a key of Threefry draws other numbers: what they should be.
_FLAGS = {'jax_threefry_partitionable': True, 'jax_random_seed_offset': 0}

# Keys of what `jax.random.key_data` gives.
of_data = functools.partial(jax.random.wrap_key_data, impl=_THREEFRY)


def key(seed: Any) -> jax.Array:
  """`jax.random.key(seed)`, of Threefry.

  Args:
    seed: an integer.

  Raises:
    ValueError: a flag of JAX makes other numbers of it.
  """
  for name, value in _FLAGS.items():
    if (found := getattr(jax.config, name, value)) != value:
      raise ValueError(
        f'a seed draws other numbers under {name.upper()}={found}: unset it'
      )
  return jax.random.key(seed, impl=_THREEFRY)


def _flat(
  draw: Callable, key: jax.Array, shape: Sequence[int], *args: Any
) -> jax.Array:
  return draw(key, (math.prod(shape),), *args).reshape(shape)


# The functions of `jax.random` of these names.
bits = functools.partial(_flat, jax.random.bits)
normal = functools.partial(_flat, jax.random.normal)
uniform = functools.partial(_flat, jax.random.uniform)


def shuffle(key: jax.Array, x: jax.Array) -> jax.Array:
  """`jax.random.permutation(key, x, axis=0, independent=True)`."""
  # As many sorts by random numbers as make equal ones of no account.
  most = np.iinfo(np.uint32).max
  for _ in range(math.ceil(3 * math.log(max(x.size, 1)) / math.log(most))):
    key, own = jax.random.split(key)
    _, x = lax.sort_key_val(bits(own, x.shape), x, dimension=0)
  return x
