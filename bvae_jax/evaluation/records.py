"""The parts of results.json: a data set, a provenance, the members."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bvae_jax import config as config_lib

OK = 'ok'


class Record:
  """A frozen dataclass that also answers `record['field']`."""

  def __getitem__(self, name: str) -> Any:
    try:
      return getattr(self, name)
    except AttributeError:
      raise KeyError(name) from None


@dataclasses.dataclass(frozen=True)
class DatasetFacts(Record):
  """The data set that was actually used.

  Attributes:
    name: as in the config.
    description: one line that says whether it is real or procedural.
    factor_names: of the K factors, empty where none is known.
    factor_sizes: values of each factor, 0 for a continuous one, which scores of
      classes cut into `metrics.CONTINUOUS_BINS` bins of equally many points.
    image_shape: (height, width, channels).
    num_images: N.
    complete_grid: whether every combination of factors is there once.
    num_points: training and test points of the metrics, where they are not
      those of the settings.
    missing_labels: points without a label of each factor; empty of a grid.
    largest_shares: of the most frequent value of each factor; empty of a grid.
    dependence: Cramér's V of each pair of factors (0, 1), (0, 2), ... among the
      training images, see `data.dependence`; empty of a whole grid.
  """

  name: str
  description: str
  factor_names: tuple[str, ...]
  factor_sizes: tuple[int, ...]
  image_shape: tuple[int, ...]
  num_images: int
  complete_grid: bool = True
  num_points: tuple[int, ...] = ()
  missing_labels: tuple[int, ...] = ()
  largest_shares: tuple[float, ...] = ()
  dependence: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Member(Record):
  """What one model of the population came to.

  Attributes:
    seed: of the member.
    hparams: its traced hyperparameters.
    status: 'ok', or why its figures are not to be trusted.
    steps: steps taken.
    elbo: elbo, nll, kl, and kl_per_latent [D], nats; of codes that are points,
      nll and variance_per_latent [D].
    active_latents: latents that carry more than `losses.COLLAPSED`, see
      `carried`.
    metrics: METRIC is a metric's main score; METRIC/SCORE another of its
      scores; METRIC/FACTOR and METRIC/SCORE/FACTOR one factor's figure. None
      where there is no value.
    errors: standard errors of those, where resamples were asked for.
    matrices: {metric: [D, K]}, of latents, or of the components scored.
  """

  seed: int
  hparams: Mapping[str, float]
  status: str
  steps: int
  elbo: Mapping[str, Any]
  active_latents: int
  metrics: Mapping[str, float | None]
  errors: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
  matrices: Mapping[str, list] = dataclasses.field(
    default_factory=dict, repr=False
  )

  @property
  def ok(self) -> bool:
    """Whether the member trained to the end and was scored."""
    return self.status == OK

  @property
  def outcome(self) -> str:
    """`status`, or that the codes of a member that is ok carry nothing."""
    return 'collapsed' if self.ok and not self.active_latents else self.status

  @property
  def carried(self) -> Any:
    """What each latent carries [D], see the function."""
    return carried(self.elbo)

  @property
  def scores(self) -> dict[str, float | None]:
    """Scalars under flat names: the ELBO's terms, then the metrics."""
    bounds = {k: v for k, v in self.elbo.items() if np.ndim(v) == 0}
    return {**bounds, 'active_latents': self.active_latents, **self.metrics}


def complete(members: Sequence[Member]) -> list[Member]:
  """Members of several runs, a rate that is off (0) as one of that value.

  A run whose rate is off has none among its hyperparameters, so that beside one
  where it is on they would seem alike.
  """
  rates = [
    name
    for name in config_lib.OPTIONAL
    if any(name in member.hparams for member in members)
  ]
  off = dict.fromkeys(rates, 0.0)
  return [
    dataclasses.replace(m, hparams={**m.hparams, **off, **m.hparams})
    for m in members
  ]


def carried(terms: Mapping[str, Any]) -> Any:
  """What each latent carries [..., D]: its KL in nats, as the file has it.

  Of codes that are points, its variance as a share of the largest one.
  """
  if 'kl_per_latent' in terms:
    return terms['kl_per_latent']
  variance = np.asarray(terms['variance_per_latent'], np.float64)
  largest = np.max(variance, axis=-1, keepdims=True)
  return variance / np.where(largest > 0, largest, 1)


def unit(points: bool) -> str:
  """The unit of `carried`, in words, where codes are points and where not."""
  return 'of the largest variance' if points else 'nats'


def spread_of(values: Iterable[float | None]) -> dict[str, float | None]:
  """Median, mean and the sample's standard deviation (ddof 1) of what is there.

  None where nothing is there; one value alone has no standard deviation.
  """
  found = np.array([v for v in values if v is not None], np.float64)
  found = found[np.isfinite(found)]
  if not len(found):
    return {'median': None, 'mean': None, 'std': None}
  return {
    'median': float(np.median(found)),
    'mean': float(found.mean()),
    'std': float(found.std(ddof=1)) if len(found) > 1 else None,
  }
