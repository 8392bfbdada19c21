"""Calls that wait for devices, several at once, each in a thread of its own."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any

import jax

from bvae_jax.parallel import memory


def cores(cgroups: pathlib.Path = pathlib.Path('/sys/fs/cgroup')) -> int:
  """How many cores this process may use, within the quota of its cgroup.

  Args:
    cgroups: where the files of cgroups (v2, or v1 in `cpu`) lie.
  """
  if hasattr(os, 'sched_getaffinity'):  # Linux
    found = len(os.sched_getaffinity(0))
  else:
    found = os.cpu_count() or 1
  for names in (
    ('cpu.max',),
    ('cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us'),
  ):
    try:
      text = ' '.join((cgroups / name).read_text() for name in names)
      quota, period = map(int, text.split())
    except (OSError, ValueError):  # another version of cgroups, or no quota
      continue
    if quota > 0:
      found = min(found, -(-quota // period))
  return found


def side_by_side(program: memory.Compiled) -> int:
  """How many calls a CPU takes at once: its cores, within half of the memory.

  Args:
    program: that is called; one that must be alone is.
  """
  if program.alone:
    return 1
  room = 0.5 * memory.memory_limit() // max(program.scratch, 1)
  return max(1, min(cores(), int(room)))


def at_once(
  function: Callable,
  items: Iterable[Any],
  program: memory.Compiled | None = None,
  on_accelerators: int = 1,
) -> Iterator[Any]:
  """`function` of each item, in order; on a CPU as many at once as it takes.

  Much of most programs is no work for more than one core. The programs are
  compiled before, else several threads would do so.

  Args:
    function: it calls compiled programs, and waits for what they give.
    items: of each call.
    program: the one that is called, where it may ask for much, or to be alone.
    on_accelerators: calls at once there.
  """
  on_cpu = jax.default_backend() == 'cpu'
  asks = program or memory.Compiled(function)
  most = side_by_side(asks) if on_cpu else on_accelerators
  with futures.ThreadPoolExecutor(most) as pool:
    yield from pool.map(function, items)
