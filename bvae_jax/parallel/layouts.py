"""How a population and its batches lie on devices."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jax.experimental import multihost_utils

from bvae_jax.parallel import maps, memory

AXIS = 'devices'


class Spread(NamedTuple):
  """How one batch is spread: over `size` devices along the axis `name`."""

  name: str | None = None
  size: int = 1

  def gather(self, tree: Any) -> Any:
    """The global batch from this device's share, along the first axis."""
    if self.name is None:
      return tree
    return lax.all_gather(tree, self.name, tiled=True)

  def shard(self, tree: Any) -> Any:
    """This device's share of arrays that hold the global batch."""
    if self.name is None:
      return tree

    def take(x):
      share = x.shape[0] // self.size
      start = lax.axis_index(self.name) * share
      return lax.dynamic_slice_in_dim(x, start, share)

    return jax.tree.map(take, tree)

  def mean(self, tree: Any) -> Any:
    """The mean over devices."""
    return tree if self.name is None else lax.pmean(tree, self.name)


WHOLE = Spread()  # each batch on one device


@dataclasses.dataclass(frozen=True)
class Layout:
  """The devices of a run and how the population lies on them."""

  devices: tuple[Any, ...]  # of jax.Device
  mode: str
  member_batch: int
  num_members: int

  @property
  def batch(self) -> Spread:
    """How each batch is spread inside the compiled step."""
    if self.mode == 'data':
      return Spread(AXIS, len(self.devices))
    return WHOLE

  @property
  def _local(self) -> list[int]:
    """Which of the devices are this host's."""
    here = jax.process_index()
    return [i for i, d in enumerate(self.devices) if d.process_index == here]

  def _put(self, tree: Any, *axes: str) -> Any:
    """Lays leaves on this host's devices, so that no call moves them again."""
    mesh = jax.sharding.Mesh([self.devices[i] for i in self._local], AXIS)
    spec = jax.sharding.PartitionSpec(*axes)
    return jax.device_put(tree, jax.sharding.NamedSharding(mesh, spec))

  def replicate(self, tree: Any) -> Any:
    """A copy on each device: what all members share."""
    return self._put(tree)

  @property
  def _share(self) -> int:
    """Members on each device; the last ones are copies where need be."""
    return -(-self.num_members // len(self.devices))

  def spread(self, tree: Any) -> Any:
    """Leaves [M, ...] as the compiled program takes them on this host."""
    if self.mode == 'data':
      return self.replicate(tree)
    n, local = len(self.devices), np.array(self._local)
    rows = np.minimum(np.arange(n * self._share), self.num_members - 1)
    rows = rows.reshape(n, self._share)
    whole = len(local) == n and rows.size == self.num_members
    split = lambda x: x.reshape(*rows.shape, *x.shape[1:])
    share = split if whole else lambda x: x[rows[local]]
    return self._put(jax.tree.map(share, tree), AXIS)

  def init(self, function: Callable, key_data: jax.Array) -> Any:
    """`function(key data [M])` as `spread` lays it, each on its device."""
    if self.mode == 'data':
      return self.replicate(jax.jit(function)(key_data))
    local = [self.devices[i] for i in self._local]
    return jax.pmap(function, devices=local)(self.spread(key_data))

  def programs_within(self, part: float) -> int:
    """Into how many programs to split for a `part` of the memory of one."""
    if self.mode == 'data':
      return min(self.num_members, math.ceil(1 / part))
    share = max(1, math.floor(self._share * part))
    return math.ceil(self.num_members / (share * len(self.devices)))

  def collect(self, tree: Any) -> Any:
    """The inverse of `spread`: host leaves [M, ...], the same on every host."""
    if self.mode == 'data':
      return jax.tree.map(np.asarray, tree)
    count = self.num_members
    join = lambda x: np.asarray(x).reshape(-1, *x.shape[2:])[:count]
    if len(self._local) == len(self.devices):
      return jax.tree.map(join, tree)
    shards = lambda x: np.concatenate(
      [np.asarray(shard.data) for shard in x.addressable_shards]
    )
    local = jax.tree.map(shards, tree)
    return jax.tree.map(
      join, multihost_utils.process_allgather(local, tiled=True)
    )

  def mapped(self, function: Callable, *, moves: bool) -> Callable:
    """A pure function of one member as one of all, for `lower`.

    Args:
      function: of (arrays, state, own), where all members share the arrays; or
        of (arrays, state, own, steps), which all share as well: it gives the
        state as it is after so many steps.
      moves: whether it takes steps; the states are then donated.
    """
    members = 0 if self.mode == 'members' else None
    # Replicated arguments of several hosts are copies of one: not to be given.
    keep = members is None and jax.process_count() > 1
    of_members = maps.batched_map(function, self.member_batch)
    return jax.pmap(
      lambda _, *arguments: of_members(*arguments),
      axis_name=AXIS,
      in_axes=(0, None, members, members, None)[: 4 + moves],
      out_axes=members,
      devices=self.devices,
      donate_argnums=(2,) if moves and not keep else (),
    )

  def lower(
    self, mapped: Callable, shapes: tuple
  ) -> Callable[[], memory.Compiled]:
    """Traces what `mapped` has given.

    Args:
      mapped: that function.
      shapes: of the arguments of all members, as `replicate` and `spread` lay
        them.

    Returns:
      What compiles it (`memory.lower`), to a function of these arguments.
    """
    places = self._put(np.array(self._local), AXIS)  # pmap wants one to map
    lowered = memory.lower(mapped, (places, *shapes))

    def compiled() -> memory.Compiled:
      found = lowered()
      return found._replace(call=functools.partial(found.call, places))

    return compiled
