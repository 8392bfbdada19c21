"""A step's time over members, batch and image size, beside the matmul peak.

The value is the share of the peak, measured in the same rounds, that the
products of the step's networks reach.
"""

import numpy as np

from benchmarks import timing, training

NETWORK = 'conv_burgess'
STEPS = 2
MEMBERS = (1, 2, 4, 8, 16)
BATCHES = (16, 64, 256)
SIZES = (32, 64, 128)


def rows(scale: float) -> list[timing.Row]:
  points = {
    **{f'{m} member(s)': (m, 64, 64) for m in MEMBERS},
    **{f'batch {b}': (1, b, 64) for b in BATCHES},
    **{f'images {s}x{s}': (1, 64, s) for s in SIZES},
  }
  matmul, matmul_gflop = timing.matmul()
  found = []
  for what, (members, batch, size) in points.items():
    case = training.make_case(NETWORK, batch, size)
    step = training.ours(case, STEPS, members)
    times = timing.measure(
      {'step': step, 'matmul': matmul}, max(2, round(6 * scale))
    )
    work = training.step_gflop(case) * members
    peak = timing.ratio(times['matmul'], times['step'])
    share = np.array(peak) * work * STEPS / matmul_gflop * 100
    found.append(
      timing.row(
        f'{NETWORK}, {what}',
        timing.Times(*share),
        '% of peak',
        detail=f'{timing.milliseconds(times["step"], STEPS * members)} a step'
        ' and member',
      )
    )
  return found
