"""A finished run as its page needs it: labels, colours, the best member."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bvae_jax import metrics, population
from bvae_jax.evaluation import records
from bvae_jax.evaluation.results import Member, Results
from bvae_jax.report import names
from bvae_jax.report.charts import colours as colour_lib
from bvae_jax.report.charts import rounded
from bvae_jax.report.pictures import Pictures

_APART = 8  # members that have a colour each
Setting = tuple[float, ...]  # a value of each hyperparameter that is swept


class Mark(NamedTuple):
  """How a member is drawn."""

  colour: str
  label: str
  role: str = ''  # 'best', 'median' or neither
  group: str = ''  # the words of its entry in the legend


@dataclasses.dataclass(frozen=True)
class View:
  """What the sections draw from.

  Attributes:
    config: the run's config, plain.
    results: as results.json holds them.
    log: the lines of metrics.jsonl.
    entries: the members of the results [M].
    healthy: whether a member counts in means and ranks [M]: those that were
      not stopped, or all where all were.
    labels: a short name of each member [M].
    swept: the hyperparameters that differ between members.
    scores: the main scores that any member has, config's order.
    criterion: the score that ranks the members.
    best, median: members by the criterion.
    marks: how each member is drawn [M].
    legend: (colour, words) pairs.
    pictures: what the networks make of images; None where none are shown.
  """

  config: dict[str, Any]
  results: Results
  log: list[dict]
  entries: Sequence[Member]
  healthy: np.ndarray
  labels: list[str]
  swept: tuple[str, ...]
  scores: list[str]
  criterion: str
  best: int
  median: int
  marks: list[Mark]
  legend: list[tuple[str, str]]
  pictures: Pictures | None = None

  @property
  def single(self) -> bool:
    """Whether there is one member only."""
    return len(self.entries) == 1

  @property
  def components(self) -> str:
    """What was scored in place of latents, for readers; empty where nothing."""
    return {
      'pca': 'principal components',
      'ica': 'independent components (FastICA)',
    }.get(self.results.transform, '')

  @property
  def bounds(self) -> tuple[str, ...]:
    """The terms of the ELBO that any member has, of held-out images as well."""
    held_out = tuple(f'held_out_{key}' for key in names.BOUNDS)
    terms = {key for entry in self.entries for key in entry.elbo}
    return tuple(key for key in (*names.BOUNDS, *held_out) if key in terms)

  @property
  def keys(self) -> list[str]:
    """The main scores, then the bounds."""
    return [*self.scores, *self.bounds]

  @property
  def points(self) -> bool:
    """Whether codes are points: of a latent its variance counts, not its KL."""
    return 'kl_per_latent' not in self.entries[0].elbo

  @property
  def measure(self) -> str:
    """What a latent carries, in words."""
    return records.unit(self.points)

  @property
  def order(self) -> str:
    """How latents are sorted, in words."""
    return 'falling variance' if self.points else 'falling KL'

  @functools.cached_property
  def settings(self) -> dict[Setting, list[int]]:
    """The healthy members at each setting of what is swept."""
    every = sorted(population.by_setting(self.entries).items())
    found = {s: [m for m in own if self.healthy[m]] for s, own in every}
    return {setting: own for setting, own in found.items() if own}

  @functools.cached_property
  def words(self) -> dict[Setting, str]:
    """Each setting as text: `beta 4`."""
    every = [tuple(e.hparams[k] for k in self.swept) for e in self.entries]
    return population.words(self.swept, every)

  def words_of(self, hparams: Mapping[str, float]) -> str:
    """What of some hyperparameters is swept, as text."""
    return self.words[tuple(hparams[key] for key in self.swept)]

  def values(self, key: str) -> np.ndarray:
    """A score, or a term of the ELBO, of each member; NaN where missing."""
    return values_of(self.entries, key)

  def known(self, key: str) -> np.ndarray:
    """The finite values of the healthy members."""
    values = self.values(key)
    return values[self.healthy & np.isfinite(values)]

  def hparam(self, key: str) -> np.ndarray:
    """A hyperparameter of each member [M]."""
    return np.array([e.hparams[key] for e in self.entries], np.float64)

  @property
  def shown(self) -> dict[str, int]:
    """The members whose pictures are shown, by role."""
    both = {'best': self.best, 'median': self.median}
    return both if self.best != self.median else {'best': self.best}

  def role(self, role: str) -> str:
    """What a picture's caption calls a member of `shown`."""
    if self.single:
      return 'the only member'
    return f'{role} member ({self.labels[self.shown[role]]})'

  @property
  def colours(self) -> dict[str, str]:
    """The colour of each group."""
    return {words: colour for colour, words in self.legend}

  def row(self, m: int, **values: Any) -> dict[str, Any]:
    """A row of a chart: who a member is, and values, floats rounded."""
    mark = self.marks[m]
    who = {'member': mark.label, 'group': mark.group, 'role': mark.role}
    who |= {} if self.healthy[m] else {'stopped': True}
    short = lambda v: rounded(v) if isinstance(v, float) else v
    return who | {k: short(v) for k, v in values.items()}

  def series(self, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps [L] and a logged term [L, M, ...]; NaN where a member has none."""
    steps = np.array([line['step'] for line in self.log])
    rows = [[m.get(key) for m in line['members']] for line in self.log]
    known = (x for row in rows for x in row if x is not None)
    gap = np.full(np.shape(next(known, 0.0)), np.nan)
    filled = [[gap if x is None else x for x in row] for row in rows]
    return steps, np.array(filled, np.float64)


def values_of(entries: Sequence[Member], key: str) -> np.ndarray:
  """A score, or a term of the ELBO, of each member; NaN where missing."""
  bound = key.removeprefix('held_out_') in names.BOUNDS
  of = (e.elbo if bound else e.metrics for e in entries)
  return np.array([found.get(key) for found in of], np.float64)


def _groups(members, labels, swept) -> tuple[list[str], dict[str, str]]:
  """The group of each member, and the colour of each group.

  A group is a setting where several names are swept and settings are few, else
  a value of the first of them.
  """
  if swept:
    settings = [tuple(m.hparams[key] for key in swept) for m in members]
    if len(set(settings)) > _APART:
      swept, settings = swept[:1], [setting[:1] for setting in settings]
    words = population.words(swept, sorted({*settings}))
    colours = colour_lib.apart(words.values())
    if len(swept) == 1:
      shares = np.linspace(0, 1, len(words))
      colours = dict(zip(colours, map(colour_lib.ramp, shares)))
    return [words[setting] for setting in settings], colours
  if len(members) <= _APART:
    return labels, colour_lib.apart(labels)
  return ['a member each'] * len(members), {'a member each': colour_lib.NEUTRAL}


def make(
  config: dict[str, Any],
  members: Sequence[Any],
  results: Results,
  log: list[dict],
) -> View:
  """Looks at a run once, for all sections.

  Args:
    config: plain.
    members: seed and hyperparameters of each, as far as they tell them apart.
    results: as results.json holds them.
    log: the lines of metrics.jsonl.
  """
  entries = results.members
  labels = [population.label(m, members) for m in members]
  swept = population.varying(members)
  ok = np.array([e.ok for e in entries])
  later = (name for name in results.metrics if name in metrics.METRICS)
  asked = dict.fromkeys((*config['metrics'], *later))
  scores = [s for s in asked if np.isfinite(values_of(entries, s)).any()]
  best, median = results.roles['best'], results.roles['median']
  groups, colours = _groups(members, labels, swept)
  if len(members) > _APART and not swept:
    groups[median], groups[best] = 'the median one', 'the best one'
    colours = colour_lib.apart((groups[best], groups[median])) | colours
  roles = [''] * len(members)
  if len(members) > 1:
    roles[median], roles[best] = 'median', 'best'
  marks = [
    Mark(colours[group], label, role, group)
    for group, label, role in zip(groups, labels, roles)
  ]
  return View(
    config=config,
    results=results,
    log=log,
    entries=entries,
    healthy=ok if ok.any() else ~ok,
    labels=labels,
    swept=swept,
    scores=scores,
    criterion=results.ranking[0],
    best=best,
    median=median,
    marks=marks,
    legend=[(colour, words) for words, colour in colours.items()],
  )
