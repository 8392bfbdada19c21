"""results.json: the one schema of what a run found.

    Results
      dataset     DatasetFacts     what was looked at
      provenance  Provenance       with what it was made
      members     Member, ...      one a model of the population

`Results.read` and `Results.write` are the only way in and out. A record also
answers `record['field']`, as the dicts of the file do.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import population, workdir
from bvae_jax.evaluation.provenance import Provenance
from bvae_jax.evaluation.records import DatasetFacts, Member, Record, spread_of

SCHEMA = 2  # of files without a number: 1
# Settings of files that do not name them.
_BEFORE = {'transform': 'none', 'floors': False}
# Scores of which more is not better; they never choose a member.
UNRANKED = ('unsupervised', 'fairness')


class Damaged(workdir.WorkdirError):
  """A results.json that cannot be read."""


@dataclasses.dataclass(frozen=True)
class Results(Record):
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
  provenance: Provenance = dataclasses.field(repr=False)
  members: tuple[Member, ...]
  evaluation: Mapping[str, Any] = dataclasses.field(
    default_factory=dict, repr=False
  )
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
    return population.varying(self.members)

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

    The first metric that has values, but for those of `UNRANKED`, else the
    ELBO. Members that are not ok count only where none is.
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
  def roles(self) -> dict[str, int]:
    """The best and the median member of the ranking."""
    _, order = self.ranking
    return {'best': order[-1], 'median': order[(len(order) - 1) // 2]}

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

    Where the two were scored with other settings, or of other factors, `new`
    alone.
    """
    known = lambda x: (x.dataset.factor_names, x.dataset.factor_sizes)
    if not self._scored_with(new.evaluation) or known(self) != known(new):
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
        f'its layout is {schema!r}, this version reads up to {SCHEMA}; use the '
        'version that wrote it'
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
      return cls.from_json(json.loads(path.read_text(encoding='utf-8')))
    except workdir.WorkdirError as error:
      raise workdir.WorkdirError(f'{path}: {error}') from None
    except ValueError as error:  # of JSON and of UTF-8 as well
      raise Damaged(
        f'{path} is damaged ({error}); run its command again: the scores are '
        'computed anew'
      ) from None

  def text(self) -> str:
    """The file's text."""
    return workdir.json_text(self.to_json())
