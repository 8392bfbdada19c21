"""Members side by side on the cores of a CPU, each in a thread of its own.

One member fills the cores badly: each of its products is little work, whose end
all of them wait for. Members that are called at once fill each other's gaps.
They share XLA's threads, and each is a call of one compiled program, so that
how many there are at once changes no bit of a result.
"""

import itertools
import math
from collections.abc import Callable
from concurrent import futures
from typing import Any

import jax
import numpy as np
from jax import core

from bvae_jax.parallel import memory, threads
from bvae_jax.parallel.layouts import Layout


class Parts(tuple[Any, ...]):
  """A leaf [M, ...] as an array of each member's own, so that none is cut."""


jax.tree_util.register_pytree_node(
  Parts, lambda parts: (tuple(parts), None), lambda _, arrays: Parts(arrays)
)


def _part(tree: Any, member: int) -> Any:
  """What one member is given of `Parts`, and of what all share."""
  is_parts = lambda x: isinstance(x, Parts)
  pick = lambda x: x[member] if is_parts(x) else x
  return jax.tree.map(pick, tree, is_leaf=is_parts)


class Cores(Layout):
  """The members of a population on one CPU, as many at once as it takes."""

  fewest = 50  # steps of a turn, each of which looks at one more

  def replicate(self, tree: Any) -> Any:
    """What all members share."""
    return jax.device_put(tree, self.devices[0])

  def spread(self, tree: Any) -> Any:
    """Leaves [M, ...] as `Parts`."""

    def split(x: Any) -> Parts:
      return Parts(x if isinstance(x, core.Tracer) else np.asarray(x))

    return self.replicate(jax.tree.map(split, tree))

  def init(self, function: Callable, key_data: jax.Array) -> Any:
    """`function(key data [M])` as `spread` lays it.

    XLA's second level compiles it in a third of the time (AMD EPYC), to the
    same weights. It would compile training in 0.6 of the time, but round a sum
    otherwise, once in thousands of steps.
    """
    fast = not jax.config.read('jax_disable_most_optimizations')
    options = {'xla_backend_optimization_level': 2} if fast else {}
    return self.spread(jax.jit(function, compiler_options=options)(key_data))

  def collect(self, tree: Any) -> Any:
    """The inverse of `spread`: host leaves [M, ...]."""
    members = [_part(tree, m) for m in range(self.num_members)]
    return jax.tree.map(lambda *xs: np.stack(xs), *members)

  def _turns(self, most: int, steps: int) -> list[int]:
    """The steps that each member takes one turn after the other.

    As many turns as leave none alone at the end, while others wait for it: of
    three members on two cores (0, 1), (2, 0), (1, 2), and not (0, 1), (2).
    """
    wanted = most // math.gcd(most, self.num_members)
    turns = max(1, min(wanted, steps // self.fewest))
    cuts = [steps * i // turns for i in range(turns + 1)]
    return [end - begin for begin, end in itertools.pairwise(cuts)]

  def mapped(self, function: Callable, *, moves: bool) -> Callable:
    """A member's function, which is called for each; see `Layout`."""
    return jax.jit(function, donate_argnums=(1,) if moves else ())

  def lower(
    self, mapped: Callable, shapes: tuple
  ) -> Callable[[], memory.Compiled]:
    """Traces it of one member's arguments; see `Layout`."""
    first = _part(shapes, 0)
    lowered = memory.lower(mapped, first)
    return lambda: self._of_members(lowered(), first)

  def _of_members(self, one: memory.Compiled, shapes: tuple) -> memory.Compiled:
    """A member's function of such arguments as one of all members."""
    most = min(threads.side_by_side(one), self.num_members)

    def call(arrays: Any, states: Any, own: Any, *steps: jax.Array) -> Any:
      def of(member: int, before: Any, *steps: jax.Array) -> Any:
        state = before.result() if before else _part(states, member)
        mine = _part(own, member)
        return jax.block_until_ready(one.call(arrays, state, mine, *steps))

      turns: list[tuple] = [()]
      if steps:
        parts = self._turns(most, int(*steps))
        turns = [(self.replicate(np.int32(part)),) for part in parts]
      found: list[Any] = [None] * self.num_members
      with futures.ThreadPoolExecutor(most) as pool:
        for turn in turns:
          found = [
            pool.submit(of, member, before, *turn)
            for member, before in enumerate(found)
          ]
      return jax.tree.map(lambda *xs: Parts(xs), *(f.result() for f in found))

    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shapes[1:3]))
    others = (self.num_members - 1) * size + (most - 1) * one.scratch
    return memory.Compiled(call, one.bytes + others, most * one.scratch)
