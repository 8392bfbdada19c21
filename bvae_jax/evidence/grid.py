"""Many trained models as one array: data set, setting, seed, score."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bvae_jax import population
from bvae_jax.evaluation.results import Results


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
  results: Mapping[str, Results], methods: Mapping[str, str] | None = None
) -> list[Row]:
  """The models of many runs, one after the other; those that failed left out.

  Args:
    results: of runs, under their names.
    methods: {run: its method}; by default the objective.
  """
  method = lambda run: (methods or {}).get(run) or results[run].objective
  swept: dict[str, tuple[str, ...]] = {}
  for run in results:
    own = [
      m for r in results if method(r) == method(run) for m in results[r].ok
    ]
    swept[method(run)] = population.varying(own)
  return [
    Row(
      result.dataset.name,
      method(run),
      ', '.join(
        [method(run), *(f'{k} {m.hparams[k]:g}' for k in swept[method(run)])]
      ),
      m.seed,
      m.scores,
    )
    for run, result in results.items()
    for m in result.ok
  ]


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
