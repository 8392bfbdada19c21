"""groups.json: which members of a run train together, in how many programs."""

import pathlib
from collections.abc import Sequence

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import population
from bvae_jax.workdir import files

FILE = 'groups.json'


def read(
  run: pathlib.Path, config: ml_collections.ConfigDict
) -> list[population.Cohort]:
  """The cohorts of a run: members that train together, and their programs.

  None of them where there is no such file. A file of before, {"groups": N}, is
  of all seeds; [SEEDS, N] is a cohort of all settings.

  Args:
    run: its folder.
    config: of the run.

  Raises:
    WorkdirError: the file holds something else.
  """
  path = run / FILE
  if not path.exists():
    return []
  found = files.read_json(path)
  if 'groups' in found:
    found = {'cohorts': [[list(config.seeds), found['groups']]]}
  try:
    cohorts = [
      population.Cohort(tuple(seeds), number, *map(tuple, settings))
      for seeds, number, *settings in found['cohorts']
    ]
    every = config_lib.settings(config)
    own = lambda cohort: cohort.settings or every
    # A kill may have left those of members that the run does not have yet.
    cohorts = [
      c
      for c in cohorts
      if {*c.seeds} & {*config.seeds} and any(s in every for s in own(c))
    ]
    whole = all(
      {*c.seeds} <= {*config.seeds}
      and all(setting in every for setting in own(c))
      and type(c.programs) is int
      and 1 <= c.programs <= len(own(c)) * len(c.seeds)
      for c in cohorts
    )
  except (KeyError, TypeError, ValueError):
    whole, cohorts = False, []
  if not whole:
    raise files.WorkdirError(
      f'{path} is damaged (it must be {{"cohorts": [[SEEDS, N], ...]}} with N'
      ' programs a cohort, together the number of folders in checkpoints); '
      'write that by hand'
    )
  return cohorts


def before(
  found: list[population.Cohort], run: pathlib.Path, seeds: Sequence[int]
) -> list[population.Cohort]:
  """The cohorts of a run that is to get more seeds or settings.

  Where groups.json is not there, a single program is that of the seeds so far.

  Args:
    found: of groups.json.
    run: its folder.
    seeds: of the run, before it gets more.

  Raises:
    WorkdirError: it has several programs: of one cohort, or of several.
  """
  if found:
    return found
  programs = len([*run.glob('checkpoints/group_*')])
  if programs > 1:
    raise files.WorkdirError(
      f'{run / FILE} is not there, which tells new seeds from those '
      f'of the {programs} programs in checkpoints; put a copy of it back, or '
      'choose another --workdir'
    )
  return [population.Cohort(tuple(seeds), 1)] * programs
