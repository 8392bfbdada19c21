"""Devices: the only file that knows of `pmap`, meshes and hosts.

A population is spread over the devices in one of two ways. `members`:
every device trains its own share of the members, no communication. `data`:
every device holds all members and computes its share of each batch; gradients
are averaged and batch-coupled terms see the gathered global batch. Moving on
from `jax.pmap` means rewriting this file and no other.

Under `pmap` the correct gradient is `pmean(grad(loss))` with the all_gather
inside the loss: the transpose of the gather sums the cotangents of all devices,
and the mean divides them again.
"""

import math
import os
import pathlib
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jax.experimental import multihost_utils

AXIS = 'devices'
_STREAM_BLOCKS = 8  # that a device is given at once


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


class Layout(NamedTuple):
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
    """`function(keys [M])` as `spread` lays it, each share on its device."""
    of_keys = lambda data: function(jax.random.wrap_key_data(data))
    if self.mode == 'data':
      return self.replicate(jax.jit(of_keys)(key_data))
    local = [self.devices[i] for i in self._local]
    return jax.pmap(of_keys, devices=local)(self.spread(key_data))

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

  def shared(self, numbers: list[int]) -> jax.Array:
    """Integers for all devices, as the compiled program takes them."""
    return self._put(
      np.tile(np.array(numbers, np.int32), (len(self._local), 1)), AXIS
    )

  def run(self, chunk: Callable) -> Callable:
    """Compiles a member's chunk for all members.

    Args:
      chunk: the pure function of one member of (arrays, state, key, hparams,
        plan, feed); `arrays` (the data) and `plan` (integers) are shared.

    Returns:
      A pmapped function of the spread arguments; the states are donated, the
      keys are raw key data (pmap over several hosts takes no typed keys).
    """
    members = 0 if self.mode == 'members' else None
    # Replicated arguments of several hosts are copies of one: not to be given.
    keep = members is None and jax.process_count() > 1
    return jax.pmap(
      batched_map(chunk, self.member_batch),
      axis_name=AXIS,
      in_axes=(None, members, members, members, 0, members),
      out_axes=members,
      devices=self.devices,
      donate_argnums=() if keep else (1,),
    )


def batched_map(function: Callable, batch_size: int) -> Callable:
  """Maps a chunk, as `Layout.run` takes it, over members, some at a time.

  One member at a time (`lax.map`) wins on CPUs, where one member fills the
  cores and its state stays in cache; all at once (`vmap`) wins on GPUs, TPUs.
  """

  def mapped(arrays, states, keys, hparams, plan, feed):
    def one(x):
      state, key, values, own = x
      return function(
        arrays, state, jax.random.wrap_key_data(key), values, plan, own
      )

    xs = (states, keys, hparams, feed)
    if 1 < keys.shape[0] <= batch_size:
      return jax.vmap(one)(xs)
    return lax.map(one, xs, batch_size=None if batch_size == 1 else batch_size)

  return mapped


def map_members(function: Callable, xs: Any, member_batch: int = 0) -> Any:
  """Maps over members, one at a time on CPU, else `member_batch` together.

  Args:
    function: pure, of one member's leaves.
    xs: leaves [M, ...].
    member_batch: members under one vmap; 0 means all.
  """
  if jax.default_backend() == 'cpu':
    return lax.map(function, xs)
  count = len(jax.tree.leaves(xs)[0])
  return lax.map(function, xs, batch_size=member_batch or count)


def layout(mode: str, num_members: int, batch_size: int, *,
           num_devices: int = 0, member_batch: int = 0) -> Layout:  # fmt: skip
  """Chooses devices for a population.

  Args:
    mode: 'members' or 'data'.
    num_members: size of the population.
    batch_size: global batch size of a member.
    num_devices: devices to use, of all hosts; 0 means as many as shorten the
      work. Where they do not divide the members, some devices train copies,
      which nobody sees.
    member_batch: members under one vmap; 0 means 1 on CPU and all elsewhere.

  Raises:
    ValueError: too few devices; more than members; or devices that do not
      divide the batch (mode 'data').
  """
  if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
    raise ValueError(
      'a run is a compiled program, and JAX_DISABLE_JIT is set: unset it (the '
      'losses and metrics of the library run without jit)'
    )
  found = jax.devices()
  if num_devices > len(found):
    raise ValueError(
      f'num_devices={num_devices}, but there are {len(found)} '
      f'{found[0].platform} device(s)'
    )
  if mode == 'members':
    if num_devices > num_members:
      raise ValueError(
        f'num_devices={num_devices} is more than the {num_members} member(s); '
        "give fewer devices, or parallel='data'"
      )
    share = math.ceil(num_members / len(found))
    count = num_devices or math.ceil(num_members / share)
  else:
    if num_devices and batch_size % num_devices:
      raise ValueError(
        f'{batch_size} images of a batch do not divide over '
        f'num_devices={num_devices}; give a divisor of {batch_size}, or 0 for '
        'the largest that there is'
      )
    count = num_devices or max(
      n for n in range(1, len(found) + 1) if batch_size % n == 0
    )
  if not member_batch:
    member_batch = 1 if found[0].platform == 'cpu' else num_members
  return Layout(tuple(found[:count]), mode, member_batch, num_members)


def split_index(function: Callable, size: int, block: int) -> Callable:
  """Maps over the indices 0..size-1, a block at a time on every device.

  Args:
    function: `function(shared, index [block]) -> tree of [block, ...]`, pure.
    size: number of indices.
    block: indices a call.

  Returns:
    `mapped(shared) -> tree of [size, ...]` on the host.
  """
  devices = jax.local_devices()
  rows = -(-size // (block * len(devices)))
  index = np.arange(len(devices) * rows * block, dtype=np.int32) % size
  index = index.reshape(len(devices), rows, block)
  blocks = jax.pmap(
    lambda shared, rows: lax.map(lambda i: function(shared, i), rows),
    in_axes=(None, 0),
    devices=devices,
  )

  def mapped(shared):
    trees = blocks(shared, index)
    return jax.tree.map(
      lambda x: np.asarray(x).reshape(-1, *x.shape[3:])[:size], trees
    )

  return mapped


def stream_index(
  function: Callable, take: Callable, size: int, block: int
) -> Callable:
  """As `split_index`, of rows that the host gathers while the devices work.

  Args:
    function: `function(shared, rows [block, ...], index [block])`, pure.
    take: from indices [...] to the host's rows [..., ...].
    size: number of indices.
    block: indices a call.

  Returns:
    `mapped(shared) -> tree of [size, ...]` on the host.
  """
  devices = jax.local_devices()
  depth = min(_STREAM_BLOCKS, -(-size // (block * len(devices))))
  shape = len(devices), depth, block
  blocks = jax.pmap(
    lambda shared, *rows: lax.map(lambda x: function(shared, *x), rows),
    in_axes=(None, 0, 0),
    devices=devices,
  )

  def gather(first):
    index = (first + np.arange(math.prod(shape))) % size
    index = index.astype(np.int32).reshape(shape)
    return take(index), index

  def mapped(shared):
    flat = lambda x: np.asarray(x).reshape(-1, *x.shape[3:])
    many, found, running = math.prod(shape), [], None
    with futures.ThreadPoolExecutor(1) as pool:
      ahead = pool.submit(gather, 0)
      for first in range(0, size, many):
        rows = ahead.result()
        if first + many < size:
          ahead = pool.submit(gather, first + many)
        begun = blocks(shared, *rows)
        if running is not None:  # so that no more than two are on the devices
          found.append(jax.tree.map(flat, running))
        running = begun
    found.append(jax.tree.map(flat, running))
    return jax.tree.map(lambda *xs: np.concatenate(xs)[:size], *found)

  return mapped


def start(hosts: str) -> None:
  """Joins the processes of one run: the same command on each host.

  Args:
    hosts: 'auto' (TPU pods, SLURM, Open MPI, Kubernetes tell JAX themselves) or
      'ADDRESS:PORT,COUNT,INDEX'.

  Raises:
    ValueError: neither.
  """
  if hosts == 'auto':
    jax.distributed.initialize()
    return
  address, *numbers = hosts.split(',')
  port = address.rpartition(':')[2] if ':' in address else ''
  whole = len(numbers) == 2 and all(n.isdigit() for n in (port, *numbers))
  if not whole or not 0 < int(port) < 2**16:
    raise ValueError(
      f"--hosts={hosts!r} must be 'auto' or 'ADDRESS:PORT,COUNT,INDEX'"
    )
  count, index = map(int, numbers)
  if index >= count:
    raise ValueError(
      f'--hosts={hosts!r}: INDEX {index} must be from 0 to COUNT - 1'
    )
  jax.distributed.initialize(
    address,
    count,
    index,
    coordinator_bind_address=address if index == 0 else None,
  )


def is_first_host() -> bool:
  """Whether this process writes the run's files and log."""
  return jax.process_index() == 0


def any_host(flag: bool) -> bool:
  """Whether the flag is up on any host; each host must ask."""
  if jax.process_count() == 1:
    return flag
  return bool(multihost_utils.process_allgather(np.array(flag)).any())


def of_first_host(number: int) -> int:
  """The first host's number, on every host; each host must ask."""
  if jax.process_count() == 1:
    return number
  return int(multihost_utils.broadcast_one_to_all(np.array(number)))


def memory_limit() -> float:
  """Bytes that a program may take on one device."""
  device = jax.local_devices()[0]
  stats = device.memory_stats()
  if stats and 'bytes_limit' in stats:
    return 0.9 * stats['bytes_limit']
  return 0.8 * free_memory() / len(jax.local_devices())


def free_memory(cgroups: pathlib.Path = pathlib.Path('/sys/fs/cgroup')) -> int:
  """Bytes that this host has free, within the limits of its cgroup.

  Args:
    cgroups: where the files of cgroups (v2, or v1 in `memory`) lie.
  """
  page = os.sysconf('SC_PAGE_SIZE')
  try:
    free = os.sysconf('SC_AVPHYS_PAGES') * page
  except ValueError:  # macOS does not say: half of what there is
    free = os.sysconf('SC_PHYS_PAGES') * page // 2
  for limit, used in (
    ('memory.max', 'memory.current'),
    ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes'),
  ):
    try:
      room = [int((cgroups / name).read_text()) for name in (limit, used)]
    except (OSError, ValueError):  # another version of cgroups, or no limit
      continue
    free = min(free, max(room[0] - room[1], 0))
  return free


def compile_ahead(
  function: Callable, make_arguments: Callable
) -> tuple[Callable, int]:
  """Compiles a pmapped function before its arguments exist.

  Args:
    function: as `Layout.run` gives it.
    make_arguments: () -> its arguments; only their shapes are looked at.

  Returns:
    The compiled function, and the bytes that it takes a device: arguments,
    results and scratch. Over several hosts pmap compiles at its first call
    only, and the bytes are 0.
  """
  if jax.process_count() > 1:
    return function, 0
  pmapped: Any = function
  compiled = pmapped.lower(*jax.eval_shape(make_arguments)).compile()
  stats = compiled.memory_analysis()
  needed = (
    stats.argument_size_in_bytes
    + stats.output_size_in_bytes
    + stats.temp_size_in_bytes
    - stats.alias_size_in_bytes
  )
  return compiled, needed
