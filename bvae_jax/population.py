"""A population: the members of a run, their keys and their stacked trees.

A member is a seed and a value for every traced hyperparameter. Everything
random about it comes from `jax.random.key(seed)`, so a member trains alike
alone and in any company; members that differ in a hyperparameter only share
their initial weights, images and noise.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import draws


class Member(NamedTuple):
  """One model of the population."""

  seed: int
  hparams: dict[str, float]


def members(config: ml_collections.ConfigDict) -> list[Member]:
  """Seeds x settings of the grid, the seeds running fastest."""
  return [
    Member(int(seed), {**setting})
    for setting in config_lib.settings(config)
    for seed in config.seeds
  ]


class Cohort(NamedTuple):
  """Members that a run was given at once: seeds x settings.

  Attributes:
    seeds: of the members.
    programs: how many train them.
    settings: the scalars of each; None for all settings of the run.
  """

  seeds: tuple[int, ...]
  programs: int
  settings: tuple[dict[str, float], ...] | None = None


def places(
  config: ml_collections.ConfigDict, cohort: Cohort
) -> list[np.ndarray]:
  """Where the members of each program of a cohort are in the population."""
  every = members(config)
  found = [
    every.index(Member(seed, setting))
    for setting in cohort.settings or config_lib.settings(config)
    for seed in cohort.seeds
  ]
  return np.array_split(np.array(found), cohort.programs)


def fresh(
  config: ml_collections.ConfigDict, cohorts: Sequence[Cohort]
) -> list[Cohort]:
  """The members that are in no cohort, as cohorts of one program each."""
  every = config_lib.settings(config)
  lacking: dict[tuple[int, ...], list[dict[str, float]]] = {}
  for setting in every:
    own = [c for c in cohorts if setting in (c.settings or every)]
    known = {seed for cohort in own for seed in cohort.seeds}
    if seeds := tuple(seed for seed in config.seeds if seed not in known):
      lacking.setdefault(seeds, []).append(setting)
  return [
    Cohort(seeds, 1, None if settings == every else tuple(settings))
    for seeds, settings in lacking.items()
  ]


def keys(population: Sequence[Member]) -> jax.Array:
  """One typed PRNG key a member [M], from its seed alone."""
  return jnp.stack([draws.key(m.seed) for m in population])


def hparams(population: Sequence[Member]) -> dict[str, jax.Array]:
  """The traced hyperparameters, each [M]."""
  names = population[0].hparams
  return {
    n: jax.device_put(np.array([m.hparams[n] for m in population], np.float32))
    for n in names
  }


def select(tree: Any, index) -> Any:
  """The leaves of one member (an int) or of several (an index array)."""
  return jax.tree.map(lambda x: x[index], tree)


def concatenate(trees: list[Any]) -> Any:
  """One population of several, on the host: leaves joined along members."""
  if len(trees) == 1:
    return trees[0]  # no copy
  return jax.tree.map(lambda *x: np.concatenate(x), *trees)


def in_order(
  tree: Any, found: Sequence[Member], wanted: Sequence[Member]
) -> Any:
  """Rows of the members `found` as those of the members `wanted`."""
  if list(found) == list(wanted):
    return tree
  return select(tree, np.array([found.index(member) for member in wanted]))


def varying(members: Iterable[Any]) -> tuple[str, ...]:
  """The hyperparameters that take two values or more among members."""
  values: dict[str, set] = {}
  for member in members:
    for name, value in member.hparams.items():
      values.setdefault(name, set()).add(value)
  return tuple(name for name, found in values.items() if len(found) > 1)


def by_setting(members: Sequence[Any]) -> dict[tuple[float, ...], list[int]]:
  """The places of the members at each setting of what varies among them."""
  names = varying(members)
  found: dict[tuple[float, ...], list[int]] = {}
  for place, member in enumerate(members):
    setting = tuple(member.hparams[name] for name in names)
    found.setdefault(setting, []).append(place)
  return found


def texts(values: Iterable[float]) -> dict[float, str]:
  """Values as short as they can be told apart, of float32 at the longest."""
  every = {*values}
  apart = len({f'{value:g}' for value in every}) == len(every)
  return {value: f'{value:{"g" if apart else ".9g"}}' for value in every}


def words(
  names: Sequence[str], settings: Iterable[tuple[float, ...]]
) -> dict[tuple[float, ...], str]:
  """Each of some settings as text: `beta 4, gamma 5`; no two are alike.

  Args:
    names: of the hyperparameters.
    settings: a value of each.
  """
  every = [*settings]
  shown = [texts(column) for column in zip(*every)]
  return {
    setting: ', '.join(
      f'{name} {text[value]}'
      for name, text, value in zip(names, shown, setting)
    )
    for setting in every
  }


def label(member: Member, population: Sequence[Member]) -> str:
  """A short name: the seed and what varies in the population."""

  def text(name: str) -> str:
    shown = texts(m.hparams[name] for m in population)
    return f'{name}={shown[member.hparams[name]]}'

  parts = map(text, varying(population))
  return ' '.join([*parts, f'seed={member.seed}'])
