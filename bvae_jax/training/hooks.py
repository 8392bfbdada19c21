"""What the host does after each chunk: log, watch, board, pictures, saves."""

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import losses, population
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import board, step, trackers
from bvae_jax.training import checkpoint as checkpoint_lib
from bvae_jax.training import program as program_lib
from bvae_jax.training import progress as progress_lib

_LOG = logging.getLogger(__name__)

STRETCHES = 20  # of a run, each with a picture of traversals
_NAMED = 3  # members in a warning, of more


@dataclasses.dataclass(frozen=True)
class Chunk:
  """What a hook sees of a chunk that has ended."""

  at: int  # steps taken
  alive: np.ndarray  # [M], who trains on
  stopped: np.ndarray  # [M], whose training `stop_when` has ended
  terms: dict[str, np.ndarray]  # means since the last chunk, leaves [M, ...]
  states: step.TrainState | None  # host leaves [M, ...] where they are kept
  unlogged: Any = None  # of `Checkpoints.save`, at an end between two lines

  def scalars(self, m: int) -> dict[str, float]:
    """The terms of a member: TERM, or TERM/LATENT of those of each latent.

    One that trains no more has none.
    """
    found = {}
    if not self.alive[m]:
      return found
    for name, values in self.terms.items():
      each = np.atleast_1d(values[m])
      for d, x in enumerate(each):
        found[name if len(each) == 1 else f'{name}/{d}'] = float(x)
    return found


class Hook(Protocol):
  """Called after each chunk; closed once, however training ends."""

  def __call__(self, chunk: Chunk) -> None: ...

  def close(self) -> None:
    """Lets go of what it holds; of most, nothing."""


class Log(Hook):
  """A line of metrics.jsonl: every term of every member."""

  def __init__(
    self, folder: workdir_lib.Workdir, program: program_lib.Program
  ) -> None:
    self._folder, self._program = folder, program

  def __call__(self, chunk: Chunk) -> None:
    """Appends the line; terms of those who train no more are null."""
    members = [
      {
        'seed': member.seed,
        'hparams': member.hparams,
        'alive': bool(chunk.alive[m] or chunk.stopped[m]),
        **{k: v[m] if chunk.alive[m] else None for k, v in chunk.terms.items()},
      }
      for m, member in enumerate(self._program.members)
    ]
    group, now = self._program.group, time.time()
    line = {'group': group, 'step': chunk.at, 'time': now, 'members': members}
    self._folder.log(line)


class Watch(Hook):
  """Warns once of a member that collapsed or was stopped by a NaN.

  Not of a KL that may still be that of the initial weights.
  """

  def __init__(self, labels: list[str], num_steps: int) -> None:
    self._labels, self._untrained = labels, min(1000, num_steps // 10)
    self._warned: set[tuple[int, str]] = set()

  def __call__(self, chunk: Chunk) -> None:
    """Looks at alive [M] and at the KL of each latent [M, D]."""
    if who := self._new(~(chunk.alive | chunk.stopped), 'nan'):
      _LOG.error(
        '%s met a NaN or an infinite gradient before step %d: frozen there; '
        'try a lower learning rate, or smaller hparams where no step was taken',
        who,
        chunk.at,
      )
    kl = chunk.terms.get('kl_per_latent')  # of points there is none
    if kl is None or chunk.at < self._untrained:
      return
    flat = np.all(kl < losses.COLLAPSED, axis=1) & chunk.alive
    if who := self._new(flat, 'collapse'):
      _LOG.warning(
        '%s collapsed by step %d: every latent has a KL under %g nats, the '
        'codes carry nothing; lower beta, or let the KL weight rise from 0 '
        '(config.schedules)',
        who,
        chunk.at,
        losses.COLLAPSED,
      )

  def _new(self, found: np.ndarray, about: str) -> str:
    """The members of [M] of whom this was not told before, in words."""
    places = np.flatnonzero(found).tolist()
    new = [m for m in places if (m, about) not in self._warned]
    self._warned.update((m, about) for m in new)
    more = f' and {len(new) - _NAMED} more' if len(new) > _NAMED else ''
    return '; '.join(self._labels[m] for m in new[:_NAMED]) + more


class Save(Hook):
  """Checkpoints, where the states are kept."""

  def __init__(self, checkpoints: checkpoint_lib.Checkpoints) -> None:
    self._checkpoints = checkpoints

  def __call__(self, chunk: Chunk) -> None:
    """Saves in the background."""
    if chunk.states is not None:
      self._checkpoints.save(chunk.at, chunk.states, chunk.unlogged)


class Pictures(Hook):
  """Traversals of the first member while it trains.

  Args:
    folder: of the run.
    draw: from one member's parameters to a PNG.
    num_steps: of the run; there is one picture in each of `STRETCHES` equal
      parts of them, of the part's first checkpoint, and one of the end.
  """

  def __init__(
    self,
    folder: workdir_lib.Workdir,
    draw: Callable[[Any], bytes],
    num_steps: int,
  ) -> None:
    self._folder, self._draw = folder, draw
    self._num_steps = num_steps
    # A resumed run goes on with the pictures that it has.
    self._drawn = {
      self._slot(int(path.stem.removeprefix('step_')))
      for path in folder.path.glob('traversals/step_*.png')
      if path.stem.removeprefix('step_').isdigit()
    }

  def _slot(self, at: int) -> int:
    return at * STRETCHES // self._num_steps

  def __call__(self, chunk: Chunk) -> None:
    """Draws the first checkpoint of each stretch, and the last."""
    slot = self._slot(chunk.at)
    if chunk.states is None or slot in self._drawn:
      return
    self._drawn.add(slot)
    params = population.select(step.evaluated(chunk.states).params, 0)
    name = f'traversals/step_{chunk.at:07d}.png'
    self._folder.replace(name, self._draw(params))


class Progress:
  """The bar, or plain lines, with the population's mean nll and kl."""

  def __init__(self, total: int, start: int, members: int) -> None:
    self._progress = progress_lib.Progress(total, start, members)

  def __call__(self, chunk: Chunk) -> None:
    """Shows the step; dead members are left out."""
    mean = lambda x: np.mean(x[chunk.alive]) if chunk.alive.any() else np.nan
    shown = [
      f'{name} {mean(chunk.terms[name]):.{places}f}'
      for name, places in (('nll', 1), ('kl', 2))
      if name in chunk.terms
    ]
    self._progress.update(chunk.at, ' '.join(shown))

  def close(self) -> None:
    """Takes the bar away."""
    self._progress.close()


def of_run(
  program: program_lib.Program,
  folder: workdir_lib.Workdir,
  checkpoints: checkpoint_lib.Checkpoints,
  start: int,
  logged: int,
  sent: int,
) -> list[Hook]:
  """The hooks that every run has.

  Args:
    program: what trains.
    folder: of the run.
    checkpoints: of the program.
    start: the step from which it trains on.
    logged: that of the last line of its log.
    sent: that of the last line which it had before it was resumed.
  """
  config = program.experiment.config
  everyone = population.members(config)
  labels = [population.label(m, everyone) for m in program.members]
  hooks: list[Hook] = [Log(folder, program), Watch(labels, config.num_steps)]
  if config.tensorboard:
    hooks.append(board.Board(folder.path / 'tensorboard', labels, logged))
  name = folder.path.name + (f'-{program.group}' if program.group else '')
  plain = config_lib.plain(config.to_dict())
  hooks += [
    trackers.Tracker(service, folder.path, name, labels, plain, sent)
    for service in config.trackers
  ]
  hooks.append(Save(checkpoints))
  hooks.append(Progress(config.num_steps, start, len(labels)))
  return hooks
