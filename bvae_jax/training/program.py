"""One compiled population in training: its chunk, its states, its checkpoints.

The device runs compiled chunks of many steps; the host, between chunks, logs,
checkpoints and watches for members that collapse or meet a NaN.
"""

import json
import logging
import math
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from bvae_jax import data, parallel, population
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import checkpoint as checkpoint_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import monitor, step
from bvae_jax.training import progress as progress_lib

_LOG = logging.getLogger(__name__)


def next_stop(at: int, config: ml_collections.ConfigDict) -> int:
  """The step at which the next chunk ends: a log line, a checkpoint, the end.

  It does not depend on where a run was resumed, nor does any result.
  """
  after = lambda every: (at // every + 1) * every
  return min(
    after(config.log_every), after(config.checkpoint_every), config.num_steps
  )


class Run:
  """Some members of a population that train in one program.

  Args:
    config: of the run.
    workdir: where the log and the checkpoints go.
    dataset: loaded from the config.
    members: who they are.
    group: which of the programs of its population this one is.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    workdir: workdir_lib.Workdir,
    dataset: data.Dataset,
    members: list[population.Member],
    group: int = 0,
  ):
    self.config, self.workdir = config, workdir
    self.members, self.group = members, group
    self.layout = parallel.layout(
      config.parallel,
      len(members),
      config.batch_size,
      num_devices=config.num_devices,
      member_batch=config.member_batch,
    )
    self.experiment = experiment_lib.build(config, dataset)
    self.keys = population.keys(members)
    self._init = jax.vmap(lambda key: step.init(self.experiment, key))
    # What every chunk is given alike, made once.
    self._constants = self.layout.spread(
      (jax.random.key_data(self.keys), population.hparams(members))
    )
    self._arrays = self.layout.replicate(dataset.arrays)
    self._chunk = None

  @property
  def template(self) -> step.TrainState:
    """The shapes of the states."""
    return jax.eval_shape(self._init, self.keys)

  def checkpoints(self) -> checkpoint_lib.Checkpoints:
    """Opens this program's checkpoints; the caller closes them."""
    return checkpoint_lib.Checkpoints(
      self.workdir.path / 'checkpoints' / f'group_{self.group}',
      self.config.keep_checkpoints,
    )

  def start(self, checkpoints: checkpoint_lib.Checkpoints) -> int:
    """Restores the newest checkpoint, or initialises; returns the step."""
    found = checkpoints.restore(self.template)
    if found is None:
      at, states = 0, jax.jit(self._init)(self.keys)
    else:
      at, states = found
      _LOG.info('resuming from step %d', at)
    self.workdir.rewind_log(at, self.group)
    self.states = self.layout.spread(jax.tree.map(jnp.asarray, states))
    return at

  def compile(self) -> int:
    """Compiles the chunk, once; returns the bytes that it takes a device."""
    if self._chunk is None:
      begin = time.monotonic()
      self._chunk, self._bytes = parallel.compile_ahead(
        self.layout.run(step.make_chunk(self.experiment, self.layout.batch)),
        lambda: self._arguments(self.layout.spread(self._init(self.keys))),
      )
      _LOG.info('compiled in %.1f s', time.monotonic() - begin)
    return self._bytes

  def _arguments(self, states: step.TrainState, steps: int = 0) -> tuple:
    steps = self.layout.steps(steps)
    return (self._arrays, states, *self._constants, steps)

  def advance(self, steps: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Runs a chunk; returns alive [M] and the mean terms, leaves [M, ...]."""
    self.states, terms = self._chunk(*self._arguments(self.states, steps))
    return self.layout.collect((self.states.alive, terms))

  def snapshot(self) -> step.TrainState:
    """The states as host arrays, leaves [M, ...]."""
    return self.layout.collect(self.states)

  def release(self) -> None:
    """Frees the device: the states and the program."""
    self.states = self._chunk = None


def plan(
  config: ml_collections.ConfigDict,
  folder: workdir_lib.Workdir,
  dataset: data.Dataset,
) -> list[Run]:
  """The programs of a population: one, or several where memory is short.

  Their number follows from `config.members_per_program`, or from the memory
  that the program of the whole population needs; it is kept in the workdir, so
  that a resumed run has the same ones.
  """
  members = population.members(config)
  path = folder.path / 'groups.json'

  def split(count: int) -> list[Run]:
    rows = np.array_split(np.arange(len(members)), count)
    return [
      Run(config, folder, dataset, [members[m] for m in group], i)
      for i, group in enumerate(rows)
    ]

  if config.members_per_program:
    return split(math.ceil(len(members) / config.members_per_program))
  if path.exists():
    return split(workdir_lib.read_json(path)['groups'])
  groups = split(1)
  limit, needed = parallel.memory_limit(), groups[0].compile()
  if needed > limit:
    count = min(len(members), math.ceil(needed / limit))
    _LOG.info(
      'the population needs %.1f GB of the %.1f GB of a device: %d programs',
      needed / 1e9, limit / 1e9, count,
    )  # fmt: skip
    groups = split(count)
  folder.replace('groups.json', json.dumps({'groups': len(groups)}) + '\n')
  return groups


def restore(
  config: ml_collections.ConfigDict, folder: workdir_lib.Workdir
) -> tuple[experiment_lib.Experiment, step.TrainState]:
  """A trained population from its folder: the experiment, states [M, ...].

  Raises:
    WorkdirError: a program of the population has no whole checkpoint.
  """
  dataset = data.load(config.dataset)
  states = []
  for run in plan(config, folder, dataset):
    checkpoints = run.checkpoints()
    found = checkpoints.restore(run.template)
    checkpoints.close()
    if found is None:
      raise workdir_lib.WorkdirError(
        f'{folder.path} holds no whole checkpoint; run its command again'
      )
    states.append(found[1])
  return experiment_lib.build(config, dataset), population.concatenate(states)


def train(
  run: Run, draw: Callable[[int, step.TrainState], None] = lambda *_: None
) -> step.TrainState:
  """Trains a population from its newest checkpoint to its last step.

  Args:
    run: the population.
    draw: called with each step that is checkpointed, and its states.

  Returns:
    The states, host arrays with leading axis M.

  Raises:
    Interrupted: SIGTERM or SIGINT; the run is checkpointed.
    OSError: a log or a checkpoint could not be written.
  """
  config, members = run.config, run.members
  checkpoints = run.checkpoints()
  at = run.start(checkpoints)
  if at < config.num_steps:
    run.compile()
  labels = [population.label(m, members) for m in members]
  watch = monitor.Watch(labels)
  board = monitor.Board(
    run.workdir.path / 'tensorboard', labels, config.tensorboard
  )
  progress = progress_lib.Progress(config.num_steps, at, len(members))
  try:
    with monitor.Signals() as signals:
      while at < config.num_steps:
        stop = next_stop(at, config)
        alive, terms = run.advance(stop - at)
        at = stop
        line = monitor.log_line(at, alive, terms, members)
        run.workdir.log({'group': run.group, **line})
        watch(at, alive, terms['kl_per_latent'])
        board(at, terms)
        nll, kl = np.nanmean(terms['nll']), np.nanmean(terms['kl'])
        progress.update(at, f'nll {nll:.1f} kl {kl:.2f}')
        done = at == config.num_steps
        stopped = parallel.any_host(bool(signals.received))
        if at % config.checkpoint_every == 0 or done or stopped:
          states = run.snapshot()
          checkpoints.save(at, states)
          draw(at, states)
        if stopped and not done:
          raise monitor.Interrupted(
            f'{signals.received or "another host"} at step {at}: checkpointed; '
            'run the same command again to resume'
          )
  finally:
    progress.close()
    board.close()
    checkpoints.close()
  return run.snapshot()
