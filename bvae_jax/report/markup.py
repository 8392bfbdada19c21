"""Elements of HTML, escaped, and numbers as a reader wants them."""

import html
import json
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
  is None is left out.
  """
  parts = [name]
  for key, value in attributes.items():
    if value is not None:
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


def _packed(rows: Sequence[dict[str, Any]]) -> dict[str, list]:
  """Rows by column: {name: [values]}, of text {name: [words, [which]]}."""
  columns = {}
  for name in dict.fromkeys(key for row in rows for key in row):
    column = [row.get(name) for row in rows]
    if any(isinstance(value, str) for value in column):
      words = list(dict.fromkeys(column))
      place = {word: i for i, word in enumerate(words)}
      columns[name] = [words, [place[word] for word in column]]
    else:
      columns[name] = [column]
  return columns


def chart(drawn: Any) -> str:
  """An `alt.Chart`, its rows packed; the page draws it when it is seen.

  A chart is as wide as its panel, but for one whose columns have a width.
  """
  rows, drawn = drawn.data.values, drawn.copy(deep=False)
  drawn.data = {'values': []}
  spec = drawn.to_dict(validate=False)
  spec['data'] = {'values': rows}
  spec.pop('$schema', None)
  spec.pop('config', None)
  title = spec['title']['text']
  if not isinstance(spec['width'], dict):
    spec['width'] = 'container'
  for part in (spec, *spec['layer']):
    if 'data' in part:
      part['data'] = _packed(part['data']['values'])
  packed = json.dumps(spec, allow_nan=False, separators=(',', ':'))
  return tag(
    'div',
    class_='chart',
    role='group',
    aria_label=title,
    data_spec=packed,
  )


def panels(charts: Iterable[Any], caption: str, *, above: str = '',
           kind: str = 'panels') -> str:  # fmt: skip
  """A figure of charts, with their values as a table; `above` is markup."""
  body = tag('div', *map(chart, charts), class_=kind)
  values = tag('details', tag('summary', 'Values as a table'), class_='values')
  return tag('figure', above, body, tag('figcaption', caption), values)


def key(colour: str, words: str, members: Sequence[str], role: str = '') -> str:
  """A button with a swatch that singles members out in its section."""
  swatch = tag('i', '', class_=role or None, style=f'--c:{colour}')
  return tag(
    'button',
    swatch,
    text(words),
    type='button',
    class_='key',
    aria_pressed='false',
    data_members=json.dumps(list(members)),
  )
