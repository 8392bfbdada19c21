"""The host's loop: it holds the states, drives the chunks, calls the hooks."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from bvae_jax import parallel
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import checkpoint as checkpoint_lib
from bvae_jax.training import hooks as hooks_lib
from bvae_jax.training import monitor, step, stopping
from bvae_jax.training import program as program_lib
from bvae_jax.training.chunk import Running
from bvae_jax.workdir import metrics_log

_LOG = logging.getLogger(__name__)
_PROFILED = 10  # steps of a trace, at most
CHUNK_SECONDS = 2.0  # on the device, until signals are looked at again
CHUNK_STEPS = 100  # or that long: what a chunk looks at last costs a step
_MOST_SECONDS = 8.0  # but no longer than this


def next_stop(at: int, config: Any) -> int:
  """The step at which the next chunk ends: a log line, a checkpoint, the end.

  It does not depend on where a run was resumed, nor does any result.
  """
  after = lambda every: (at // every + 1) * every
  return min(
    after(config.log_every), after(config.checkpoint_every), config.num_steps
  )


class _Pace:
  """How many steps to take before the next look at the signals."""

  def __init__(self) -> None:
    self._steps = 1

  def __call__(self, left: int) -> int:
    """The steps of the next chunk, of `left`; the same on every host."""
    return int(parallel.of_first_host(np.array(min(left, self._steps))))

  def took(self, steps: int, seconds: float) -> None:
    """Learns from a chunk."""
    each = max(seconds, 1e-3) / steps
    chunk = max(CHUNK_SECONDS, min(CHUNK_STEPS * each, _MOST_SECONDS))
    self._steps = max(1, int(chunk / each))


def _start(
  program: program_lib.Program, checkpoints: checkpoint_lib.Checkpoints
) -> tuple[int, int, Running]:
  """The step, that of the last log line, and what runs on from there."""
  found = checkpoints.restore(program.template)
  parallel.agree('the checkpoint', str(found and found.step))
  if parallel.is_first_host():
    checkpoints.set_aside(None if found is None else found.step)
  if found is None:
    return 0, 0, program.begin(program.init())
  _LOG.info('resuming from step %d', found.step)
  states = program.layout.spread(found.state)
  if found.unlogged is None:
    return found.step, found.step, program.begin(states)
  since, total = found.unlogged['since'], found.unlogged['total']
  return found.step, since, program.begin(states, total)


def _unlogged(since: int, total: dict[str, np.ndarray]) -> dict[str, Any]:
  """What the next log line needs of the steps since the last one."""
  return {'since': since, 'total': total}


def _interrupted(signals: monitor.Signals, at: int) -> monitor.Interrupted:
  return monitor.Interrupted(signals.received, f' at step {at}: checkpointed')


def _profiled(
  program: program_lib.Program,
  running: Running,
  steps: int,
  folder: workdir_lib.Workdir,
) -> Running:
  """Takes a step that warms up, then some under the profiler."""
  running = program.advance(running, 1)
  with jax.profiler.trace(str(folder.path / 'profile')):
    running = program.advance(running, steps)
  _LOG.info('a trace of %d steps: %s', steps, folder.path / 'profile')
  return running


def train(
  program: program_lib.Program,
  folder: workdir_lib.Workdir,
  extra: Sequence[hooks_lib.Hook] = (),
  score: Callable[[step.TrainState], dict[str, np.ndarray]] | None = None,
) -> step.TrainState:
  """Trains a program from its newest checkpoint to its last step.

  Args:
    program: what trains.
    folder: the run's folder, opened.
    extra: hooks beside the run's own (`hooks.of_run`).
    score: from host states to terms [M] that are logged beside the others,
      each `evaluate_every` steps.

  Returns:
    The states, host arrays with leading axis M.

  Raises:
    Interrupted: one of `monitor.numbers`; the run is checkpointed.
    OSError: a log or a checkpoint could not be written.
  """
  config = program.experiment.config
  checkpoints = program_lib.checkpoints(folder, program)
  hooks, pace, states = [], _Pace(), None

  def told(states: step.TrainState) -> step.TrainState:
    """States with those who have stopped alive, as nothing went wrong."""
    return states._replace(alive=states.alive | stops.held)

  try:
    at, since, running = _start(program, checkpoints)
    # What a shorter run wrote at its end is no line of a longer one.
    ended = at >= config.num_steps
    kept = at if ended else since
    told_to = folder.rewind_log(kept, program.group, since)
    state = running.state
    alive, steps = program.collect((state.alive, state.step))
    stops = stopping.Stops(config.stop_when, alive, steps, at)
    if config.stop_when:
      lines = metrics_log.lines(folder.log_path)
      own = [line for line in lines if line['group'] == program.group]
      stops.replay(own, kept)
      running = program.hold(running, stops.held)
    living = bool(np.any(alive & ~stops.held))
    profiled = config.profile and program.group == 0
    hooks += [
      *hooks_lib.of_run(program, folder, checkpoints, at, since, told_to),
      *extra,
    ]
    with monitor.Signals() as signals:
      while at < config.num_steps and living:
        end = next_stop(at, config)
        if profiled and end - at > 2:
          steps = min(_PROFILED, end - at - 2)
          running, profiled = _profiled(program, running, steps, folder), False
          at += 1 + steps
        while (steps := pace(end - at)) < end - at:
          begin = time.monotonic()
          running = program.advance(running, steps)
          pace.took(steps, time.monotonic() - begin)
          at += steps
          if parallel.any_host(bool(signals.received)):
            state, total = program.collect(running)
            checkpoints.save(at, told(state), _unlogged(since, total))
            raise _interrupted(signals, at)
        unlogged = None
        if end % config.log_every and end % config.checkpoint_every:
          # The end falls between two lines, where a longer run has none.
          running, at = program.advance(running, end - at), end
          unlogged = _unlogged(since, program.collect(running.total))
        running, alive, terms = program.finish(running, end - at, end - since)
        at = since = end
        if score is not None and at % config.evaluate_every == 0:
          terms |= score(program.collect(running.state))
        terms = parallel.of_first_host(terms)
        if stops.see(terms, alive):
          running = program.hold(running, stops.held)
        interrupted = parallel.any_host(bool(signals.received))
        living = bool(np.any(alive & ~stops.held))
        done = at == config.num_steps or not living
        due = done or interrupted or at % config.checkpoint_every == 0
        states = told(program.collect(running.state)) if due else None
        chunk = hooks_lib.Chunk(at, alive, stops.held, terms, states, unlogged)
        for hook in hooks:
          hook(chunk)
        del chunk  # and its copy of the states
        if interrupted:
          raise _interrupted(signals, at)
        states = states if done else None
      # The last hooks take a while too, and scoring takes longer.
      if parallel.any_host(bool(signals.received)):
        raise _interrupted(signals, at)
    if states is None:  # all was done before
      states = told(program.collect(running.state))
    return states
  finally:
    with contextlib.ExitStack() as closing:  # each, whatever another raises
      closing.callback(checkpoints.close)
      for hook in reversed(hooks):
        closing.callback(hook.close)
