"""A study as its page needs it: the members of all units, method by method."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import losses, population, workdir
from bvae_jax.evaluation import records
from bvae_jax.evaluation.results import Member, Results
from bvae_jax.report import kinds
from bvae_jax.report import view as view_lib
from bvae_jax.report.view import Setting, View
from bvae_jax.studies import plan

# Terms of the log that stand beside the scores.
LOGGED = (
  losses.SHOWN_TC,
  'dimension_wise_kl_mss',
  'marginal_kl_mss',
  'mutual_information_mss',
  'total_correlation_mss',
)


class Column(NamedTuple):
  """One setting of one method, or run.

  Attributes:
    method: its name.
    setting: values of what the method sweeps.
    name: of both, as a reader needs it.
    members: places of the healthy ones among those of the method.
    places: the same among `Study.everyone`.
  """

  method: str
  setting: Setting
  name: str
  members: list[int]
  places: list[int]


@dataclasses.dataclass(frozen=True)
class Study:
  """What the sections of a study's page draw from.

  Attributes:
    config: the study's config, plain.
    units: the configs of its units as they are run, by unit.
    folders: the folder of each unit.
    results: those of the units that are done, by unit.
    methods: the members of each method; one method may have several units.
    sources: of each method, the (unit, member of the unit) of each member.
    everyone: the members of all methods.
    named: the method of each unit, from the units' configs.
    colours: of each unit: a method has one, whatever data it is scored on.
  """

  config: dict[str, Any]
  units: Mapping[str, ml_collections.ConfigDict]
  folders: Mapping[str, pathlib.Path]
  results: dict[str, Results]
  methods: dict[str, View]
  sources: dict[str, list[tuple[str, int]]]
  everyone: View
  named: kinds.Named
  colours: Mapping[str, str]

  @property
  def single(self) -> bool:
    """Whether there is one method only."""
    return len(self.methods) == 1

  @property
  def by_method(self) -> Mapping[str, View]:
    """The members by what stands before their settings, if anything."""
    return {'': self.everyone} if self.single else self.methods

  @functools.cached_property
  def columns(self) -> list[Column]:
    """The settings of all methods, in order."""
    found, before = [], 0
    for method, view in self.methods.items():
      for setting, members in view.settings.items():
        words = view.words[setting]
        name = f'{method} {words}'.strip()
        if self.single:
          name = words or method
        places = [before + m for m in members]
        found.append(Column(method, setting, name, members, places))
      before += len(view.entries)
    return found

  @functools.cached_property
  def parts(self) -> dict[str, 'Study']:
    """The study of each data set; of a single one, the study."""
    data = kinds.data_sets(self.config['units'])
    sets = dict.fromkeys(data[unit] for unit in self.results)
    if len(sets) == 1:
      return {name: self for name in sets}

    def part(name: str) -> Study:
      own = lambda of: {u: of[u] for u in of if data[u] == name}
      config = {**self.config, 'units': own(self.config['units'])}
      done = own(self.results)
      return assemble(config, self.units, self.folders, done, self.named)

    return {name: part(name) for name in sets}


def _with_log(log: list[dict], results: Results) -> list[Member]:
  """The members, the KL decomposition at their last step beside the scores."""
  last = log[-1]['members'] if log else [{}] * len(results.members)
  kept = [{k: v for k, v in terms.items() if k in LOGGED} for terms in last]
  return [
    dataclasses.replace(entry, metrics={**entry.metrics, **terms})
    for entry, terms in zip(results.members, kept)
  ]


def _without_log(entry: Member) -> Member:
  """A member without terms of the log, of which more is not better."""
  kept = {k: v for k, v in entry.metrics.items() if k not in LOGGED}
  return dataclasses.replace(entry, metrics=kept)


def _sources(
  results: Mapping[str, Results], names: Mapping[str, str]
) -> dict[str, list[tuple[str, int]]]:
  """The (unit, member of the unit) of each member of each method.

  A model that several units trained, one seed at one setting, counts once.
  """
  sources: dict[str, dict[tuple, tuple[str, int]]] = {}
  for unit, result in results.items():
    own = sources.setdefault(names[unit], {})
    for m, member in enumerate(result.members):
      who = member.seed, *sorted(member.hparams.items())
      own.setdefault(who, (unit, m))
  return {method: [*own.values()] for method, own in sources.items()}


def _counted(view: View) -> View:
  """A method beside others: where all its members failed, none counts."""
  ok = np.array([entry.ok for entry in view.entries])
  return dataclasses.replace(view, healthy=ok)


def _view(configs, results, entries, identities, log=()) -> View:
  """A view of members of several units; `identities` says how they differ."""
  metrics = dict.fromkeys(m for c in configs for m in c['metrics'])
  scored = tuple(map(_without_log, entries))
  view = view_lib.make(
    configs[0] | {'metrics': list(metrics)},
    identities,
    dataclasses.replace(results, members=scored),
    list(log),
  )
  return dataclasses.replace(view, entries=entries)


def _marked(view: View, colour: str, method: str) -> View:
  """The view with its members in one colour, and labelled."""
  labels = [f'{method} {label}' for label in view.labels]
  marks = [view_lib.Mark(colour, label, '', method) for label in labels]
  own = [(colour, method)]
  return dataclasses.replace(view, marks=marks, labels=labels, legend=own)


def make(
  folder: pathlib.Path,
  config: ml_collections.ConfigDict,
  results: dict[str, Results],
) -> Study:
  """Looks at a study once, for all sections.

  Args:
    folder: the study's workdir.
    config: the study's config.
    results: those of the units that are done, at least one.
  """
  plain = config_lib.plain(config.to_dict())
  return assemble(
    plain,
    config.units,
    {unit: plan.unit_path(folder, unit) for unit in plain['units']},
    results,
    kinds.methods,
  )


def assemble(
  config: dict[str, Any],
  units: Mapping[str, ml_collections.ConfigDict],
  folders: Mapping[str, pathlib.Path],
  results: dict[str, Results],
  named: kinds.Named,
) -> Study:
  """A study of its parts, which are those of `Study`.

  Args:
    config: plain; it holds `units`.
    units, folders: of every unit.
    results: of the units that are done, at least one.
  """
  sources = _sources(results, named(config['units']))
  logs = {unit: workdir.Workdir(folders[unit]).read_log() for unit in results}
  logged = {unit: _with_log(logs[unit], r) for unit, r in results.items()}
  every = {u: config_lib.plain(c.to_dict()) for u, c in units.items()}
  colours = kinds.colours(every, named)
  methods = {}
  for method, found in sources.items():
    own = list(dict.fromkeys(unit for unit, _ in found))
    entries = records.complete([logged[unit][m] for unit, m in found])
    methods[method] = _view(
      [config['units'][u] for u in own],
      results[own[0]],
      entries,
      entries,
      logs[own[0]] if len(own) == 1 else [],
    )
  if len(methods) == 1:
    (everyone,) = methods.values()
  else:
    colour = {m: colours[found[0][0]] for m, found in sources.items()}
    methods = {m: _marked(view, colour[m], m) for m, view in methods.items()}
    if any(e.ok for found in logged.values() for e in found):
      methods = {m: _counted(view) for m, view in methods.items()}
    views = methods.values()
    entries = [e for view in views for e in view.entries]
    everyone = dataclasses.replace(
      _view(
        [config['units'][unit] for unit in results],
        next(iter(results.values())),
        entries,
        [population.Member(e.seed, {}) for e in entries],
      ),
      labels=[label for view in views for label in view.labels],
      marks=[mark for view in views for mark in view.marks],
      legend=[pair for view in views for pair in view.legend],
    )
  return Study(
    config, units, folders, results, methods, sources, everyone, named, colours
  )
