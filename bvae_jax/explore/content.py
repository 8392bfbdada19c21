"""What explorer.html shows: images, their codes, what each latent knows."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, draws, losses, population
from bvae_jax.evaluation.results import Results
from bvae_jax.explore import networks as networks_lib
from bvae_jax.explore import shown as shown_lib
from bvae_jax.models import graph
from bvae_jax.training import experiment as experiment_lib

NUM_PRIOR = 256  # codes of the prior
QUANTILES = (0.005, 0.995)  # of a latent's means, what the data shows
_BINS = 10  # of a continuous factor
_AT_ONCE = 50  # images whose layers are in memory
_kl = jax.jit(losses.code_kl, static_argnames='num_categories')


class Member(NamedTuple):
  """One trained model.

  Attributes:
    place: in the population.
    seed: its own.
    networks: encoder, empty where it was left out (too large a page, or images
      of more channels than a page can show), and decoder.
    mean: codes of the images, float32 [N, D]; the likeliest category one-hot.
    sigma: posterior standard deviation of each latent, root mean square [D]; 1
      of a category.
    kl: of each latent from the prior, mean over the images, nats [D]; of codes
      that are points, the variance as a share of the largest one, and sigma is
      their deviation.
    low, high: `QUANTILES` of the means [D].
    shares: of a latent's variance that a factor explains [D, K].
    about: its setting, what ranked it and whether it stopped, in words.
  """

  place: int
  seed: int
  networks: networks_lib.Networks
  mean: np.ndarray
  sigma: np.ndarray
  kl: np.ndarray
  low: np.ndarray
  high: np.ndarray
  shares: np.ndarray
  about: str


@dataclasses.dataclass(frozen=True, eq=False)
class Content:
  """All that a page holds.

  Attributes:
    title: the name of the run.
    description: of the data.
    images: uint8 [N, H, W, C].
    factors: the K factors of the images.
    labels: of the images [N, K]; NaN where unknown.
    values: which values of each factor its slider has; empty without a grid.
    grid: images of each combination of those, the last factor fastest, uint8.
    members: the models.
    points: whether their codes are points.
    scored: whether the run is, and has a report.
    prior: codes drawn from it [P, D]; none of points.
  """

  title: str
  description: str
  images: np.ndarray
  factors: tuple[data.Factor, ...]
  labels: np.ndarray
  values: list[list[int]]
  grid: np.ndarray
  members: list[Member]
  points: bool = False
  scored: bool = False
  prior: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros((0, 0))
  )


def make(
  title: str,
  experiment: experiment_lib.Experiment,
  members: Sequence[tuple[int, Any]],
  results: Results | None,
  own: np.ndarray | None = None,
) -> Content:
  """See `explore.render`.

  Raises:
    ValueError: a network that has no list of layers, or codes that are not
      finite.
  """
  nets = [networks_lib.networks(experiment, params) for _, params in members]
  shown = (
    shown_lib.of_data(experiment)
    if own is None
    else shown_lib.of_others(experiment, own)
  )
  images, labels = shown['images'], shown['labels']
  points = experiment.objective.points
  key = draws.key(experiment.config.evaluation.seed)
  return Content(
    title=title,
    **shown,
    members=[
      _member(experiment, place, pair, images, labels, results)
      for (place, _), pair in zip(members, nets)
    ],
    points=points,
    scored=results is not None,
    prior=np.asarray(experiment.sample_prior(key, 0 if points else NUM_PRIOR)),
  )


def _member(
  experiment: experiment_lib.Experiment,
  place: int,
  nets: networks_lib.Networks,
  images: np.ndarray,
  labels: np.ndarray,
  results: Results | None,
) -> Member:
  parts = np.split(images, range(_AT_ONCE, len(images), _AT_ONCE))
  codes = np.concatenate(
    [graph.evaluate(nets.encoder, p.astype(np.float32) / 255) for p in parts]
  )
  if not np.isfinite(codes).all():
    raise ValueError(
      f'member {place} has codes that are not finite; choose others with '
      '--members'
    )
  if experiment.objective.points:
    mean, sigma = codes, np.maximum(codes.std(0), 1e-6)
    kl = (sigma / sigma.max()) ** 2
  else:
    mean, logvar = np.split(codes, 2, -1)
    kl = _kl(mean, logvar, num_categories=experiment.num_categories)
    kl = np.asarray(kl).mean(0)
    sigma = np.sqrt(np.exp(logvar).mean(0))
    mean = np.array(experiment.chosen(jnp.asarray(mean)))
    if experiment.num_categories:  # whose posterior has no deviation
      sigma[-experiment.num_categories :] = 1.0
  if images.shape[-1] > 3:  # what the page holds of them is not the image
    nets = nets._replace(encoder=[])
  low, high = np.quantile(mean, QUANTILES, axis=0)
  return Member(
    place=place,
    seed=population.members(experiment.config)[place].seed,
    networks=nets,
    mean=mean,
    sigma=sigma,
    kl=np.asarray(kl),
    low=low,
    high=high,
    shares=explained(mean, labels),
    about=_about(experiment, place, results),
  )


def _about(
  experiment: experiment_lib.Experiment, place: int, results: Results | None
) -> str:
  """What tells a member from others: its setting, its score, its fate."""
  members = population.members(experiment.config)
  hparams = members[place].hparams
  told = [f'{n} {hparams[n]:g}' for n in population.varying(members)]
  if results is not None:
    name, _ = results.ranking
    value, own = results.values(name)[place], results.members[place]
    told += [] if value is None else [f'{name} {value:.3g}']
    told += [] if own.ok else [own.status]
  return ', '.join(told)


def explained(mean: np.ndarray, labels: np.ndarray) -> np.ndarray:
  """The share of each latent's variance that each factor explains, [D, K].

  epsilon^2 = 1 - (SS_within / (N - V)) / (SS_total / (N - 1)), with V values of
  the factor among N images; 0 where it comes out negative (Kelley 1935).

  Args:
    mean: codes [N, D].
    labels: factors [N, K], NaN where unknown. More than N / 4 values, as
      continuous factors have, are put into bins of equal count.
  """
  shares = np.zeros((mean.shape[1], labels.shape[1]))
  for k, column in enumerate(labels.T):
    good = np.isfinite(column)
    z, classes = mean[good].astype(np.float64), column[good]
    if len(np.unique(classes)) > len(classes) / 4:
      edges = np.quantile(classes, np.linspace(0, 1, _BINS + 1)[1:-1])
      classes = np.searchsorted(edges, classes)
    _, classes, counts = np.unique(
      classes, return_inverse=True, return_counts=True
    )
    if not 1 < len(counts) < len(classes):
      continue
    centres = np.stack([z[classes == v].mean(0) for v in range(len(counts))])
    within = ((z - centres[classes]) ** 2).sum(0) / (len(z) - len(counts))
    total = ((z - z.mean(0)) ** 2).sum(0) / (len(z) - 1)
    shares[:, k] = np.clip(1 - within / np.maximum(total, 1e-12), 0, 1)
  return shares
