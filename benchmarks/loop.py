"""The share of a run that passes outside the compiled program.

The quick population trains through `run.train`, with its log lines and
checkpoints; time inside is from each chunk's call to its results.
"""

import tempfile
import time

import jax
import numpy as np

from benchmarks import quick, timing
from bvae_jax.training import program as program_lib


def share(steps: int) -> tuple[float, float]:
  """Outside / total from the first chunk to the end, wall and CPU time."""
  clocks = lambda: np.array([time.perf_counter(), time.process_time()])
  spans = []
  with tempfile.TemporaryDirectory() as folder:
    run = quick.make_run(folder, num_steps=steps)
    run.compile()
    chunk = run._chunk

    def timed(*arguments):
      begin = clocks()
      results = jax.block_until_ready(chunk(*arguments))
      spans.append((begin, clocks()))
      return results

    run._chunk = timed
    program_lib.train(run)
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
