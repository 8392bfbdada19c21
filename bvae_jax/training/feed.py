"""Feeds batches from images that stay on the host.

Which images, is drawn from the same keys as on the device, on the host's CPU; a
thread gathers the rows of the next steps while the device takes these.
"""

from collections.abc import Callable
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import draws
from bvae_jax.training import batches, step
from bvae_jax.training import chunk as chunk_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import probe as probe_lib

BLOCK_BYTES = 1 << 27  # of the rows that are gathered together, for all members
_STEPS = 16, 256  # of a block; each ends with a look, which costs a step


class Feeder:
  """Blocks of batches of all members, each block of the same steps.

  Block n holds the steps n K to (n + 1) K, both included: a chunk looks at the
  state after its last step with the batch of the next.

  Args:
    experiment: whose data set has rows on the host.
    keys: the members', [M].
    spread: lays leaves [M, ...] on the devices.

  Attributes:
    probe: the stored images that a log line looks at, on the devices.
  """

  def __init__(
    self,
    experiment: experiment_lib.Experiment,
    keys: jax.Array,
    spread: Callable[[Any], Any],
  ) -> None:
    rows = experiment.dataset.rows
    assert rows is not None
    self._rows, self._spread = rows, spread
    self._end = experiment.config.num_steps
    self._cpu = jax.local_devices(backend='cpu')[0]
    with jax.default_device(self._cpu):
      data = jax.device_put(jax.random.key_data(keys), self._cpu)
      self._keys = draws.of_data(data)
      probe = jax.vmap(lambda key: probe_lib.probe_index(experiment, key))
      self.probe = spread(rows.take(np.asarray(probe(self._keys))))
    self._shapes = jax.eval_shape(
      lambda: _draw(experiment, self._keys, jnp.arange(1))
    )
    row_bytes = int(np.prod(rows.row.shape)) * rows.row.dtype.itemsize
    each = sum(x.size for x in self._shapes.values()) * row_bytes
    self._steps = int(np.clip(BLOCK_BYTES // each, *_STEPS))
    self._draw = jax.jit(
      lambda keys, first: _draw(
        experiment, keys, first + jnp.arange(self._steps + 1)
      )
    )
    self._pool = futures.ThreadPoolExecutor(1, 'feed')
    self._blocks: dict[int, futures.Future] = {}

  def blank(self) -> chunk_lib.Feed:
    """Zeros in the shape of a block, as the compiled program takes it."""
    row = self._rows.row
    zeros = lambda *shape: jnp.zeros((*shape, *row.shape), row.dtype)
    members = len(self._keys)
    batch = {
      name: zeros(members, self._steps + 1, *x.shape[2:])
      for name, x in self._shapes.items()
    }
    first = jnp.zeros(members, jnp.int32)
    first, batch = self._spread((first, batch))
    return chunk_lib.Feed(first, batch)

  def at(self, now: int) -> tuple[chunk_lib.Feed, int]:
    """The block of a step, on the devices, and how many steps it has left."""
    number = now // self._steps
    for old in [n for n in self._blocks if not number <= n <= number + 1]:
      self._blocks.pop(old)
    for n in (number, number + 1):
      if n not in self._blocks and (n == number or n * self._steps < self._end):
        self._blocks[n] = self._pool.submit(self._gather, n * self._steps)
    feed = self._blocks[number].result()
    return feed, (number + 1) * self._steps - now

  def _gather(self, first: int) -> chunk_lib.Feed:
    with jax.default_device(self._cpu):
      index = jax.tree.map(np.asarray, self._draw(self._keys, first))
    batch = {name: self._rows.take(x) for name, x in index.items()}
    firsts = np.full(len(self._keys), first, np.int32)
    firsts, batch = self._spread((firsts, batch))
    return chunk_lib.Feed(firsts, batch)


def _draw(
  experiment: experiment_lib.Experiment, keys: jax.Array, steps: jax.Array
) -> batches.Indices:
  """The images of the batches of some steps, {name: int32 [M, steps, B]}."""
  draw = batches.DRAWS[experiment.objective.batch]

  def one(key: jax.Array, at: jax.Array) -> batches.Indices:
    own_key, batch_key, _ = step.step_keys(key, at)
    source = batches.Source(
      experiment.dataset, _no_images, experiment.context, own_key
    )
    return draw(batch_key, source)

  return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(keys, steps)


def _no_images(index: jax.Array) -> jax.Array:
  raise TypeError(f'images of {index} are on the host')
