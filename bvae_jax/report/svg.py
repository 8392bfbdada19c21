"""Charts as inline SVG: crisp, labelled, coloured by the page's theme.

Text, rules and cells take the page's CSS custom properties, so one drawing
serves light and dark; only the colours of members are fixed.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bvae_jax.report import markup
from bvae_jax.report.markup import tag, text


class Mark(NamedTuple):
  """How a member is drawn."""

  colour: str
  label: str
  role: str = ''  # 'best', 'median' or neither


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
  """Round numbers, about `count` of them, that lie in [low, high]."""
  raw = (high - low) / count
  power = 10.0 ** math.floor(math.log10(raw))
  step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
  first = math.ceil(low / step - 1e-9)
  last = math.floor(high / step + 1e-9)
  return [round(i * step, 12) for i in range(first, last + 1)]


def domain(values: Any, *, pad: float = 0.05) -> tuple[float, float]:
  """The range of the finite values, widened by `pad` of its width."""
  values = np.asarray(values, np.float64)
  values = values[np.isfinite(values)]
  if not len(values):
    return 0.0, 1.0
  low, high = float(values.min()), float(values.max())
  margin = pad * (high - low) or 0.05 * abs(high) or 1.0
  return low - margin, high + margin


class Chart:
  """A panel with two linear axes (x logarithmic on demand).

  Args:
    x, y: the ranges that the axes show.
    title: above the panel; names what y is.
    x_label: below it.
    x_ticks: (value, label) pairs in place of round numbers.
    log_x: whether x, then positive, is on a logarithmic scale.
    y_axis: whether y has ticks.
    size: width and height.
  """

  def __init__(
    self,
    x: tuple[float, float],
    y: tuple[float, float],
    *,
    title: str,
    x_label: str = '',
    x_ticks: Sequence[tuple[float, str]] | None = None,
    log_x: bool = False,
    y_axis: bool = True,
    size: tuple[int, int] = (340, 220),
  ):
    self._title, self._size, self._log_x = title, size, log_x
    self._x = tuple(map(math.log, x)) if log_x else x
    self._y = y
    self.left, self.right = (50 if y_axis else 12), size[0] - 14
    self.top, self.bottom = 26, size[1] - (38 if x_label else 22)
    self._marks = []
    if x_ticks is None:
      x_ticks = [(t, markup.compact(t)) for t in nice_ticks(*x)]
    self._axes(x_ticks, x_label, y_axis)

  def px(self, x: float) -> float:
    x = math.log(x) if self._log_x else x
    share = (x - self._x[0]) / (self._x[1] - self._x[0])
    return self.left + share * (self.right - self.left)

  def py(self, y: float) -> float:
    share = (y - self._y[0]) / (self._y[1] - self._y[0])
    return self.bottom - share * (self.bottom - self.top)

  def _axes(self, x_ticks, x_label, y_axis):
    add, used = self._marks.append, -math.inf
    for value in nice_ticks(*self._y) if y_axis else []:
      y = self.py(value)
      add(tag('line', x1=self.left, x2=self.right, y1=y, y2=y, class_='grid'))
      label = markup.compact(value)
      add(tag('text', label, x=self.left - 6, y=y + 4, class_='end'))
    add(
      tag(
        'line',
        x1=self.left,
        x2=self.right,
        y1=self.bottom,
        y2=self.bottom,
        class_='axis',
      )
    )
    for value, label in x_ticks:
      x, half = self.px(value), 3.5 * len(label)
      add(
        tag(
          'line', x1=x, x2=x, y1=self.bottom, y2=self.bottom + 4, class_='axis'
        )
      )
      if x - half > used + 4:  # labels that would touch are left out
        used = x + half
        add(
          tag(
            'text',
            text(label),
            x=min(x, self._size[0] - half),
            y=self.bottom + 16,
            class_='mid',
          )
        )
    if x_label:
      add(
        tag(
          'text',
          text(x_label),
          x=(self.left + self.right) / 2,
          y=self._size[1] - 4,
          class_='mid',
        )
      )

  def line(self, xs: Any, ys: Any, mark: Mark, *, tip: str = '') -> None:
    """A curve; it breaks where y is not finite."""
    path, pen = [], 'M'
    for x, y in zip(xs, ys):
      if math.isfinite(y):
        path.append(f'{pen}{self.px(x):.1f} {self.py(y):.1f}')
        pen = 'L'
      else:
        pen = 'M'
    if len(path) == 1:
      path.append('h.1')
    if path:
      title = tag('title', text(tip or mark.label))
      self._marks.append(
        tag(
          'path',
          title,
          d=''.join(path),
          stroke=mark.colour,
          class_=f'line {mark.role}'.strip(),
        )
      )

  def dot(
    self, x: float, y: float, mark: Mark, *, tip: str, dy: float = 0.0
  ) -> None:
    """A point, `dy` pixels above its place; left out where not finite."""
    if math.isfinite(x) and math.isfinite(y):
      self._marks.append(
        tag(
          'circle',
          tag('title', text(tip)),
          cx=self.px(x),
          cy=self.py(y) - dy,
          r=5.5 if mark.role else 4.0,
          fill=mark.colour,
          class_=f'dot {mark.role}'.strip(),
        )
      )

  def bar(self, x: float, y: float, width: float, *, tip: str) -> None:
    """A bar from zero to y, `width` units of x wide."""
    top, zero = self.py(y), self.py(0.0)
    self._marks.append(
      tag(
        'rect',
        tag('title', text(tip)),
        x=self.px(x - width / 2),
        y=top,
        width=self.px(x + width / 2) - self.px(x - width / 2),
        height=max(zero - top, 0.0),
        class_='bar',
      )
    )

  def note(self, x: float, y: float, words: str) -> None:
    """Small text that ends at a place given in pixels."""
    self._marks.append(tag('text', text(words), x=x, y=y, class_='end note'))

  def rule(self, x: float) -> None:
    """A vertical line across the panel."""
    self._marks.append(
      tag(
        'line',
        x1=self.px(x),
        x2=self.px(x),
        y1=self.top,
        y2=self.bottom,
        class_='rule',
      )
    )

  def render(self) -> str:
    title = tag('text', text(self._title), x=0, y=13, class_='title')
    return drawing(title + ''.join(self._marks), self._size, self._title)


def drawing(content: str, size: tuple[float, float], label: str) -> str:
  """An <svg> that shrinks with the page and never grows over its size."""
  width, height = map(round, size)
  return tag(
    'svg',
    content,
    viewBox=f'0 0 {width} {height}',
    role='img',
    aria_label=label,
    style=f'max-width:{width}px',
    width='100%',
  )


def drawing_order(marks: Sequence[Mark]) -> list[int]:
  """Members with the best drawn last, on top, and the median before it."""
  rank = {'': 0, 'median': 1, 'best': 2}
  return sorted(range(len(marks)), key=lambda m: rank[marks[m].role])
