"""Draws pairs of images that share all but a few factors, from a key."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import draws
from bvae_jax.data import grid
from bvae_jax.data.correlated import Correlation

_MOST = 10_000_000  # places that a table's partners may take


def sample_pairs(
  key: jax.Array,
  batch_size: int,
  factor_sizes: Sequence[int],
  *,
  num_changed: int | str,
  correlation: Correlation | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Draws pairs that share all but a few factors, two positions int32 [B].

  The first of a pair is uniform on the grid. The second takes k of the K
  factors, a uniform choice of k, from a fresh uniform draw and the rest from
  the first. As in the paper and in disentanglement_lib, a fresh value may be
  the old one by chance, so k is the largest number of factors that differ.
  With a correlation the first is drawn from it, and a fresh value given the
  factors that are kept, so that the second is distributed like the first.

  Args:
    key: a key.
    batch_size: the number of pairs B.
    factor_sizes: the number of values of each of the K factors.
    num_changed: k itself, 1 to K; or 'uniform', k drawn for each pair from
      1 to K - 1; or 'dlib', which is what disentanglement_lib's data does when
      asked for a random k (k = -1): k is 1 for one pair in two, else uniform.
    correlation: of two of the factors.

  Raises:
    ValueError: if `batch_size`, `factor_sizes` or `num_changed` is none of the
      above, or a random k is asked for with fewer than two factors.

  Source: Locatello et al. (2020), Weakly-Supervised Disentanglement Without
  Compromises (arXiv:2002.02886), its model of pairs.
  """
  sizes = tuple(factor_sizes)
  first_key, fresh_key, *changed_keys = jax.random.split(key, 4)
  first = _uniform_factors(first_key, batch_size, sizes)
  fresh = _uniform_factors(fresh_key, batch_size, sizes)
  changed = _changed(changed_keys, first.shape, num_changed)
  if correlation is not None:
    whole = jnp.ones_like(changed)
    first = correlation.redraw(first_key, first, whole, sizes)
  second = jnp.where(changed, fresh, first)
  if correlation is not None:
    second = correlation.redraw(fresh_key, second, changed, sizes)
  return (
    grid.factors_to_index(first, sizes),
    grid.factors_to_index(second, sizes),
  )


def pairs_of_table(
  labels: np.ndarray, num_changed: int | str
) -> Callable[[jax.Array, jax.Array], jax.Array]:
  """Finds the second of pairs of observed images, which are no whole grid.

  Of the K factors k are drawn as by `sample_pairs`; the second is a uniform
  draw of the images that agree with the first in all others. The first is one
  of them, and alone where no other agrees.

  Args:
    labels: of the images, integers [N, K].
    num_changed: as of `sample_pairs`.

  Returns:
    `second(key, first) -> rows`, from rows int32 [B] of labels to others.

  Raises:
    ValueError: an impossible num_changed, no two images that agree so far, or
      more than ten million places (images times choices of k factors).

  Source: the pairs of Locatello et al. (2020), arXiv:2002.02886, conditioned on
  what was observed.
  """
  num_images, num_factors = labels.shape
  counts = _counts(num_factors, num_changed)
  num_choices = sum(math.comb(num_factors, k) for k in counts)
  if num_images * num_choices > _MOST:
    raise ValueError(
      f'pairs of {num_images:,} images with {num_choices:,} choices of factors '
      'that change take too much memory; set options.num_changed to 1, or '
      'leave factors out'
    )
  found = [
    _partners(labels, list(choice))
    for k in counts
    for choice in itertools.combinations(range(num_factors), k)
  ]
  every = _Partners(*map(np.stack, zip(*found)))
  if every.count.max() == 1:
    raise ValueError(
      'no two images agree in all factors but those that change '
      f'(options.num_changed={num_changed}); let more change, or give factors '
      'of which several images have the same values'
    )
  every = jax.tree.map(jnp.asarray, every)

  def second(key: jax.Array, first: jax.Array) -> jax.Array:
    place_key, *changed_keys = jax.random.split(key, 3)
    shape = (len(first), num_factors)
    changed = _changed(changed_keys, shape, num_changed)
    choice = jnp.argmax((changed[:, None] == every.changed).all(-1), axis=1)
    place = jax.random.randint(
      place_key, first.shape, 0, every.count[choice, first], jnp.int32
    )
    return every.order[choice, every.begin[choice, first] + place]

  return second


class _Partners(NamedTuple):
  """Who agrees with whom, where some factors may change.

  Attributes:
    changed: whether each factor may change [K].
    order: all images, those that agree beside each other [N].
    begin: where in it those begin that agree with an image [N].
    count: how many agree with it, itself included [N].
  """

  changed: Any
  order: Any
  begin: Any
  count: Any


def _partners(labels: np.ndarray, changing: Sequence[int]) -> _Partners:
  # A number for all factors that are kept, made small before it overflows.
  group = np.zeros(len(labels), np.int64)
  for column in np.delete(labels, changing, axis=1).T:
    place = column - column.min()
    group = group * (place.max() + 1) + place
    if group.max() > np.iinfo(np.int32).max:
      group = np.unique(group, return_inverse=True)[1]
  _, group, size = np.unique(group, return_inverse=True, return_counts=True)
  changed = np.zeros(labels.shape[1], bool)
  changed[changing] = True
  return _Partners(
    changed,
    np.argsort(group, kind='stable').astype(np.int32),
    (np.cumsum(size) - size)[group].astype(np.int32),
    size[group].astype(np.int32),
  )


def _uniform_factors(key, batch_size, sizes) -> jax.Array:
  """Returns uniform factors, int32 [B, K]."""
  index = grid.sample_index(key, batch_size, grid.num_combinations(sizes))
  return grid.index_to_factors(index, sizes)


def _counts(num_factors: int, num_changed: int | str) -> Sequence[int]:
  """How many factors may change in a pair."""
  if num_changed in ('uniform', 'dlib') and num_factors > 1:
    return range(1, num_factors)
  if isinstance(num_changed, int) and 1 <= num_changed <= num_factors:
    return (num_changed,)
  raise ValueError(
    f'num_changed must be 1 to {num_factors}, the number of factors, or '
    f"'uniform' or 'dlib' with two factors or more, got {num_changed!r}"
  )


def _changed(
  keys: Sequence[jax.Array], shape: tuple[int, ...], num_changed: int | str
) -> jax.Array:
  """Returns which factors change in each pair, bool [B, K]."""
  count_key, choice_key = keys
  counts = _counts(shape[1], num_changed)
  count = jnp.full(shape[0], counts[0])
  if isinstance(num_changed, str):
    count_key, coin_key = jax.random.split(count_key)
    count = jax.random.randint(count_key, shape[:1], 1, shape[1])
    if num_changed == 'dlib':
      one = jax.random.bernoulli(coin_key, 0.5, count.shape)
      count = jnp.where(one, 1, count)
  # Each row is a random order of 0 to K - 1, of which k are below k.
  order = jnp.argsort(draws.uniform(choice_key, shape), axis=-1)
  return order < count[:, None]
