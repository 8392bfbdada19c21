"""One quantity of the members against another, of one run or of several."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax.report import charts, scores
from bvae_jax.report import view as view_lib


def hparam_values(view: view_lib.View, key: str) -> np.ndarray:
  """A hyperparameter of each member [M]."""
  return np.array([e['hparams'][key] for e in view.entries], np.float64)


def _mean(values: np.ndarray) -> float | None:
  """The mean of the finite values, None where there is none."""
  found = values[np.isfinite(values)]
  return charts.rounded(float(found.mean())) if len(found) else None


def panel(
  views: Sequence[view_lib.View],
  x_key: str,
  y_key: str,
  *,
  hparam: bool = False,
  lines: bool = True,
) -> Any:
  """y of each member against a hyperparameter, or against another score.

  Args:
    views: the runs or methods that share the chart.
    x_key, y_key: what the axes show; y is a score or a bound.
    hparam: whether x is a hyperparameter.
    lines: whether lines, one a view, run through the means over seeds.
  """
  rows, means = [], []
  colours: dict[str, str] = {}
  for view in views:
    x = hparam_values(view, x_key) if hparam else view.values(x_key)
    y = view.values(y_key)
    rows += [
      view.row(m, x=charts.rounded(float(x[m])), y=charts.rounded(float(y[m])))
      for m in range(len(x))
    ]
    colours |= view.colours
    single = len(views) == 1
    group = 'mean over seeds' if single else view.marks[0].group
    if single and lines:
      colours[group] = view_lib.NEUTRAL
    if hparam:  # over all else that is swept
      found = [np.flatnonzero((x == v) & view.healthy) for v in sorted(set(x))]
    else:
      found = list(scores.setting_groups(view).values())
    means += [
      {'group': group, 'x': _mean(x[chosen]), 'y': _mean(y[chosen]), 'order': i}
      for i, chosen in enumerate(found)
    ] * lines
  levels = sorted({row['x'] for row in rows}) if hparam else []
  return charts.scatter(
    rows,
    title=view_lib.name(y_key),
    x_title=x_key if hparam else view_lib.name(x_key),
    lines=means,
    colours=colours,
    log_x=bool(levels) and levels[0] > 0 and levels[-1] / levels[0] >= 8,
    ticks=levels,
    legend=False,
  )
