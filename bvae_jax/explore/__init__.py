"""explorer.html: a trained model in the browser, without a server."""

import contextlib
import dataclasses
import logging
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from bvae_jax import population, workdir
from bvae_jax.evaluation.results import Results
from bvae_jax.explore import content, page
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step
from bvae_jax.workdir import locks

FILE = 'explorer.html'
_LOG = logging.getLogger(__name__)


def write(
  run_path: str | os.PathLike,
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  results: Results,
) -> None:
  """Writes explorer.html of a run's best and median members.

  Args:
    run_path: the run's folder.
    experiment: the run.
    states: the members' states, leading axis M.
    results: as results.json holds them.

  Raises:
    WorkdirError: the file cannot be written.
  """
  folder = pathlib.Path(run_path)
  chosen = dict.fromkeys(results.roles.values())
  members = [(m, population.select(states.params, m)) for m in chosen]
  text = render(folder.resolve().name, experiment, members, results)
  workdir.replace_file(folder / FILE, text)


def scores(folder: workdir.Workdir) -> bytes:
  """The scores that a run has now: results.json, nothing where it has none."""
  there = folder.results_path.exists()
  return folder.results_path.read_bytes() if there else b''


def put(folder: workdir.Workdir, text: str, seen: bytes) -> pathlib.Path:
  """Replaces explorer.html of a run that may be training.

  Args:
    folder: of the run.
    text: the page.
    seen: the run's `scores` before its members were read.

  Returns: the page's path.

  Raises:
    WorkdirError: the run was scored since; its command wrote the newer page.
  """
  with contextlib.ExitStack() as held:
    with contextlib.suppress(locks.Busy):  # a run that trains can be looked at
      held.enter_context(folder.lock())
    if scores(folder) != seen:
      raise workdir.WorkdirError(
        f'{folder.path} was scored meanwhile, and got its page; run the '
        'command again where that shows other members or images'
      )
    workdir.replace_file(folder.path / FILE, text)
    folder.seal([FILE])
  return folder.path / FILE


def render(
  title: str,
  experiment: experiment_lib.Experiment,
  members: Sequence[tuple[int, Any]],
  results: Results | None,
  images: Any = None,
) -> str:
  """The page of some members, under `page.LIMIT` bytes where that can be.

  Members after the first are left out if they do not fit, then the first one's
  encoder, without which no upload can be shown. Over `page.LARGEST` one line
  stands in its place.

  Args:
    title: the name of the run.
    experiment: the run, with its data set.
    members: (place, parameters), the first one is shown first.
    results: of the run; None while it is not scored.
    images: uint8 [N, H, W, C] in place of those of the data set.
  """
  try:
    found = content.make(title, experiment, members, results, images)
  except ValueError as error:  # one's own network, or weights of NaN
    _LOG.warning('the explorer cannot run this model: %s', error)
    return page.sorry(title, str(error))
  text = page.assemble(found)
  while len(text) > page.LIMIT:
    first, *others = found.members
    if others:
      told = f'member {others[-1].place} is left out'
      found = dataclasses.replace(found, members=[first, *others[:-1]])
    elif first.networks.encoder:
      told = 'without its encoder, no image can be dropped on it'
      alone = first._replace(networks=first.networks._replace(encoder=[]))
      found = dataclasses.replace(found, members=[alone])
    else:
      told = f'{len(text) / 1e6:.0f} MB: so large is the decoder'
      if len(text) > page.LARGEST:
        told = f'it would have {told}'
        _LOG.warning('no explorer.html: %s', told)
        return page.sorry(title, told)
      _LOG.warning('explorer.html has %s', told)
      break
    _LOG.info('explorer.html over %.0f MB: %s', page.LIMIT / 1e6, told)
    text = page.assemble(found)
  return text
