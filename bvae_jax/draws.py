"""Random arrays as `jax.random` draws them, bit for bit, sooner compiled.

A number hangs on the key and on its place in C order, not on the shape. XLA
unrolls the generator along a short last axis, such as latents, on CPUs: to
compile 256 x 10 numbers takes an AMD EPYC five times as long as 2,560.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax


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
