"""A step's time over members, batch, image size and latents, with its limit.

The value is the share of the peak, measured in the same rounds, that the
products of the step's networks reach; runs/benchmarks/scaling.svg draws the
time beside what the products alone would take at the peak.
"""

import altair as alt
import numpy as np

from benchmarks import timing, training
from bvae_jax.report import charts

NETWORK = 'conv_burgess'
STEPS = 2
# The values of each panel's axis; what it does not vary is as in BASE.
PANELS = {
  'members': (1, 2, 4, 8, 16),
  'batch': (16, 64, 256),
  'image size': (32, 64, 128),
  'latents': (10, 64, 512),
}
BASE = {'members': 1, 'batch': 64, 'image size': 64, 'latents': 10}
_OURS, _LIMIT = 'the step', 'its products at the peak'


def draw(times: dict[str, np.ndarray]) -> str:
  """A standalone SVG of {axis: [points, (value, ms, ms at the peak)]}."""
  panels = []
  for axis, points in times.items():
    values = [
      {'value': value, 'ms': ms, 'what': what}
      for value, *both in points.tolist()
      for what, ms in zip((_OURS, _LIMIT), both)
    ]
    x = alt.X('value:Q', title=axis, scale=alt.Scale(type='log', nice=False))
    chart = alt.Chart(alt.Data(values=values)).mark_line(point=True)
    panels.append(
      chart.encode(
        x=x.axis(values=points[:, 0].tolist()),
        y=alt.Y('ms:Q', title='ms a step and member'),
        color=alt.Color('what:N', title=NETWORK, sort=[_OURS, _LIMIT]),
      ).properties(width=150, height=170)
    )
  ground = (
    '><rect width="100%" height="100%" fill="white"/>'  # of dark pages too
  )
  return charts.svg(alt.hconcat(*panels)).replace('>', ground, 1)


def rows(scale: float) -> list[timing.Row]:
  matmul, matmul_gflop = timing.matmul()
  found, drawn = [], {}
  for axis, values in PANELS.items():
    for value in values:
      members, *shape = (BASE | {axis: value}).values()
      case = training.make_case(NETWORK, *shape)
      step = training.ours(case, STEPS, members)
      times = timing.measure(
        {'step': step, 'matmul': matmul}, max(2, round(6 * scale))
      )
      work = training.step_gflop(case) * members
      peak = timing.ratio(times['matmul'], times['step'])
      share = np.array(peak) * work * STEPS / matmul_gflop * 100
      each = times['step'] / (STEPS * members)
      found.append(
        timing.row(
          f'{NETWORK}, {axis} {value}',
          timing.Times(*share),
          '% of peak',
          detail=f'{timing.milliseconds(each)} a step and member',
        )
      )
      taken = np.median(each.wall) * 1e3
      at_peak = np.median(share[0]) / 100 * taken
      drawn.setdefault(axis, []).append((value, taken, at_peak))
  timing.FOLDER.mkdir(parents=True, exist_ok=True)
  figure = draw({axis: np.array(points) for axis, points in drawn.items()})
  (timing.FOLDER / 'scaling.svg').write_text(figure)
  return found
