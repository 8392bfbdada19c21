"""A study as its page needs it: the members of all units, method by method."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections

from bvae_jax import losses, population, workdir
from bvae_jax.evaluation.results import Member, Results
from bvae_jax.report import scores
from bvae_jax.report import view as view_lib
from bvae_jax.training import optimizer

# Terms of the log that stand beside the scores.
LOGGED = (
  losses.SHOWN_TC,
  'dimension_wise_kl_mss',
  'marginal_kl_mss',
  'mutual_information_mss',
  'total_correlation_mss',
)
# What may differ between two units of one method.
_SWEPT = ('hparams', 'grid', 'seeds', *optimizer.RATES)


class Study(NamedTuple):
  """What the sections of a study's page draw from.

  Attributes:
    config: the study's config, plain.
    units: the configs of its units as they are run, by unit.
    folders: the folder of each unit.
    results: those of the units that are done, by unit.
    methods: the members of each method; one method may have several units.
    sources: of each method, the (unit, member of the unit) of each member.
    everyone: the members of all methods.
  """

  config: dict[str, Any]
  units: Mapping[str, ml_collections.ConfigDict]
  folders: Mapping[str, pathlib.Path]
  results: dict[str, Results]
  methods: dict[str, view_lib.View]
  sources: dict[str, list[tuple[str, int]]]
  everyone: view_lib.View

  @property
  def single(self) -> bool:
    """Whether there is one method only."""
    return len(self.methods) == 1

  @property
  def keys(self) -> list[str]:
    """The main scores, then the bounds."""
    return [*self.everyone.scores, *self.everyone.bounds]

  def name(self, method: str, setting: tuple[float, ...]) -> str:
    """A setting with its method: `beta_vae beta 4`; of one method, `beta 4`."""
    words = scores.setting_label(self.methods[method], setting)
    if self.single:
      return words or method
    return f'{method} {words}'.strip()


def method_names(units: dict[str, dict]) -> dict[str, str]:
  """The method of each unit: its objective, where that names it.

  Units that differ only in seeds and hyperparameters are one method. Two
  methods with one objective are called by their first units.
  """
  kinds = {
    unit: {k: v for k, v in config.items() if k not in _SWEPT}
    for unit, config in units.items()
  }
  first = {u: next(o for o in units if kinds[o] == kinds[u]) for u in units}
  objectives = [units[u]['objective'] for u in set(first.values())]
  unique = lambda unit: objectives.count(units[unit]['objective']) == 1
  return {
    unit: units[f]['objective'] if unique(f) else f for unit, f in first.items()
  }


def _with_log(log: list[dict], results: Results) -> list[Member]:
  """The members, the KL decomposition at their last step beside the scores."""
  last = log[-1]['members'] if log else [{}] * len(results['members'])
  return [
    dataclasses.replace(
      entry,
      metrics={
        **entry.metrics,
        **{k: v for k, v in terms.items() if k in LOGGED},
      },
    )
    for entry, terms in zip(results['members'], last)
  ]


def _view(configs, results, entries, identities, log=()) -> view_lib.View:
  """A view of members of several units; `identities` says how they differ."""
  metrics = dict.fromkeys(m for c in configs for m in c['metrics'])
  return view_lib.make(
    configs[0] | {'metrics': list(metrics)},
    identities,
    dataclasses.replace(results, members=tuple(entries)),
    list(log),
  )


def _marked(view, colour, labels, method) -> view_lib.View:
  """The view with its members in one colour, and labelled."""
  marks = [view_lib.Mark(colour, label, '', method) for label in labels]
  return dataclasses.replace(
    view, marks=marks, labels=labels, legend=[(colour, method)]
  )


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
  plain = workdir.plain(config.to_dict())
  return assemble(
    plain,
    config.units,
    {unit: folder / 'units' / unit for unit in plain['units']},
    results,
    method_names(plain['units']),
  )


def assemble(
  config: dict[str, Any],
  units: Mapping[str, ml_collections.ConfigDict],
  folders: Mapping[str, pathlib.Path],
  results: dict[str, Results],
  names: Mapping[str, str],
) -> Study:
  """A study of its parts, which are those of `Study`.

  Args:
    config: plain; it holds `units`.
    units, folders: of every unit.
    results: of the units that are done, at least one.
    names: the method of each unit.
  """
  sources, methods = {}, {}
  for unit in results:
    found = [(unit, m) for m in range(len(results[unit]['members']))]
    sources.setdefault(names[unit], []).extend(found)
  logs = {unit: workdir.Workdir(folders[unit]).read_log() for unit in results}
  logged = {unit: _with_log(logs[unit], r) for unit, r in results.items()}
  for method, found in sources.items():
    own = list(dict.fromkeys(unit for unit, _ in found))
    entries = [logged[unit][m] for unit, m in found]
    methods[method] = _view(
      [config['units'][u] for u in own],
      results[own[0]],
      entries,
      [population.Member(e['seed'], e['hparams']) for e in entries],
      logs[own[0]] if len(own) == 1 else [],
    )
  made = functools.partial(
    Study, config, units, folders, results, methods, sources
  )
  if len(methods) == 1:
    return made(*methods.values())
  palette = view_lib.PALETTE
  colours = [palette[i % len(palette)] for i in range(len(methods))]
  for colour, (method, view) in zip(colours, list(methods.items())):
    labels = [f'{method} {label}' for label in view.labels]
    methods[method] = _marked(view, colour, labels, method)
  entries = [e for view in methods.values() for e in view.entries]
  everyone = _view(
    [config['units'][unit] for unit in results],
    next(iter(results.values())),
    entries,
    [population.Member(e['seed'], {}) for e in entries],
  )
  everyone = dataclasses.replace(
    everyone,
    labels=[label for view in methods.values() for label in view.labels],
    marks=[mark for view in methods.values() for mark in view.marks],
    legend=list(zip(colours, methods)),
  )
  return made(everyone)
