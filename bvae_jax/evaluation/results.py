"""results.json: the one schema of what a run found.

    Results
      dataset     DatasetFacts     what was looked at
      provenance  Provenance       with what it was made
      members     Member, ...      one a model of the population

`Results.read` and `Results.write` are the only way in and out. A record also
answers `record['field']`, as the dicts of the file do.
"""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

import bvae_jax
from bvae_jax import config as config_lib
from bvae_jax import workdir

SCHEMA = 2  # of files without a number: 1
OK = 'ok'
# Settings of files that do not name them.
_BEFORE = {'transform': 'none', 'floors': False}
# Scores of which more is not better; they never choose a member.
UNRANKED = ('unsupervised', 'fairness')


class Damaged(workdir.WorkdirError):
  """A results.json that cannot be read."""


class _Record:
  """A frozen dataclass that also answers `record['field']`."""

  def __getitem__(self, name: str) -> Any:
    try:
      return getattr(self, name)
    except AttributeError:
      raise KeyError(name) from None


@dataclasses.dataclass(frozen=True)
class DatasetFacts(_Record):
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
class Provenance(_Record):
  """With what a population was trained.

  Attributes:
    bvae_jax: version of the package.
    jax: version.
    jaxlib: version.
    device: kind of the device that trained.
    commit: of the git repository that the command ran in, None outside one.
  """

  bvae_jax: str
  jax: str
  jaxlib: str
  device: str
  commit: str | None = None

  @classmethod
  def here(cls) -> 'Provenance':
    """That of this process."""
    return cls(
      bvae_jax=bvae_jax.__version__,
      jax=jax.__version__,
      jaxlib=importlib.metadata.version('jaxlib'),
      device=jax.devices()[0].device_kind,
      commit=_commit(),
    )


def _commit() -> str | None:
  """The commit of the working directory, `+` behind it if files changed."""
  git = lambda *command: subprocess.run(
    ['git', *command], capture_output=True, text=True, check=True, timeout=10
  ).stdout.strip()
  try:
    changed = git('status', '--porcelain', '--untracked-files=no')
    return git('rev-parse', 'HEAD') + ('+' if changed else '')
  except (OSError, subprocess.SubprocessError):
    return None


@dataclasses.dataclass(frozen=True)
class Member(_Record):
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
  matrices: Mapping[str, list] = dataclasses.field(default_factory=dict)

  @property
  def ok(self) -> bool:
    """Whether the member trained to the end and was scored."""
    return self.status == OK

  @property
  def carried(self) -> Any:
    """What each latent carries [D], see the function."""
    return carried(self.elbo)

  @property
  def scores(self) -> dict[str, float | None]:
    """Scalars under flat names: the ELBO's terms, then the metrics."""
    bounds = {k: v for k, v in self.elbo.items() if np.ndim(v) == 0}
    return {**bounds, 'active_latents': self.active_latents, **self.metrics}


def carried(terms: Mapping[str, Any]) -> Any:
  """What each latent carries [..., D]: its KL in nats, as the file has it.

  Of codes that are points, its variance as a share of the largest one.
  """
  if 'kl_per_latent' in terms:
    return terms['kl_per_latent']
  variance = np.asarray(terms['variance_per_latent'], np.float64)
  largest = np.max(variance, axis=-1, keepdims=True)
  return variance / np.where(largest > 0, largest, 1)


def varying(members: Iterable[Any]) -> tuple[str, ...]:
  """The hyperparameters that take two values or more among members."""
  values: dict[str, set] = {}
  for member in members:
    for name, value in member.hparams.items():
      values.setdefault(name, set()).add(value)
  return tuple(name for name, found in values.items() if len(found) > 1)


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


@dataclasses.dataclass(frozen=True)
class Results(_Record):
  """What a run found.

  Attributes:
    objective: the name of the loss.
    dataset: the data set used.
    provenance: with what the run was made.
    members: one a model of the population.
    evaluation: the settings that it was scored with, as config.evaluation;
      empty in files of schema 1.
    floors: the metrics of representations that nobody trained, by their names,
      as those of a member; empty where they were not asked for.
    schema: number of this layout.
  """

  objective: str
  dataset: DatasetFacts
  provenance: Provenance
  members: tuple[Member, ...]
  evaluation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  floors: Mapping[str, Mapping[str, float | None]] = dataclasses.field(
    default_factory=dict
  )
  schema: int = SCHEMA

  @property
  def transform(self) -> str:
    """What the codes were turned into before they were scored, or 'none'."""
    return {**_BEFORE, **self.evaluation}['transform']

  @property
  def ok(self) -> tuple[Member, ...]:
    """The members whose figures count."""
    return tuple(m for m in self.members if m.ok)

  @property
  def varying(self) -> tuple[str, ...]:
    """The hyperparameters that differ between members."""
    return varying(self.members)

  @property
  def metrics(self) -> tuple[str, ...]:
    """The metrics computed, each by the name of its main score."""
    names = dict.fromkeys(k for m in self.members for k in m.metrics)
    return tuple(k for k in names if '/' not in k)

  def values(self, name: str) -> tuple[float | None, ...]:
    """A score of every member by its flat name, None where missing."""
    return tuple(m.scores.get(name) for m in self.members)

  @property
  def ranking(self) -> tuple[str, tuple[int, ...]]:
    """The score that ranks the members, and the members from worst to best.

    The first metric that has values, else the ELBO. Members that are not ok
    count only where none is.
    """
    keys = [key for key in self.metrics if key not in UNRANKED]
    for key in [*keys, 'elbo']:
      found = np.array(self.values(key), np.float64)
      if self.ok:
        found[[not m.ok for m in self.members]] = np.nan
      order = [int(m) for m in np.argsort(found) if np.isfinite(found[m])]
      if order:
        return key, tuple(order)
    return 'elbo', tuple(reversed(range(len(self.members))))

  @property
  def summary(self) -> dict[str, Any]:
    """Median, mean, std (ddof 1) of each score over the members that are ok."""
    names = lambda part: dict.fromkeys(k for m in self.ok for k in part(m))
    bounds = lambda m: [k for k, v in m.elbo.items() if np.ndim(v) == 0]
    return {
      'members': len(self.ok),
      'metrics': {
        k: spread_of(m.metrics.get(k) for m in self.ok)
        for k in names(lambda m: m.metrics)
      },
      'elbo': {
        k: spread_of(m.elbo.get(k) for m in self.ok) for k in names(bounds)
      },
    }

  def missing(
    self, metrics: Iterable[str], evaluation: Mapping[str, Any]
  ) -> tuple[str, ...]:
    """Which of these metrics it lacks, computed with these settings."""
    same = self._scored_with(evaluation)
    if evaluation.get('floors') and not self.floors:
      return tuple(metrics)
    return tuple(m for m in metrics if not same or m not in self.metrics)

  def _scored_with(self, evaluation: Mapping[str, Any]) -> bool:
    """Whether the scores are of these settings, as far as it is known."""
    own, asked = {**_BEFORE, **self.evaluation}, {**_BEFORE, **evaluation}
    asked['floors'] = own['floors']  # they change no score of a member
    return not self.evaluation or own == asked

  def merged(self, new: 'Results') -> 'Results':
    """`new`, with the scores of this one that it lacks beside its own.

    Where the two were scored with other settings, `new` alone.
    """
    if not self._scored_with(new.evaluation):
      return new
    both = lambda name: tuple(
      {**getattr(one, name), **getattr(other, name)}
      for one, other in zip(self.members, new.members, strict=True)
    )
    joined = zip(both('metrics'), both('errors'), both('matrices'))
    floors = {
      name: {**self.floors.get(name, {}), **found}
      for name, found in (new.floors or self.floors).items()
    }
    return dataclasses.replace(
      new,
      floors=floors,
      members=tuple(
        dataclasses.replace(m, metrics=scores, errors=errors, matrices=matrices)
        for m, (scores, errors, matrices) in zip(new.members, joined)
      ),
    )

  def to_json(self) -> dict[str, Any]:
    """As the file holds it; the summary is there for readers."""
    return config_lib.plain(
      {
        'schema': self.schema,
        'objective': self.objective,
        'dataset': dataclasses.asdict(self.dataset),
        'provenance': dataclasses.asdict(self.provenance),
        'evaluation': self.evaluation,
        'summary': self.summary,
        'floors': self.floors,
        'members': [dataclasses.asdict(m) for m in self.members],
      }
    )

  @classmethod
  def from_json(cls, found: Any) -> 'Results':
    """Of a parsed file.

    Raises:
      ValueError: a part is missing or strange.
      WorkdirError: a later version wrote it.
    """
    if not isinstance(found, dict):
      raise ValueError(f'it holds {type(found).__name__}, not results')
    schema = found.get('schema', 1)
    if schema not in (1, SCHEMA):
      raise workdir.WorkdirError(
        f'results of layout {schema!r}: this version reads up to {SCHEMA}; '
        'install the version that wrote them'
      )
    try:
      if schema == 1:  # before there were numbers
        unknown = dict.fromkeys(('bvae_jax', 'jax', 'jaxlib'), 'unknown')
        device = found.get('training', {}).get('device', 'unknown')
        found = found | {'provenance': {**unknown, 'device': device}}
      facts: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v
        for k, v in found['dataset'].items()
      }
      return cls(
        objective=found['objective'],
        dataset=DatasetFacts(**facts),
        provenance=Provenance(**found['provenance']),
        members=tuple(Member(**m) for m in found['members']),
        evaluation=found.get('evaluation', {}),
        floors=found.get('floors', {}),
      )
    except (KeyError, TypeError, AttributeError) as error:
      raise ValueError(f'a part of it is missing or strange: {error}') from None

  @classmethod
  def read(cls, path: str | os.PathLike) -> 'Results':
    """Of a results.json.

    Raises:
      Damaged: it cannot be read.
      WorkdirError: a later version wrote it.
    """
    path = pathlib.Path(path)
    try:
      return cls.from_json(json.loads(path.read_text()))
    except ValueError as error:  # of JSON and of UTF-8 as well
      raise Damaged(
        f'{path} is damaged ({error}); run its command again: the scores are '
        'computed anew'
      ) from None

  def text(self) -> str:
    """The file's text."""
    return json.dumps(self.to_json(), indent=2, allow_nan=False) + '\n'
