"""One quantity of the members against another, of one run or of several."""

from collections.abc import Sequence

import numpy as np

from bvae_jax.report import markup, scores, svg
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number


def hparam_values(view: view_lib.View, key: str) -> np.ndarray:
  """A hyperparameter of each member [M]."""
  return np.array([e['hparams'][key] for e in view.entries], np.float64)


def _hparam_axis(key: str, levels: list[float]) -> dict:
  """The x axis of a hyperparameter: a tick a value, logarithmic if wide."""
  log_x = levels[0] > 0 and levels[-1] / levels[0] >= 8
  pad = (levels[-1] / levels[0]) ** 0.05 if log_x else 0.0
  return {
    'x': (levels[0] / pad, levels[-1] * pad) if pad else svg.domain(levels),
    'x_ticks': [(v, markup.compact(v)) for v in levels],
    'x_label': key,
    'log_x': log_x,
  }


def _means(values: np.ndarray, groups: list[list[int]]) -> list[float]:
  """The mean of each group's finite values, NaN where there is none."""
  finite = [values[g][np.isfinite(values[g])] for g in groups]
  return [float(v.mean()) if len(v) else float('nan') for v in finite]


def panel(
  views: Sequence[view_lib.View],
  x_key: str,
  y_key: str,
  *,
  hparam: bool = False,
  lines: Sequence[svg.Mark] = (),
) -> str:
  """y of each member against a hyperparameter, or against another score.

  Args:
    views: the runs or methods that share the chart.
    x_key, y_key: what the axes show; y is a score or a bound.
    hparam: whether x is a hyperparameter.
    lines: how the line through the means over seeds is drawn, one a view; by
      default no line is.
  """
  read = hparam_values if hparam else lambda view, key: view.values(key)
  xs = [read(view, x_key) for view in views]
  ys = [view.values(y_key) for view in views]
  if hparam:
    axis = _hparam_axis(x_key, sorted(set(np.concatenate(xs).tolist())))
  else:
    axis = {
      'x': svg.domain(np.concatenate(xs)),
      'x_label': view_lib.name(x_key),
    }
  span = svg.domain(np.concatenate(ys))
  chart = svg.Chart(y=span, title=view_lib.name(y_key), **axis)
  for view, x, y, mark in zip(views, xs, ys, lines):
    if hparam:  # over all else that is swept
      groups = [
        np.flatnonzero((x == v) & view.healthy).tolist() for v in sorted(set(x))
      ]
    else:
      groups = list(scores.setting_groups(view).values())
    chart.line(_means(x, groups), _means(y, groups), mark)
  for view, x, y in zip(views, xs, ys):
    for m in svg.drawing_order(view.marks):
      at = number(float(x[m])), number(float(y[m]))
      tip = f'{view.marks[m].label}: {", ".join(at)}'
      chart.dot(float(x[m]), float(y[m]), view.marks[m], tip=tip)
  return chart.render()
