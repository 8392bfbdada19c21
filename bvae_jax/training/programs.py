"""The programs of a population: split where memory is short, then one again."""

import dataclasses
import logging
import math
from typing import Any

from bvae_jax import config as config_lib
from bvae_jax import parallel, population
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import checkpoint as checkpoint_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import program as program_lib
from bvae_jax.training import schedules, step

_LOG = logging.getLogger(__name__)


def check(config: Any) -> None:
  """Refuses devices that are not there, or that a program has no use for.

  Tells of what has no effect.

  Raises:
    ValueError: as `parallel.layout` does.
  """
  count = len(population.members(config))
  most = min(count, config.members_per_program or count)
  program_lib.layout(config, most, config.num_devices)
  for line in (*schedules.unfinished(config), *config_lib.idle(config)):
    _LOG.warning('%s', line)


def plan(
  experiment: experiment_lib.Experiment, folder: workdir_lib.Workdir
) -> list[program_lib.Program]:
  """The programs of a population: one, or several where memory is short.

  Their number follows from `config.members_per_program`, or from the memory
  that the program of the whole population needs; it is kept in the workdir, so
  that a resumed run has the same ones. Seeds and settings that a run is given
  later have programs of their own.
  """
  config = experiment.config
  members = population.members(config)
  programs: list[program_lib.Program] = []

  def of(cohort: population.Cohort) -> list[program_lib.Program]:
    return [
      program_lib.make(
        experiment, [members[m] for m in rows], len(programs) + i
      )
      for i, rows in enumerate(population.places(config, cohort))
    ]

  cohorts = folder.cohorts(config)
  for cohort in cohorts:
    programs += of(cohort)
  for cohort in population.fresh(config, cohorts):
    together = of(cohort)
    count = _programs_needed(together[0])
    cohorts.append(cohort._replace(programs=count))
    programs += together if count == 1 else of(cohorts[-1])
    folder.keep_cohorts(cohorts)
  return programs


def _programs_needed(whole: program_lib.Program) -> int:
  """Into how many programs the members of one are to be split."""
  config = whole.experiment.config
  if config.members_per_program:
    return math.ceil(len(whole.members) / config.members_per_program)
  limit, needed = parallel.memory_limit(), whole.bytes
  if needed <= limit:
    return 1
  count = whole.layout.programs_within(limit / needed)
  _LOG.info(
    'the population needs %.1f GB of the %.1f GB of a device: %d program(s)',
    needed / 1e9,
    limit / 1e9,
    count,
  )
  return count


def assembled(
  config: Any, trained: list[population.Member], states: list[step.TrainState]
) -> step.TrainState:
  """The population (or a part) of its programs' states, as it is scored.

  Args:
    config: of the run.
    trained: the members of all programs, in their order.
    states: of each program, on the host.
  """
  whole = population.concatenate(states)
  wanted = [m for m in population.members(config) if m in trained]
  return step.evaluated(population.in_order(whole, trained, wanted))


def reached(folder: workdir_lib.Workdir) -> list[int]:
  """The newest step on disk of each program that has one."""
  home = folder.path / 'checkpoints'
  groups = [*home.iterdir()] if home.exists() else []
  steps = [checkpoint_lib.Checkpoints(group, 1).steps() for group in groups]
  return [found[0] for found in steps if found]


def require_checkpoint(folder: workdir_lib.Workdir) -> None:
  """Refuses, before any work, a run that has no checkpoint.

  Raises:
    WorkdirError: it has none.
  """
  if not reached(folder):
    raise _lacks(folder, 'no checkpoint')


def _lacks(folder: workdir_lib.Workdir, what: str) -> workdir_lib.WorkdirError:
  way = 'wait for the first one, or run its command again'
  if folder.results_path.exists():
    way = (
      'it is scored: put its folder checkpoints back, or move its results.json '
      'away and run its command again, which trains it anew'
    )
  return workdir_lib.WorkdirError(f'{folder.path} has {what}; {way}')


def restore(
  experiment: experiment_lib.Experiment, folder: workdir_lib.Workdir
) -> step.TrainState:
  """A trained population from its folder, `evaluated`, leaves [M, ...].

  The devices that it was trained on need not be here.

  Raises:
    WorkdirError: a program of the population has no whole checkpoint.
  """

  def lacks(seeds: set[int]) -> workdir_lib.WorkdirError:
    named = ', '.join(map(str, sorted(seeds)))
    return _lacks(folder, f'no whole checkpoint of seeds {named}')

  config = experiment.config.copy_and_resolve_references()
  cohorts = folder.cohorts(config)
  fresh = population.fresh(config, cohorts)
  if cohorts and fresh:  # their programs are for the trainer to settle
    raise lacks({seed for cohort in fresh for seed in cohort.seeds})
  config.update({'num_devices': 0, 'parallel': 'members'})
  experiment = dataclasses.replace(experiment, config=config)
  states, trained = [], []
  for program in plan(experiment, folder):
    opened = program_lib.checkpoints(folder, program)
    try:
      found = opened.restore(program.template)
    finally:
      opened.close()
    if found is None:
      raise lacks({member.seed for member in program.members})
    states.append(found.state)
    trained += program.members
  return assembled(experiment.config, trained, states)
