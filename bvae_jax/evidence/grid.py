"""Many trained models as one array: data set, setting, seed, score."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bvae_jax import population
from bvae_jax.evaluation import records
from bvae_jax.evaluation.results import Member, Results


class Row(NamedTuple):
  """One trained model.

  Attributes:
    data: the data set.
    method: the objective, or how else its kind is called.
    setting: the method with its hyperparameters.
    seed: of the model.
    scores: {name: value}, None or NaN where there is none.
  """

  data: str
  method: str
  setting: str
  seed: int
  scores: Mapping[str, float | None]


class Grid(NamedTuple):
  """Scores by data set, setting and seed.

  Attributes:
    data: names [A].
    methods: of each setting [S].
    settings: names [S], those of a method in the order of its rows.
    seeds: [R].
    scores: names [C].
    values: float64 [A, S, R, C]; NaN where a model or a score is missing.
  """

  data: tuple[str, ...]
  methods: tuple[str, ...]
  settings: tuple[str, ...]
  seeds: tuple[int, ...]
  scores: tuple[str, ...]
  values: np.ndarray

  def only(self, *scores: str) -> 'Grid':
    """The grid of some of its scores."""
    chosen = [self.scores.index(name) for name in scores]
    return self._replace(scores=scores, values=self.values[..., chosen])


def rows(
  results: Mapping[str, Results],
  methods: Mapping[str, str] | None = None,
  data: Mapping[str, str] | None = None,
) -> list[Row]:
  """The models of many runs, method by method; those that failed left out.

  Args:
    results: of runs, under their names.
    methods: {run: its method}; by default the objective.
    data: {run: its data set}; by default the name of that.
  """
  method = lambda run: (methods or {}).get(run) or results[run].objective
  found: dict[str, list[tuple[str, Member]]] = {}
  for run, result in results.items():
    found.setdefault(method(run), []).extend((run, m) for m in result.ok)
  models = []
  for name, pairs in found.items():
    own = records.complete([member for _, member in pairs])
    swept = population.varying(own)
    settings = [tuple(m.hparams[k] for k in swept) for m in own]
    words = population.words(swept, settings)
    models += [
      Row(
        (data or {}).get(run) or results[run].dataset.name,
        name,
        ', '.join([name, words[setting]] if swept else [name]),
        member.seed,
        member.scores,
      )
      for (run, _), member, setting in zip(pairs, own, settings)
    ]
  return models


def make(models: Iterable[Row], scores: Sequence[str]) -> Grid:
  """Arranges models by data set, setting and seed.

  Args:
    models: a row each; a later one with the same place takes it.
    scores: which of their scores.

  Raises:
    ValueError: there is no model.
  """
  models = list(models)
  if not models:
    raise ValueError(
      'no finished model among these runs; run their commands first'
    )
  data = tuple(dict.fromkeys(row.data for row in models))
  methods = {row.setting: row.method for row in models}
  settings = sorted(
    methods, key=lambda s: list(methods.values()).index(methods[s])
  )
  seeds = sorted({row.seed for row in models})
  values = np.full((len(data), len(settings), len(seeds), len(scores)), np.nan)
  for row in models:
    at = (
      data.index(row.data),
      settings.index(row.setting),
      seeds.index(row.seed),
    )
    values[at] = [
      np.nan if row.scores.get(name) is None else row.scores[name]
      for name in scores
    ]
  return Grid(
    data,
    tuple(methods[s] for s in settings),
    tuple(settings),
    tuple(seeds),
    tuple(scores),
    values,
  )
