"""Start-up: imports, `main --help`, compilation without and with the cache."""

import json
import tempfile
import time

import numpy as np

from benchmarks import timing


def _differ(argv: list[str], rounds: int) -> timing.Times:
  """Seconds of `python *argv` beyond importing jax and flax."""
  base = ('-c', 'import jax, flax.linen')
  timing.process(*base), timing.process(*argv)  # the disk's cache
  taken = [
    np.subtract(timing.process(*argv)[1:], timing.process(*base)[1:])
    for _ in range(rounds)
  ]
  return timing.Times(*np.transpose(taken))


def compile_quick() -> None:
  """Prints the seconds of compiling the quick population, then other seeds."""
  from benchmarks import quick
  from bvae_jax import cli

  cli.cache_compilations()
  taken = []
  for seeds in (0, 1, 2), (3, 4):
    program = quick.make_program(seeds=seeds)
    wall, cpu = time.perf_counter(), time.process_time()
    assert program.bytes  # compiled
    taken.append([time.perf_counter() - wall, time.process_time() - cpu])
  print(json.dumps(taken))


def _compile_twice() -> list[list[float]]:
  """[cold, in the same process, from the cache] of [wall, CPU].

  On a cache of its own.
  """
  argv = '-c', 'from benchmarks import startup; startup.compile_quick()'
  with tempfile.TemporaryDirectory() as folder:
    first, second = (
      json.loads(timing.process(*argv, JAX_COMPILATION_CACHE_DIR=folder)[0])
      for _ in range(2)
    )
  return [*first, second[0]]


def rows(scale: float) -> list[timing.Row]:
  rounds = max(2, round(5 * scale))
  imports = _differ(['-c', 'import bvae_jax.main'], rounds)
  shown = _differ(['-m', 'bvae_jax.main', '--help'], rounds)
  compiled = np.array([_compile_twice() for _ in range(rounds)])
  cold, again, warm = (timing.Times(*t.T) for t in np.moveaxis(compiled, 1, 0))
  return [
    timing.row('import bvae_jax.main, beyond jax, flax', imports, 's', '< 2'),
    timing.row('main --help, beyond jax, flax', shown, 's', '< 2'),
    timing.row('compile the quick population', cold, 's', '< 20'),
    timing.row('other seeds in the same process', again, 's', 'near 0'),
    timing.row('compile it in another process', warm, 's', 'near 0'),
  ]
