"""A population: the members of a run, their keys and their stacked trees.

A member is a seed and a value for every traced hyperparameter. Everything
random about it comes from `jax.random.key(seed)`, so a member trains alike
alone and in any company; members that differ in a hyperparameter only share
their initial weights, images and noise.
"""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from bvae_jax import config as config_lib


class Member(NamedTuple):
  """One model of the population."""

  seed: int
  hparams: dict[str, float]


def members(config: ml_collections.ConfigDict) -> list[Member]:
  """Seeds x grid, the seeds running fastest."""
  base = {
    **{k: float(v) for k, v in config.hparams.items()},
    'learning_rate': float(config.learning_rate),
  }
  swept = config_lib.grid(config)
  return [
    Member(int(seed), {**base, **dict(zip(swept, map(float, values)))})
    for values in itertools.product(*swept.values())
    for seed in config.seeds
  ]


def keys(population: list[Member]) -> jax.Array:
  """One typed PRNG key a member [M], from its seed alone."""
  return jnp.stack([jax.random.key(m.seed) for m in population])


def hparams(population: list[Member]) -> dict[str, jax.Array]:
  """The traced hyperparameters, each [M]."""
  names = population[0].hparams
  return {
    n: jnp.asarray([m.hparams[n] for m in population], jnp.float32)
    for n in names
  }


def select(tree: Any, index) -> Any:
  """The leaves of one member (an int) or of several (an index array)."""
  return jax.tree.map(lambda x: x[index], tree)


def concatenate(trees: list[Any]) -> Any:
  """One population of several, on the host: leaves joined along members."""
  return jax.tree.map(lambda *x: np.concatenate(x), *trees)


def label(member: Member, population: list[Member]) -> str:
  """A short name: the seed and what varies in the population."""
  varying = [
    n for n in member.hparams if len({m.hparams[n] for m in population}) > 1
  ]
  parts = [f'{n}={member.hparams[n]:g}' for n in varying]
  return ' '.join([*parts, f'seed={member.seed}'])
