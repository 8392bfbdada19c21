"""groups.json: which seeds of a run train together, in how many programs."""

import pathlib
from collections.abc import Sequence

from bvae_jax import population
from bvae_jax.workdir import files


def before(
  found: list[population.Cohort], run: pathlib.Path, seeds: Sequence[int]
) -> list[population.Cohort]:
  """The cohorts of a run that is to get more seeds.

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
      f'{run / "groups.json"} is not there, which tells new seeds from those '
      f'of the {programs} programs in checkpoints; put a copy of it back, or '
      'choose another --workdir'
    )
  return [population.Cohort(tuple(seeds), 1)] * programs
