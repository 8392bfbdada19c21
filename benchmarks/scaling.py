"""A step's time over members, batch and image size, beside the matmul peak.

The value is the share of the peak, measured in the same rounds, that the
products of the step's networks reach; runs/benchmarks/scaling.svg draws the
time beside what the products alone would take at the peak.
"""

import numpy as np

from benchmarks import timing, training
from bvae_jax.report import markup, svg

NETWORK = 'conv_burgess'
STEPS = 2
# Of each panel: the axis, its values, and (members, batch, image size) of each.
PANELS = {
  'members': {m: (m, 64, 64) for m in (1, 2, 4, 8, 16)},
  'batch': {b: (1, b, 64) for b in (16, 64, 256)},
  'image size': {s: (1, 64, s) for s in (32, 64, 128)},
}
_OURS, _LIMIT = svg.Mark('#0b7285', 'ours'), svg.Mark('#c2410c', 'limit')
_STYLE = """
svg { font: 11px system-ui, sans-serif } text { fill: #555 }
.title { fill: #111; font-weight: 600 } .mid { text-anchor: middle }
.end { text-anchor: end } .grid { stroke: #ddd } .axis { stroke: #888 }
.line { fill: none; stroke-width: 1.6 }
"""


def draw(times: dict[str, np.ndarray]) -> str:
  """A standalone SVG of {axis: [points, (value, ms, ms at the peak)]}."""
  width, height = 260, 220
  panels = []
  for i, (axis, points) in enumerate(times.items()):
    x, ours, limit = points.T
    chart = svg.Chart(
      (x.min() * 0.9, x.max() * 1.1),
      (0.0, 1.05 * ours.max()),
      title='ms a step and member' if i == 0 else '',
      x_label=axis,
      x_ticks=[(value, f'{value:g}') for value in x],
      log_x=True,
      size=(width, height),
    )
    for ys, mark in ((ours, _OURS), (limit, _LIMIT)):
      chart.line(x, ys, mark)
      for at, y in zip(x, ys):
        chart.dot(at, y, mark, tip=f'{mark.label}: {y:.1f} ms')
    panels.append(
      markup.tag(
        'svg', chart.render(), x=i * width + 6, width=width, height=height
      )
    )
  words = f'{NETWORK}: a step as it is (blue), its products at the peak (red)'
  panels.append(markup.tag('text', words, x=6, y=height + 18))
  return markup.tag(
    'svg',
    markup.tag('style', _STYLE),
    *panels,
    xmlns='http://www.w3.org/2000/svg',
    viewBox=f'0 0 {width * len(times) + 6} {height + 26}',
    width=width * len(times) + 6,
  )


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
