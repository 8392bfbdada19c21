"""Calls that wait for devices, several at once, each in a thread of its own."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any

import jax


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


def at_once(
  function: Callable, items: Iterable[Any], on_accelerators: int = 1
) -> Iterator[Any]:
  """`function` of each item, in order.

  The first is alone, as it may have to compile. Then a CPU computes as many at
  once as it has cores: much of most programs is no work for more than one.
  """
  first, *rest = items
  yield function(first)
  most = cores() if jax.default_backend() == 'cpu' else on_accelerators
  with futures.ThreadPoolExecutor(most) as pool:
    yield from pool.map(function, rest)
