"""The compiled programs of a population: what trains, apart from its states.

The device runs chunks of many steps; `training.loop` drives them and holds the
states.
"""

import dataclasses
import functools
import logging
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import jax
import numpy as np

from bvae_jax import draws, parallel, population
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import checkpoint as checkpoint_lib
from bvae_jax.training import chunk as chunk_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import feed as feed_lib
from bvae_jax.training import probe, static, step
from bvae_jax.training.chunk import Running

_LOG = logging.getLogger(__name__)


@static.once
def _of_data(experiment: experiment_lib.Experiment) -> Callable:
  """The first states, of the raw data of the members' keys."""
  init = step.init_all(experiment)
  return lambda data: init(draws.of_data(data))


@static.once
def _look(experiment: experiment_lib.Experiment) -> Callable:
  """The look at a log line, of one member."""
  return functools.partial(probe.probe, experiment)


@static.once
def _over_members(
  experiment: experiment_lib.Experiment, layout: parallel.Layout
) -> tuple[Callable, Callable]:
  """A chunk of steps, and the look at a log line, of all members."""
  alone = layout.member_batch == 1
  chunk = chunk_lib.make_chunk(experiment, layout.batch, alone)
  look = layout.mapped(_look(experiment), moves=False)
  return layout.mapped(chunk, moves=True), look


@dataclasses.dataclass(frozen=True)
class Program:
  """Some members of a population that train in one compiled program.

  It stores no states: `init` makes them, `advance` takes and gives them. What
  it derives from its fields is computed when first asked for, in any order.
  """

  experiment: experiment_lib.Experiment
  members: tuple[population.Member, ...]
  layout: parallel.Layout
  group: int = 0  # which of the programs of its population this one is

  @functools.cached_property
  def _keys(self) -> jax.Array:
    return population.keys(self.members)

  @functools.cached_property
  def template(self) -> step.TrainState:
    """The shapes of the states on the host, leaves [M, ...]."""
    return jax.eval_shape(step.init_all(self.experiment), self._keys)

  def init(self) -> step.TrainState:
    """The states before the first step, made on the devices they live on."""
    data = jax.random.key_data(self._keys)
    return self.layout.init(_of_data(self.experiment), data)

  def collect(self, states: Any) -> Any:
    """The states, or a part of them, as host arrays, leaves [M, ...]."""
    return self.layout.collect(states)

  def begin(
    self, states: step.TrainState, total: dict | None = None
  ) -> Running:
    """What `advance` and `finish` take, from states on the devices.

    Args:
      states: the members'; not to be used any more.
      total: sums of the terms since the last log line, on the host, leaves
        [M, ...]; by default there has been no step since.
    """
    count = len(self.members)
    total = {
      name: np.zeros((count, *x.shape), x.dtype)
      if total is None
      else np.asarray(total[name], x.dtype)
      for name, x in self._term_shapes.items()
    }
    return Running(states, self.layout.spread(total))

  @functools.cached_property
  def _term_shapes(self) -> dict[str, Any]:
    return chunk_lib.term_shapes(self.experiment)

  @functools.cached_property
  def _arrays(self) -> Any:
    """The data, which all members share, on the devices."""
    return self.layout.replicate(self.experiment.dataset.arrays)

  @functools.cached_property
  def _own(self) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The members' keys and hyperparameters, on the devices."""
    own = (jax.random.key_data(self._keys), population.hparams(self.members))
    return self.layout.spread(own)

  @functools.cached_property
  def _feeder(self) -> feed_lib.Feeder | None:
    """Gathers the batches where the images stay on the host."""
    if self.experiment.dataset.rows is None:
      return None
    return feed_lib.Feeder(self.experiment, self._keys, self.layout.spread)

  def _arguments(
    self, running: Running, steps: int, feed: chunk_lib.Feed | None = None
  ) -> tuple:
    """What a chunk is given."""
    own = chunk_lib.Own(*self._own, feed)
    return self._arrays, running, own, self.layout.replicate(np.int32(steps))

  def _looked_at(self, running: Running) -> tuple:
    """What a look at a log line is given."""
    rows = None if self._feeder is None else self._feeder.probe
    return self._arrays, running.state.params, (self._own[0], rows)

  @functools.cached_property
  def _compiled(self) -> tuple[parallel.Compiled, parallel.Compiled]:
    """A chunk of steps, and the look at a log line."""
    # What is made outside of what is traced.
    feeder, _, _ = self._feeder, self._arrays, self._own
    begin = time.monotonic()
    chunk, look = _over_members(self.experiment, self.layout)

    def shapes(states: step.TrainState) -> tuple[tuple, tuple]:
      running = self.begin(self.layout.spread(states))
      feed = None if feeder is None else feeder.blank()
      return self._arguments(running, 0, feed), self._looked_at(running)

    moves, looks = jax.eval_shape(shapes, self.template)
    with futures.ThreadPoolExecutor(1) as pool:  # two compilers at once
      moving = pool.submit(self.layout.lower(chunk, moves))
      looking = self.layout.lower(look, looks)()
      compiled = moving.result(), looking
    _LOG.info('compiled in %.1f s', time.monotonic() - begin)
    return compiled

  @property
  def bytes(self) -> int:
    """The bytes that the compiled programs take a device, one at a time."""
    moves, looks = self._compiled
    return moves.bytes + max(0, looks.scratch - moves.scratch)

  def _run(self, running: Running, steps: int) -> Running:
    """Runs a chunk, in as many calls as it takes blocks of fed batches."""
    run, feeder = self._compiled[0].call, self._feeder
    if feeder is None:
      return run(*self._arguments(running, steps))
    at = int(np.max(self.collect(running.state.step)))
    while True:
      feed, left = feeder.at(at)
      part = min(steps, left)
      running = run(*self._arguments(running, part, feed))
      if part == steps:
        return running
      jax.block_until_ready(running)  # no more than two blocks are there
      at, steps = at + part, steps - part

  def advance(self, running: Running, steps: int) -> Running:
    """Takes some steps, and waits for them; `running` is donated."""
    return jax.block_until_ready(self._run(running, steps))

  def hold(self, running: Running, held: np.ndarray) -> Running:
    """Freezes those who are held, bool [M]; `running` is not to be used."""
    alive = self.collect(running.state.alive) & ~held
    state = running.state._replace(alive=self.layout.spread(alive))
    return running._replace(state=state)

  def finish(
    self, running: Running, steps: int, count: int
  ) -> tuple[Running, np.ndarray, dict[str, np.ndarray]]:
    """Takes the last `steps` of a log line of `count` steps.

    Returns:
      What runs on, on the devices (`running` is donated), and on the host
      alive [M] and the terms, leaves [M, ...]: their means over the line's
      steps, and the KL in its parts as it is after them.
    """
    running = self._run(running, steps)
    parts = self._compiled[1].call(*self._looked_at(running))
    alive, total, parts = self.layout.collect(
      (running.state.alive, running.total, parts)
    )
    means = jax.tree.map(lambda t: t / np.float32(count), total)
    return self.begin(running.state), alive, {**means, **parts}


def make(
  experiment: experiment_lib.Experiment,
  members: list[population.Member],
  group: int = 0,
) -> Program:
  """The program of some members, on the devices that their config asks for.

  The last members of a population, or seeds that a run is given later, may be
  fewer than those devices; each then has one.
  """
  config, most = experiment.config, len(members)
  whole = config.parallel == 'data'
  num_devices = config.num_devices if whole else min(config.num_devices, most)
  found = layout(config, most, num_devices)
  return Program(experiment, tuple(members), found, group)


def layout(config: Any, num_members: int, num_devices: int) -> parallel.Layout:
  """How so many members of a config lie on so many devices, 0 for any."""
  return parallel.layout(
    config.parallel,
    num_members,
    config.batch_size,
    num_devices=num_devices,
    member_batch=config.member_batch,
  )


def checkpoints(
  folder: workdir_lib.Workdir, program: Program
) -> checkpoint_lib.Checkpoints:
  """Opens a program's checkpoints; the caller closes them."""
  return checkpoint_lib.Checkpoints(
    folder.path / 'checkpoints' / f'group_{program.group}',
    program.experiment.config.keep_checkpoints,
  )
