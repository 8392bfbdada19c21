"""A step's time over members, batch and image size, beside the matmul peak.

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
# Of each panel: the axis, its values, and (members, batch, image size) of each.
PANELS = {
  'members': {m: (m, 64, 64) for m in (1, 2, 4, 8, 16)},
  'batch': {b: (1, b, 64) for b in (16, 64, 256)},
  'image size': {s: (1, 64, s) for s in (32, 64, 128)},
}
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
      ).properties(width=190, height=170)
    )
  return charts.svg(alt.hconcat(*panels))


def rows(scale: float) -> list[timing.Row]:
  matmul, matmul_gflop = timing.matmul()
  found, drawn = [], {}
  for axis, points in PANELS.items():
    for value, (members, batch, size) in points.items():
      case = training.make_case(NETWORK, batch, size)
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
