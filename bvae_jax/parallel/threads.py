"""Calls that wait for devices, several at once, each in a thread of its own."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any

import jax


def cores() -> int:
  """How many cores this process may use."""
  if hasattr(os, 'sched_getaffinity'):  # Linux
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


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
