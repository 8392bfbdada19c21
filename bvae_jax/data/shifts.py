"""Training on a part of a grid, or unevenly; scores see the grid evenly."""

import contextlib
import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from bvae_jax import draws
from bvae_jax.data import dataset, factors_csv
from bvae_jax.data import factors as factors_lib
from bvae_jax.data.correlated import Correlation


def correlate(
  made: dataset.Dataset, names: Sequence[str], sigma: float
) -> dataset.Dataset:
  """The data set whose training images have two factors go together.

  Args:
    made: a grid.
    names: of the two factors; none leaves the data set as it is.
    sigma: of the `Correlation`.

  Raises:
    ValueError: no grid, no such factors, or images held out besides.
  """
  if not names:
    return made
  key = f'dataset.correlated={tuple(names)}'
  made.require_grid(key)
  if len(names) != 2 or names[0] == names[1]:
    raise ValueError(f'{key} must name two factors')
  one, two = (_place(made, name, key) for name in names)
  if not sigma > 0:
    raise ValueError(f'dataset.sigma={sigma} must be positive')
  if made.split is not None:
    raise ValueError(
      f'{key} cannot go with images that are held out; leave out '
      'dataset.holdout and dataset.holdout_where'
    )
  return dataclasses.replace(
    made,
    correlation=Correlation((one, two), float(sigma)),
    description=(
      f'{made.description}; trained on {names[0]} and {names[1]} correlated '
      f'with sigma {sigma:g}, scored without'
    ),
  )


def hold_out(made: dataset.Dataset, share: float) -> dataset.Dataset:
  """The data set with a share of its images held out from training.

  Which ones, follows from their number alone: they are the same in all runs.

  Args:
    made: of any images.
    share: of them, 0 or more and below 1; 0 holds out none.

  Raises:
    ValueError: a share that leaves no image on one of the sides.
  """
  if not share:
    return made
  count = round(share * made.num_images)
  if not 0 < count < made.num_images:
    raise ValueError(
      f'dataset.holdout={share} holds out {count} of {made.num_images} images; '
      'it must leave some on both sides'
    )
  order = jax.random.permutation(draws.key(0), made.num_images)
  parts = np.split(np.asarray(order, np.int32), [count])
  held_out, train = (np.sort(part) for part in parts)
  return dataclasses.replace(
    made,
    split=dataset.Split(train, held_out),
    description=f'{made.description}; {count:,} images held out from training',
  )


def hold_out_where(
  made: dataset.Dataset, where: Sequence[str]
) -> dataset.Dataset:
  """The data set without some combinations of factors in training.

  Held out are the images that meet all conditions.

  Args:
    made: a grid.
    where: conditions on factors, 'shape=2' or, with both ends, 'x=16..31', of
      values by name, where they have names, else (or where those are words) by
      number; none leaves the data set as it is.

  Raises:
    ValueError: no grid, a condition that is none, or no image on one side.

  Source: Montero et al. (2021), The role of disentanglement in generalisation.
  """
  if not where:
    return made
  key = f'dataset.holdout_where={tuple(where)}'
  known = made.require_grid(key)
  if made.split is not None:
    raise ValueError(f'{key} cannot go with dataset.holdout; leave one out')
  labels = np.asarray(known.labels(np.arange(made.num_images)))
  meets = np.ones(made.num_images, bool)
  for condition in where:
    name, _, values = condition.partition('=')
    place = _place(made, name.strip(), key)
    low, high = _range(known.factors[place], values, key)
    meets &= (low <= labels[:, place]) & (labels[:, place] <= high)
  if meets.all() or not meets.any():
    raise ValueError(
      f'{key} holds out {meets.sum()} of {made.num_images} images; it must '
      'leave some on both sides'
    )
  train, held_out = (
    np.flatnonzero(m).astype(np.int32) for m in (~meets, meets)
  )
  return dataclasses.replace(
    made,
    split=dataset.Split(train, held_out),
    description=(
      f'{made.description}; {len(held_out):,} images held out from training: '
      + ' and '.join(where)
    ),
  )


def _place(made: dataset.Dataset, name: str, key: str) -> int:
  if name not in made.factor_names:
    raise ValueError(
      f'{key}: data set {made.name} has no factor {name!r}; it has '
      + ', '.join(made.factor_names)
    )
  return made.factor_names.index(name)


def _range(
  factor: factors_lib.Factor, values: str, key: str
) -> tuple[int, int]:
  """The first and the last value of a condition: by name, else by number.

  Names that are numbers are never mistaken for the number of a value.
  """
  names, numbers = factor.values, None
  with contextlib.suppress(ValueError):
    numbers = [factors_csv.number(name) for name in names]

  def place(text: str) -> int:
    text = text.strip()
    if text in names:
      return names.index(text)
    return numbers.index(factors_csv.number(text)) if numbers else int(text)

  ends = values.split('..') if values.strip() not in names else [values]
  try:
    low, high = (place(ends[k]) for k in (0, -1))
  except ValueError:
    low, high = 0, -1
  if not 0 <= low <= high < factor.size or len(ends) > 2:
    named = f'one of {", ".join(names)}'
    able = (
      f"the number of a value, 0 to {factor.size - 1} ('shape=2', 'x=16..31')"
    )
    if names:
      able = named if numbers else f'{able}, or {named}'
    raise ValueError(
      f'{key}: {factor.name}={values!r} is no condition; write {able}'
    )
  return low, high
