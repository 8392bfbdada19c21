"""Members of a run, from the files of its folder."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax import data, population
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import results as results_lib
from bvae_jax.trained import networks
from bvae_jax.trained.model import Model
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import programs as programs_lib

_LOG = logging.getLogger(__name__)

CHOICES = ('best', 'median', 'udr')


def load(workdir: str | os.PathLike, *, member: int | str = 'best') -> Model:
  """A member of a run, from its last checkpoint.

  Args:
    workdir: the run's folder; of a run that still trains, the last checkpoint.
    member: its place in the population, from 0; or 'best' or 'median', by the
      first metric of the run (`Results.ranking`); or 'udr', the one that agrees
      most with other seeds, which needs no factors.

  Raises:
    OSError: the folder holds no run, or no checkpoint.
    ValueError: there is no such member.
  """
  return load_all(workdir, [member])[0]


def load_all(
  workdir: str | os.PathLike, members: Sequence[int | str] | None = None
) -> tuple[Model, ...]:
  """Several members of a run.

  Args:
    workdir: the run's folder, as of `load`.
    members: each as of `load`, in this order; all of them by default.

  Raises:
    OSError: as `load` does.
    ValueError: as `load` does, or no member is named.
  """
  folder = workdir_lib.Workdir(workdir)
  config = folder.config()
  results = _results(folder)
  who = population.members(config)
  chosen = [
    _choose(folder, name, len(who), results)
    for name in (range(len(who)) if members is None else members)
  ]
  if not chosen:
    raise ValueError(f'no member of {folder.path} is named; give one or more')
  if results is None:
    experiment = experiment_lib.assemble(config, data.load(config.dataset))
  else:
    experiment = networks.build(config, **networks.facts(results.dataset))
  states = _states(experiment, folder)
  return tuple(
    Model(
      experiment=experiment,
      params=population.select(states.params, m),
      member=m,
      seed=who[m].seed,
      hparams=who[m].hparams,
      step=int(states.step[m]),
      results=results,
      folder=folder,
    )
    for m in chosen
  )


def _results(folder: workdir_lib.Workdir) -> results_lib.Results | None:
  if folder.results_path.exists():
    return results_lib.Results.read(folder.results_path)
  _LOG.warning(
    '%s is not finished; its last checkpoint is taken, and no score is known',
    folder.path,
  )
  return None


def _choose(
  folder: workdir_lib.Workdir,
  member: int | str,
  count: int,
  results: results_lib.Results | None,
) -> int:
  """The place of a member in its population."""
  name = str(member)
  if name.isdecimal() and int(name) < count:
    return int(name)
  if name not in CHOICES:
    raise ValueError(
      f'{folder.path} has no member {member}; its members are 0 to '
      f'{count - 1}, or one of {", ".join(CHOICES)}'
    )
  if results is None:
    if count == 1:
      return 0
    raise ValueError(
      f'member {name!r}: {folder.path} is not scored yet; give a number from 0 '
      f'to {count - 1}'
    )
  if name == 'udr':
    counts = lambda member: member.ok or not results.ok
    udr = np.array(
      [m.scores.get('udr') if counts(m) else None for m in results.members],
      np.float64,
    )
    if not np.isfinite(udr).any():
      raise ValueError(
        f'{folder.path} has no UDR; score it with --mode=evaluate '
        '--config.metrics="(\'udr\',)" (it needs two seeds or more)'
      )
    return int(np.nanargmax(udr))
  return results.roles[name]


def _states(
  experiment: experiment_lib.Experiment, folder: workdir_lib.Workdir
) -> Any:
  """The population's last states; nothing is compiled, nothing is written."""
  programs_lib.require_checkpoint(folder)
  if not folder.cohorts(experiment.config):  # it would be compiled to know them
    raise workdir_lib.WorkdirError(
      f'{folder.path} has no groups.json, as runs of the first versions; '
      f'--mode=evaluate --workdir={folder.path} writes it where it can be read'
    )
  return programs_lib.restore(experiment, folder)
