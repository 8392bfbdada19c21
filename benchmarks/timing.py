"""What all benchmarks share: clocks, ratios, rows of a table, the setting.

Each duration is taken twice: on the wall, and as the CPU time of all threads,
which other work on the machine hardly moves.
"""

import importlib.metadata
import json
import os
import pathlib
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import workdir

PACKAGES = ('jax', 'flax', 'torch', 'scikit-learn', 'numpy')
FOLDER = pathlib.Path('runs/benchmarks')


class Times(NamedTuple):
  """Seconds of each round [R]."""

  wall: np.ndarray
  cpu: np.ndarray

  def __truediv__(self, divisor: float) -> 'Times':
    return Times(self.wall / divisor, self.cpu / divisor)


class Row(NamedTuple):
  """A line of the table: medians of rounds, and quartiles of the first."""

  what: str
  value: float
  low: float
  high: float
  cpu: float | None  # the same from CPU time
  unit: str
  goal: str
  detail: str


def row(what: str, times: Times, unit: str, goal='', detail='') -> Row:
  """A row of what the rounds give: seconds, or ratios of them."""
  low, value, high = np.percentile(times.wall, [25, 50, 75])
  cpu = np.median(times.cpu)
  return Row(what, *map(float, (value, low, high, cpu)), unit, goal, detail)


def ratio(of: Times, to: Times) -> Times:
  """Round by round, so that noise falls on both alike."""
  return Times(of.wall / to.wall, of.cpu / to.cpu)


def milliseconds(times: Times, count: float = 1) -> str:
  return f'{np.median(times.wall) / count * 1e3:.3g} ms'


def measure(
  contenders: dict[str, Callable[[], Any]], rounds: int
) -> dict[str, Times]:
  """Seconds of each call in each round, after one that warms up."""
  seconds = {name: [] for name in contenders}
  for round_number in range(rounds + 1):
    for name, call in contenders.items():
      wall, cpu = time.perf_counter(), time.process_time()
      call()
      if round_number:
        seconds[name].append(
          (time.perf_counter() - wall, time.process_time() - cpu)
        )
  return {name: Times(*np.transpose(taken)) for name, taken in seconds.items()}


def blocking(function: Callable, *args: Any) -> Callable[[], Any]:
  """A call that waits for the device."""
  return lambda: jax.block_until_ready(function(*args))


def matmul() -> tuple[Callable[[], None], float]:
  """A call that multiplies matrices [2048, 2048], and its GFLOP."""
  a = jnp.ones((2048, 2048))
  return blocking(jax.jit(jnp.matmul), a, a), 2 * 2048**3 / 1e9


def process(*argv: str, **environment: str) -> tuple[str, float, float]:
  """Runs `python *argv`; returns its output, wall and CPU seconds."""
  used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
  wall, cpu = time.perf_counter(), used()
  done = subprocess.run(
    [sys.executable, *argv],
    env={**os.environ, **environment},
    stdout=subprocess.PIPE,
    text=True,
    check=True,
  )
  return done.stdout, time.perf_counter() - wall, used() - cpu


def lines(*argv: str) -> Iterator[str]:
  """The lines that `python *argv` prints, as it prints them.

  Raises:
    SystemExit: it failed, and has said why.
  """
  with subprocess.Popen(
    [sys.executable, *argv], stdout=subprocess.PIPE, text=True
  ) as child:
    assert child.stdout
    yield from child.stdout
  if child.returncode:
    raise SystemExit(f'python {" ".join(argv)} failed: {child.returncode}')


def chip() -> str:
  """The processor's own name for itself."""
  try:
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
  except OSError:
    lines = []
  names = [x.partition(':')[2].strip() for x in lines if 'model name' in x]
  return names[0] if names else platform.processor() or 'unknown chip'


def setting() -> dict[str, Any]:
  """Versions, cores and device."""
  versions = {}
  for name in PACKAGES:
    try:
      versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  return {
    **versions,
    'chip': chip(),
    'backend': jax.default_backend(),
    'device': jax.devices()[0].device_kind,
    'cores': len(os.sched_getaffinity(0)),
    'load': os.getloadavg()[0],
  }


def write(path: str | os.PathLike, results: Any) -> None:
  """At once, so that who reads it meanwhile finds all of it or the last."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  workdir.replace_file(path, json.dumps(results, indent=2) + '\n')
