"""Elements of HTML, and numbers as a reader wants them.

The elements are macros of templates/elements.html. What comes out of them is
`Markup`; any other text, wherever it goes in, is escaped.
"""

import functools
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from bvae_jax.report import images

MISSING = '–'


@functools.cache
def environment() -> jinja2.Environment:
  """The templates of all pages."""
  return jinja2.Environment(
    loader=jinja2.PackageLoader('bvae_jax.report'),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
  )


def element(name: str, *values: Any) -> Markup:
  """A macro of templates/elements.html."""
  macros: Any = environment().get_template('elements.html').module
  return getattr(macros, name)(*values)


def join(parts: Iterable[str]) -> Markup:
  """Elements one after the other."""
  return Markup().join(parts)


def is_number(value: Any) -> bool:
  """Whether a value from JSON is a finite number."""
  return isinstance(value, int | float) and math.isfinite(value)


def digits(values: Iterable[Any]) -> int:
  """Decimals that keep a column of numbers readable."""
  known = [abs(v) for v in values if is_number(v)]
  size = max(known, default=0.0)
  if size > 1 and all(float(v).is_integer() for v in known):
    return 0  # counts
  return 0 if size >= 1e4 else 1 if size >= 100 else 2 if size >= 10 else 3


def number(value: Any, decimals: int | None = None) -> str:
  """A number with a true minus sign; None and NaN as a dash."""
  if not is_number(value):
    return MISSING
  decimals = digits([value]) if decimals is None else decimals
  shown = f'{round(value, decimals) + 0.0:,.{decimals}f}'  # no −0.000
  return shown.replace('-', '−')


def with_error(value: Any, error: Any, decimals: int | None = None) -> str:
  """A number ± its error, where it has one."""
  shown = number(value, decimals)
  return f'{shown} ± {number(error, decimals)}' if is_number(error) else shown


def interval(low: float, high: float, decimals: int) -> str:
  """The ends of an interval in brackets."""
  return f'[{number(low, decimals)}, {number(high, decimals)}]'


def minus(text: str) -> str:
  """A text whose numbers have a true minus sign."""
  return re.sub(r'(?<![\w.−-])-(?=[\d.])', '−', text)


def spread(values: np.ndarray, places: int) -> str:
  """Mean ± the sample's standard deviation of the finite values."""
  values = values[np.isfinite(values)]
  if not len(values):
    return MISSING
  mean = number(values.mean(), places)
  if len(values) == 1:
    return mean
  return f'{mean} ± {number(values.std(ddof=1), places)}'


def count(size: int, noun: str) -> str:
  """A size with its noun, in the singular or the plural."""
  return f'{size:,} {noun}' + ('' if size == 1 else 's')


def table(
  head: Sequence[str],
  rows: Iterable[Sequence[str]],
  classes: Sequence[str] = (),
  kind: str = '',
) -> Markup:
  """A table in a box that scrolls: the first column labels its row.

  Args:
    head: of the columns.
    rows: their cells.
    classes: a class for each row.
    kind: 'words' where cells are text.
  """
  return element('table', head, list(rows), classes, kind)


def figure(content: Markup, caption: str) -> Markup:
  """A numbered figure with its caption below."""
  return element('figure', content, caption)


def image(
  pixels: np.ndarray, alt: str, kind: str = '', share: float = 1
) -> Markup:
  """An <img> of class `kind` that holds the pixels, uint8 [H, W, C].

  In a strip it takes this share of the whole width.
  """
  height, width = pixels.shape[:2]
  address = images.data_uri('png', images.png(pixels))
  return element('image', address, alt, width, height, kind, share)


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


def chart(drawn: Any) -> Markup:
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


def panels(
  charts: Iterable[Any], caption: str, *, above: str = '', kind: str = 'panels'
) -> Markup:
  """A figure of charts, with their values as a table; `above` stands first."""
  return element('panels', [*map(chart, charts)], caption, above, kind)


def key(
  colour: str, words: str, members: Sequence[str], role: str = ''
) -> Markup:
  """A swatch, and a button that singles its members out, if it has any."""
  told = json.dumps([*members]) if members else ''
  return element('key', colour, words, told, role)
