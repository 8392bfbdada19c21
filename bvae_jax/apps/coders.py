"""What applications share: coders, and images with their factors.

Factors of a sample are numbers: places among their values, or, where
continuous, shares of their range; `known`, `change` and `classes` read them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from bvae_jax import data, trained
from bvae_jax.data import factors as factors_lib
from bvae_jax.evaluation import records

IDLE = 0.05  # a latent that carries less holds next to nothing of the image
MAX_CLASSES = 6  # of a task that is made of an ordinal factor


class Coder(Protocol):
  """Codes of images, and images of codes; `bvae_jax.trained.Model` is one."""

  @property
  def num_latents(self) -> int: ...

  def encode(self, images: Any) -> tuple[Any, Any]:
    """Mean and log-variance [B, D] of images [B, H, W, C]."""
    ...

  def decode(self, z: Any) -> Any:
    """Images [B, H, W, C] in [0, 1] of latents [B, D]."""
    ...


class Posterior(Coder, Protocol):
  """A coder whose codes have a prior; `bvae_jax.trained.Model` is one."""

  def kl(self, mean: Any, logvar: Any) -> Any:
    """KL [B, D] of the posterior from the prior, nats."""
    ...


class Sample(NamedTuple):
  """Images of a data set with what is known of them.

  Attributes:
    index: their places in it, int [N].
    images: float [N, H, W, C].
    factors: [N, K], int or float; NaN or -1 where unknown; K may be 0.
      Continuous ones are shares of their range.
  """

  index: np.ndarray
  images: np.ndarray
  factors: np.ndarray


def draw(
  dataset: data.Dataset, key: jax.Array, count: int, among: Any = None
) -> Sample:
  """`count` random images, without repeats where there are enough.

  Args:
    dataset: of which they are.
    key: randomness.
    count: how many.
    among: places in it [n]; by default all.
  """
  size = dataset.num_images if among is None else len(among)
  if count <= size:
    place = jax.random.choice(key, size, (count,), replace=False)
  else:
    place = data.sample_index(key, count, size)
  place = np.asarray(place)
  return take(dataset, place if among is None else among[place])


def take(dataset: data.Dataset, index: Any) -> Sample:
  """The images of indices [N].

  Continuous factors are shares of their range in the data set.
  """
  index = np.asarray(index)
  images = np.asarray(dataset.images(index))
  known = (
    np.asarray(dataset.labels(index))
    if dataset.has_factors
    else np.zeros((len(index), 0), np.int32)
  )
  continuous = np.array(dataset.factor_sizes) == 0
  if continuous.any() and isinstance(dataset.factors, data.Table):
    values = np.asarray(dataset.factors.values)
    values = np.where(np.isfinite(values), values, np.nan)
    low, high = np.nanmin(values, 0), np.nanmax(values, 0)
    share = (known - low) / np.where(high > low, high - low, 1)
    known = np.where(continuous, share, known)
  return Sample(index, images, known)


def factor(
  dataset: data.Dataset, name: str, what: str
) -> tuple[int, factors_lib.Factor]:
  """Place and description of a factor.

  Raises:
    ValueError: the data set has no such factor.
  """
  known = dataset.require_factors(what).factors
  for place, one in enumerate(known):
    if one.name == name:
      return place, one
  raise ValueError(
    f'{what}: data set {dataset.name} has no factor {name!r}; it has '
    + ', '.join(dataset.factor_names)
  )


def known(values: Any, factor: factors_lib.Factor) -> np.ndarray:
  """Which values [N] of a factor are known, bool [N]."""
  return np.isfinite(values) & ((np.asarray(values) >= 0) | (factor.size == 0))


def change(
  before: Any, after: Any, factors: Sequence[factors_lib.Factor]
) -> np.ndarray:
  """How far factors moved [..., K], as shares of a range; 0 or 1 for a kind.

  |after - before| / (size - 1), and whether they differ where categorical; NaN
  where a value is unknown (below 0, or NaN).
  """
  before, after = (np.asarray(x, np.float64) for x in (before, after))
  apart = np.abs(after - before)
  sizes = np.array([max(one.size - 1, 1) for one in factors])
  kinds = np.array([one.kind == 'categorical' for one in factors])
  told = (before >= 0) & (after >= 0)
  return np.where(told, np.where(kinds, apart > 0, apart / sizes), np.nan)


def known_mean(values: np.ndarray) -> np.ndarray:
  """Means over the finite ones of values [B, ...]; NaN where there is none."""
  told = np.isfinite(values)
  with np.errstate(invalid='ignore'):
    return np.where(told, values, 0).sum(0) / told.sum(0)


def classes(values: Any, size: int, most: int = MAX_CLASSES) -> np.ndarray:
  """Values 0 to size - 1 as at most `most` classes of equal width, int [N]."""
  values = np.asarray(values, np.int64)
  return values if size <= most else values * most // size


def require_classes(labels: np.ndarray, what: str) -> None:
  """Raises ValueError unless two classes have two examples or more."""
  _, counts = np.unique(labels, return_counts=True)
  if len(counts) < 2:
    raise ValueError(
      f'{what}: the {len(labels)} labelled images are all of one class; '
      'give more --labels'
    )
  if (counts > 1).sum() < 2:
    raise ValueError(
      f'{what}: all classes but {(counts > 1).sum()} have one example among '
      f'{len(labels)} labelled images; give more --labels'
    )


def check_latents(latents: Sequence[int], num_latents: int) -> list[int]:
  """The latents, each from 0 to D - 1.

  Raises:
    ValueError: one is none of them.
  """
  for d in latents:
    if not 0 <= d < num_latents:
      raise ValueError(
        f'there is no latent {d}; the latents are 0 to {num_latents - 1}'
      )
  return list(latents)


def deviations(codes: Any) -> np.ndarray:
  """Standard deviation of each latent over codes [N, D], at least 1e-6."""
  return np.maximum(np.asarray(codes, np.float64).std(0), 1e-6)


def unit(model: trained.Model) -> str:
  """The unit of `carried`, in words."""
  return records.unit(model.experiment.objective.points)


def are_points(logvar: Any) -> bool:
  """Whether codes with these log-variances [N, D] are points, without a KL."""
  return bool(np.isneginf(logvar).all())


def carried(coder: Posterior, mean: Any, logvar: Any) -> np.ndarray:
  """What each latent carries of codes [N, D] of the data, [D].

  The mean of its KL, nats; of codes that are points its variance, as a share of
  the largest one.
  """
  if are_points(logvar):
    return records.carried({'variance_per_latent': np.var(mean, axis=0)})
  return np.asarray(coder.kl(mean, logvar)).mean(0)
