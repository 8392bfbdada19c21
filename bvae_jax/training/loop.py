"""The host's loop: it holds the states, drives the chunks, calls the hooks."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax import parallel
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import checkpoint as checkpoint_lib
from bvae_jax.training import hooks as hooks_lib
from bvae_jax.training import monitor, step
from bvae_jax.training import program as program_lib

_LOG = logging.getLogger(__name__)


def next_stop(at: int, config: Any) -> int:
  """The step at which the next chunk ends: a log line, a checkpoint, the end.

  It does not depend on where a run was resumed, nor does any result.
  """
  after = lambda every: (at // every + 1) * every
  return min(
    after(config.log_every), after(config.checkpoint_every), config.num_steps
  )


def _start(
  program: program_lib.Program, checkpoints: checkpoint_lib.Checkpoints
) -> tuple[int, step.TrainState]:
  """The newest whole checkpoint's step and states, or fresh ones."""
  found = checkpoints.restore(program.template)
  if parallel.is_first_host():
    checkpoints.set_aside(None if found is None else found[0])
  if found is None:
    return 0, program.init()
  at, states = found
  _LOG.info('resuming from step %d', at)
  return at, program.place(states)


def _interrupted(signals: monitor.Signals, at: int) -> monitor.Interrupted:
  return monitor.Interrupted(
    f'{signals.received or "another host"} at step {at}: checkpointed; run the '
    'same command again to resume'
  )


def train(
  program: program_lib.Program,
  folder: workdir_lib.Workdir,
  extra: Sequence[hooks_lib.Hook] = (),
) -> step.TrainState:
  """Trains a program from its newest checkpoint to its last step.

  Args:
    program: what trains.
    folder: the run's folder, opened.
    extra: hooks beside the run's own (`hooks.of_run`).

  Returns:
    The states, host arrays with leading axis M.

  Raises:
    Interrupted: SIGTERM or SIGINT; the run is checkpointed.
    OSError: a log or a checkpoint could not be written.
  """
  config: Any = program.experiment.config
  checkpoints = program_lib.checkpoints(folder, program)
  hooks = []
  try:
    at, states = _start(program, checkpoints)
    living = bool(np.any(program.collect(states.alive)))
    folder.rewind_log(at, program.group)
    hooks += [*hooks_lib.of_run(program, folder, checkpoints, at), *extra]
    with monitor.Signals() as signals:
      while at < config.num_steps and living:
        end = next_stop(at, config)
        states, alive, terms = program.advance(states, end - at)
        at, interrupted = end, parallel.any_host(bool(signals.received))
        living = bool(np.any(alive))
        done = at == config.num_steps or not living
        due = done or interrupted or at % config.checkpoint_every == 0
        kept = program.collect(states) if due else None
        chunk = hooks_lib.Chunk(at, alive, terms, kept)
        for hook in hooks:
          hook(chunk)
        if interrupted:
          raise _interrupted(signals, at)
      # The last hooks take a while too, and scoring takes longer.
      if parallel.any_host(bool(signals.received)):
        raise _interrupted(signals, at)
    return program.collect(states)
  finally:
    for hook in hooks:
      hook.close()
    checkpoints.close()
