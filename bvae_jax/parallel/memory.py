"""The memory of devices and of this host; what a program takes of it."""

import contextlib
import functools
import gc
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax

# LAPACK of several matrices in one call, of any layout, as HLO has it.
_BATCH = re.compile(r'\w\[\d+,\d+,\d.*custom_call_target="lapack_')


P = ParamSpec('P')
R = TypeVar('R')

_REGIONS = 20_000  # of the 65,530 that Linux lets a process map
_LEFT = 1 << 24  # bytes of arrays
_CGROUPS = pathlib.Path('/sys/fs/cgroup')
_LIMITS = (  # of a cgroup, and what it has used: v2, v1
  ('memory.max', 'memory.current'),
  ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes'),
)


class Compiled(NamedTuple):
  """A compiled function, and the bytes that a call takes on a device.

  Over several hosts pmap compiles at its first call only: the bytes are 0.

  A call that must be alone decomposes several matrices at once by LAPACK. On a
  CPU it holds one of XLA's threads until others have taken their share: two
  such calls may hold all of them, and wait for ever.
  """

  call: Callable
  bytes: int = 0  # arguments, results and scratch
  scratch: int = 0  # of them: free between calls
  alone: bool = False  # whether no other may run beside it


def memory_limit() -> float:
  """Bytes that a program may take on one device."""
  device = jax.local_devices()[0]
  stats = device.memory_stats()
  if stats and 'bytes_limit' in stats:
    return 0.9 * stats['bytes_limit']
  return 0.8 * free_memory() / len(jax.local_devices())


def host_memory(cgroups: pathlib.Path = _CGROUPS) -> int:
  """Bytes that this host has, free or not; `cgroups` as of `free_memory`."""
  whole = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  for limit, _ in _LIMITS:
    with contextlib.suppress(OSError, ValueError):  # as in `free_memory`
      whole = min(whole, int((cgroups / limit).read_text()))
  return whole


def free_memory(cgroups: pathlib.Path = _CGROUPS) -> int:
  """Bytes that this host has free, within the limits of its cgroup.

  Args:
    cgroups: where the files of cgroups (v2, or v1 in `memory`) lie.
  """
  page = os.sysconf('SC_PAGE_SIZE')
  try:
    free = os.sysconf('SC_AVPHYS_PAGES') * page
  except ValueError:  # macOS does not say: half of what there is
    free = os.sysconf('SC_PHYS_PAGES') * page // 2
  for limit, used in _LIMITS:
    try:
      room = [int((cgroups / name).read_text()) for name in (limit, used)]
    except (OSError, ValueError):  # another version of cgroups, or no limit
      continue
    free = min(free, max(room[0] - room[1], 0))
  return free


def _regions() -> int:
  """How many regions of memory this process maps, 0 where nobody says."""
  maps = pathlib.Path('/proc/self/maps')
  return maps.read_bytes().count(b'\n') if maps.exists() else 0


def _held() -> int:
  """Bytes of all arrays of JAX."""
  return sum(x.nbytes for x in jax.live_arrays() if not x.is_deleted())


def leaves_nothing(function: Callable[P, R]) -> Callable[P, R]:
  """A function after whose calls JAX keeps no programs that hold much.

  JAX keeps programs, and what their functions refer to: the images on the
  device of each run that this process has made. A program takes some fifty
  regions as well.
  """

  @functools.wraps(function)
  def called(*args: P.args, **kwargs: P.kwargs) -> R:
    before = _held()
    try:
      return function(*args, **kwargs)
    finally:
      if _held() - before > _LEFT or _regions() > _REGIONS:
        jax.clear_caches()
        gc.collect()

  return called


def lower(function: Callable, shapes: tuple) -> Callable[[], Compiled]:
  """Traces a function, as jit and pmap give it, for some shapes.

  What comes back compiles it, in any thread; a thread's own settings of JAX
  (`enable_x64`, precision) are those of the thread that traced.
  """
  if jax.process_count() > 1:
    return lambda: Compiled(function)
  staged: Any = function
  lowered = staged.lower(*shapes)

  def compiled() -> Compiled:
    made = lowered.compile()
    stats = made.memory_analysis()
    needed = (
      stats.argument_size_in_bytes
      + stats.output_size_in_bytes
      + stats.temp_size_in_bytes
      - stats.alias_size_in_bytes
    )
    alone = _BATCH.search(made.as_text()) is not None
    return Compiled(made, needed, stats.temp_size_in_bytes, alone)

  return compiled


def compile_ahead(function: Callable, shapes: tuple) -> Compiled:
  """Compiles a function, as jit and pmap give it, for some shapes."""
  return lower(function, shapes)()


def ahead_of_time(function: Callable) -> Callable[..., Compiled]:
  """`program(*arguments)` -> `function` compiled for their shapes, once."""

  @functools.lru_cache
  def of(structure: Any, *shapes: jax.ShapeDtypeStruct) -> Compiled:
    return compile_ahead(function, jax.tree.unflatten(structure, shapes))

  def program(*arguments: Any) -> Compiled:
    shapes = jax.eval_shape(lambda *xs: xs, *arguments)
    leaves, structure = jax.tree.flatten(shapes)
    return of(structure, *leaves)

  return program
