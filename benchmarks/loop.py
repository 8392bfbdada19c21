"""The share of a run that passes outside the compiled program.

The quick population trains through `loop.train`, with its log lines and
checkpoints; time inside is from each chunk's call to its results.
"""

import tempfile
import time

import jax
import numpy as np

from benchmarks import quick, timing
from bvae_jax import workdir
from bvae_jax.training import loop
from bvae_jax.training import program as program_lib


def share(steps: int) -> tuple[float, float]:
  """Outside / total from the first chunk to the end, wall and CPU time."""
  clocks = lambda: np.array([time.perf_counter(), time.process_time()])
  spans = []

  def timed(call):
    def run(*arguments):
      begin = clocks()
      results = jax.block_until_ready(call(*arguments))
      spans.append((begin, clocks()))
      return results

    return run

  class Timed(program_lib.Program):
    advance = timed(program_lib.Program.advance)
    finish = timed(program_lib.Program.finish)

  made = quick.make_program(num_steps=steps)
  program = Timed(made.experiment, made.members, made.layout)
  assert program.bytes  # compiled
  with tempfile.TemporaryDirectory() as path:
    folder = workdir.Workdir(path)
    folder.open(program.experiment.config)
    loop.train(program, folder)
    end = clocks()
  inside = sum(after - before for before, after in spans)
  return tuple(1 - inside / (end - spans[0][0]))


def rows(scale: float) -> list[timing.Row]:
  steps = max(400, round(8000 * scale))
  shares = [share(steps) for _ in range(3)]
  return [
    timing.row(
      f'outside the compiled program, {steps} steps of 3 members',
      timing.Times(*np.transpose(shares) * 100),
      '%',
      '<= 2',
    )
  ]
