"""Elements of HTML, and numbers as a reader wants them.

The elements are macros of templates/elements.html.
"""

import functools
import html
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import jinja2

MISSING = '–'


@functools.cache
def environment() -> jinja2.Environment:
  """The templates of all pages."""
  return jinja2.Environment(
    loader=jinja2.PackageLoader('bvae_jax.report'),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
  )


def element(name: str, *values: Any) -> str:
  """Markup of a macro of templates/elements.html."""
  macros: Any = environment().get_template('elements.html').module
  return str(getattr(macros, name)(*values))


def text(value: Any) -> str:
  """Any value as text that is safe inside an element."""
  return html.escape(str(value))


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
  return element('table', head, rows, classes or [''] * len(rows))


def figure(content: str, caption: str) -> str:
  """A numbered figure with its caption (markup) below."""
  return element('figure', content, caption)


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
  return element('chart', title, packed)


def panels(charts: Iterable[Any], caption: str, *, above: str = '',
           kind: str = 'panels') -> str:  # fmt: skip
  """A figure of charts, with their values as a table; `above` is markup."""
  return element('panels', [*map(chart, charts)], caption, above, kind)


def key(colour: str, words: str, members: Sequence[str], role: str = '') -> str:
  """A button with a swatch that singles members out in its section."""
  return element('key', colour, words, json.dumps(list(members)), role)
