"""Elements of HTML and SVG, escaped, and numbers as a reader wants them."""

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

MISSING = '–'
_VOID = ('img', 'meta')


def text(value: Any) -> str:
  """Any value as text that is safe inside an element."""
  return html.escape(str(value))


def tag(name: str, /, *children: str, **attributes: Any) -> str:
  """An element; children are markup already, attributes are escaped here.

  `class_` stands for class, and an underscore for a hyphen; an attribute that
  is None is left out, a float is rounded to a tenth of a unit.
  """
  parts = [name]
  for key, value in attributes.items():
    if value is not None:
      if isinstance(value, float):
        value = f'{value:.1f}'.removesuffix('.0')
      parts.append(f'{key.rstrip("_").replace("_", "-")}="{text(value)}"')
  opened = ' '.join(parts)
  if name in _VOID:
    return f'<{opened}/>'
  return f'<{opened}>{"".join(children)}</{name}>'


def is_number(value: Any) -> bool:
  """Whether a value from JSON is a finite number."""
  return isinstance(value, int | float) and math.isfinite(value)


def digits(values: Iterable[Any]) -> int:
  """Decimals that keep a column of numbers readable."""
  size = max((abs(v) for v in values if is_number(v)), default=0.0)
  return 0 if size >= 1e4 else 1 if size >= 100 else 2 if size >= 10 else 3


def number(value: Any, decimals: int | None = None) -> str:
  """A number with a true minus sign; None and NaN as a dash."""
  if not is_number(value):
    return MISSING
  decimals = digits([value]) if decimals is None else decimals
  return f'{value:,.{decimals}f}'.replace('-', '−')


def compact(value: float) -> str:
  """A tick's number: 300000 as 300k, 0.0001 as 1e-4."""
  if abs(value) >= 1e6:
    return compact(value / 1e6) + 'M'
  if abs(value) >= 1e4:
    return compact(value / 1e3) + 'k'
  return f'{value:.4g}'.replace('e-0', 'e-').replace('-', '−')


def count(size: int, noun: str) -> str:
  """A size with its noun, in the singular or the plural."""
  return f'{size:,} {noun}' + ('' if size == 1 else 's')


def table(
  head: Sequence[str],
  rows: Sequence[Sequence[str]],
  classes: Sequence[str] | None = None,
) -> str:
  """A table in a box that scrolls: the first column labels its row.

  Args:
    head: markup of the column heads.
    rows: markup of the cells.
    classes: a class for each row.
  """
  cells = lambda row: (
    tag('th', row[0], scope='row')
    + ''.join(tag('td', cell) for cell in row[1:])
  )
  body = [
    tag('tr', cells(row), class_=kind or None)
    for row, kind in zip(rows, classes or [''] * len(rows))
  ]
  top = tag('tr', *(tag('th', h, scope='col') for h in head))
  inner = tag('table', tag('thead', top), tag('tbody', *body))
  return tag('div', inner, class_='scroll', tabindex=0)


def figure(content: str, caption: str) -> str:
  """A numbered figure with its caption (markup) below."""
  return tag('figure', content, tag('figcaption', caption))


def section(title: str, *content: str) -> str:
  """A section of the page, or nothing where there is no content."""
  body = ''.join(content)
  return tag('section', tag('h2', text(title)), body) if body else ''
