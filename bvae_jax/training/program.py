"""The compiled programs of a population: what trains, apart from its states.

The device runs chunks of many steps; `training.loop` drives them and holds the
states.
"""

import dataclasses
import functools
import logging
import time
from typing import Any

import jax
import numpy as np

from bvae_jax import parallel, population
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import checkpoint as checkpoint_lib
from bvae_jax.training import chunk as chunk_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import feed as feed_lib
from bvae_jax.training import step
from bvae_jax.training.chunk import Running

_LOG = logging.getLogger(__name__)


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

  def _init(self, keys: jax.Array) -> step.TrainState:
    return jax.vmap(lambda key: step.init(self.experiment, key))(keys)

  @functools.cached_property
  def template(self) -> step.TrainState:
    """The shapes of the states on the host, leaves [M, ...]."""
    return jax.eval_shape(self._init, self._keys)

  def init(self) -> step.TrainState:
    """The states before the first step, made on the devices they live on."""
    return self.layout.init(self._init, jax.random.key_data(self._keys))

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
  def _constants(self) -> tuple:
    """What every chunk is given alike: the data, then keys and hparams."""
    own = (jax.random.key_data(self._keys), population.hparams(self.members))
    arrays = self.layout.replicate(self.experiment.dataset.arrays)
    return arrays, self.layout.spread(own)

  @functools.cached_property
  def _feeder(self) -> feed_lib.Feeder | None:
    """Gathers the batches where the images stay on the host."""
    if self.experiment.dataset.rows is None:
      return None
    return feed_lib.Feeder(self.experiment, self._keys, self.layout.spread)

  def _arguments(
    self,
    running: Running,
    steps: int,
    count: int = 0,
    feed: chunk_lib.Feed | None = None,
  ) -> tuple:
    arrays, own = self._constants
    plan = self.layout.shared([steps, count])
    return (arrays, running, *own, plan, feed)

  @functools.cached_property
  def _compiled(self) -> parallel.Compiled:
    # What is made outside of what is traced.
    keys, _, feeder = self._keys, self._constants, self._feeder
    begin = time.monotonic()
    alone = self.layout.member_batch == 1
    chunk = chunk_lib.make_chunk(self.experiment, self.layout.batch, alone)
    shapes = jax.eval_shape(
      lambda: self._arguments(
        self.begin(self.layout.spread(self._init(keys))),
        0,
        feed=None if feeder is None else feeder.blank(),
      )
    )
    compiled = self.layout.compile(chunk, shapes)
    _LOG.info('compiled in %.1f s', time.monotonic() - begin)
    return compiled

  @property
  def bytes(self) -> int:
    """The bytes that the compiled program takes a device."""
    return self._compiled.bytes

  def _run(
    self, running: Running, steps: int, count: int = 0
  ) -> tuple[Running, Any]:
    """Runs a chunk, in as many calls as it takes blocks of fed batches."""
    run, feeder = self._compiled.call, self._feeder
    if feeder is None:
      return run(*self._arguments(running, steps, count))
    at, last = int(np.max(self.collect(running.state.step))), None
    while True:
      feed, left = feeder.at(at)
      part = min(steps, left)
      ends = part == steps
      plan = (part, count if ends else 0)
      running, terms = run(*self._arguments(running, *plan, feed))
      if ends:
        return running, terms
      if last is not None:  # so that no more than two blocks wait
        jax.block_until_ready(last)
      at, steps, last = at + part, steps - part, terms

  def advance(self, running: Running, steps: int) -> Running:
    """Takes some steps, and waits for them; `running` is donated."""
    running, _ = self._run(running, steps)
    return jax.block_until_ready(running)

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
      alive [M] and the mean terms over the line's steps, leaves [M, ...].
    """
    running, terms = self._run(running, steps, count)
    alive, terms = self.layout.collect((running.state.alive, terms))
    return running, alive, terms


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
