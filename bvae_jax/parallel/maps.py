"""Maps over members, and over indices of images, on this host's devices."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax

from bvae_jax.parallel import threads

_BLOCKS = 64  # of indices that a device is given at once
_STREAM_BLOCKS = 8  # and of rows that the host gathers
_TOGETHER = 16  # members under one vmap on an accelerator


def _known_trips() -> int:
  return 1 if jax.default_backend() == 'cpu' else 16


def together(members: int, member_batch: int = 0) -> int:
  """How many members one `vmap` takes.

  On CPUs one, so that its state stays in cache; `Cores` calls several at once.
  On accelerators as few equal shares as hold 16 at most: a step of
  `conv_locatello` takes each of 1, 16 and 64 members together 0.61, 0.24 and
  0.78 ms on an H200.

  Args:
    members: those of a device.
    member_batch: what the config asks for; 0 leaves the choice.
  """
  if member_batch:
    return member_batch
  if jax.default_backend() == 'cpu':
    return 1
  return math.ceil(members / math.ceil(members / _TOGETHER))


def count_to(count: jax.Array, body: Callable, init: Any) -> Any:
  """`fori_loop(0, count, body, init)` of a count that is traced.

  An accelerator asks the host before each trip of a loop whose length it does
  not know, and runs those of a known length by itself: there the body is run
  up to 15 times more, with i >= count, and then has to change nothing. (The
  `mlp_small` step of one member on an H200: 0.24 ms, else 0.32.)
  """
  trips = _known_trips()
  if trips == 1:
    return lax.fori_loop(0, count, body, init)

  def block(b: jax.Array, carry: Any) -> Any:
    one = lambda i, carry: body(b * trips + i, carry)
    return lax.fori_loop(0, trips, one, carry)

  return lax.fori_loop(0, (count + trips - 1) // trips, block, init)


def batched_map(function: Callable, batch_size: int) -> Callable:
  """Maps what `Layout.lower` takes over members, some at a time."""

  def mapped(arrays, states, own, *steps):
    def one(x):
      return function(arrays, *x, *steps)

    xs = (states, own)
    if 1 < len(jax.tree.leaves(own)[0]) <= batch_size:
      return jax.vmap(one)(xs)
    return lax.map(one, xs, batch_size=None if batch_size == 1 else batch_size)

  return mapped


def map_members(function: Callable, xs: Any, member_batch: int = 0) -> Any:
  """Maps over members, one at a time on CPU, else some together.

  Args:
    function: pure, of one member's leaves.
    xs: leaves [M, ...].
    member_batch: members under one vmap on an accelerator, as in `together`.
  """
  if jax.default_backend() == 'cpu':
    return lax.map(function, xs)
  count = len(jax.tree.leaves(xs)[0])
  return lax.map(function, xs, batch_size=together(count, member_batch))


def of_blocks(function: Callable, rows: bool = False) -> Callable:
  """A pure function of a block of indices as `map_index` takes it.

  One that is given again is compiled once, for as many indices a call.

  Args:
    function: `function(shared, index [block]) -> tree of [block, ...]`.
    rows: whether it is given `(shared, rows [block, ...], index)`.
  """
  return jax.pmap(
    lambda shared, *blocks: lax.map(lambda x: function(shared, *x), blocks),
    in_axes=(None, 0, 0) if rows else (None, 0),
    devices=jax.local_devices(),
  )


def map_index(
  blocks: Callable, size: int, block: int, take: Callable | None = None
) -> Callable:
  """Maps over the indices 0..size-1, a block at a time on every device.

  The host sees some blocks at a time, so that it can tell how far they are, and
  be interrupted; rows are gathered while devices work.

  Args:
    blocks: as `of_blocks` gives it.
    size: number of indices.
    block: indices a call.
    take: from indices [...] to the host's rows [..., ...], if it takes rows.

  Returns:
    `mapped(shared, tell=None) -> tree of [size, ...]` on the host; `tell` is
    called with how many indices are done, now and then.
  """
  count = jax.local_device_count()
  most = _STREAM_BLOCKS if take else _BLOCKS
  depth = math.ceil(size / (block * count))
  calls = math.ceil(depth / most)
  shape = count, math.ceil(depth / calls), block  # the last call is as full

  def gather(first):
    index = (first + np.arange(math.prod(shape))) % size
    index = index.astype(np.int32).reshape(shape)
    return (take(index), index) if take else (index,)

  def mapped(shared, tell=None):
    def one(first):
      flat = lambda x: np.asarray(x).reshape(-1, *x.shape[3:])
      return jax.tree.map(flat, blocks(shared, *gather(first)))

    many, whole = math.prod(shape), None

    def in_turn():
      yield one(0)  # alone: it may have to compile
      rest = range(many, size, many)
      yield from threads.at_once(one, rest, on_accelerators=2)

    for turn, some in enumerate(in_turn()):
      if whole is None:
        room = lambda x: np.empty((size, *x.shape[1:]), x.dtype)
        whole = jax.tree.map(room, some)
      first, done = many * turn, min(many * (turn + 1), size)
      for target, rows in zip(jax.tree.leaves(whole), jax.tree.leaves(some)):
        target[first:done] = rows[: done - first]
      if tell is not None and done < size:
        tell(done)
    return whole

  return mapped
