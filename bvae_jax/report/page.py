"""An HTML file: its head, its sections in order, one copy of the charts."""

import contextlib
import functools
import gzip
import itertools
import json
import pathlib
import re
import zlib
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NamedTuple

import vl_convert
from markupsafe import Markup

from bvae_jax import workdir as workdir_lib
from bvae_jax.data import cache
from bvae_jax.report import markup


class Section(NamedTuple):
  """A part of a page; one without content is left out.

  Attributes:
    title: names it, and is its anchor.
    content: elements.
  """

  title: str
  content: Markup


class Head(NamedTuple):
  """What stands above the sections.

  Attributes:
    title: of the page.
    lede: a paragraph.
    warnings: a line each.
    facts: (name, text) pairs.
  """

  title: str
  lede: Markup
  warnings: Sequence[str] = ()
  facts: Sequence[tuple[str, str]] = ()


def section(title: str, *parts: Markup) -> Section:
  """A section of elements one after the other."""
  return Section(title, markup.join(parts))


@functools.cache
def _vega() -> str:
  """The one script that draws all charts: Vega, Vega-Lite and their embedder.

  Kept apart from the page by a function, and safe within a <script>. As it
  takes seconds to make, the user's cache keeps it, if it can.
  """
  with contextlib.suppress(OSError, EOFError, zlib.error, RuntimeError):
    if raw := gzip.decompress(_kept_vega().read_bytes()):
      return raw.decode()
  bundle = vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;')
  script = '(() => {' + bundle.replace('</script', '<\\/script') + '})();'
  with contextlib.suppress(OSError, RuntimeError):  # no room, or no home
    raw = gzip.compress(script.encode(), mtime=0)
    workdir_lib.replace_file(_kept_vega(), raw)
  return script


def _kept_vega() -> pathlib.Path:
  version = metadata.version('vl-convert-python')
  return cache.folder() / f'vega-{version}.js.gz'


def document(
  head: Head, sections: Sequence[Section], config: dict[str, Any]
) -> str:
  """A whole HTML file; it asks for no other. Its figures are numbered.

  Args:
    head: what stands above the sections.
    sections: empty ones are left out.
    config: shown whole in the last section, if there is any.
  """
  templates = markup.environment()
  source = lambda name: Markup(templates.get_template(name).render())
  number = itertools.count(1)
  numbered = lambda _: f'<figcaption><span>Figure {next(number)}.</span> '
  charts = any('class="chart"' in content for _, content in sections)
  return templates.get_template('page.html').render(
    head=head,
    sections=[
      (
        title,
        re.sub(r'\W+', '-', title.lower()),
        Markup(re.sub('<figcaption>', numbered, content)),
      )
      for title, content in sections
      if content
    ],
    config=json.dumps(config, indent=2) if config else '',
    style=source('style.css'),
    script=source('page.js'),
    vega=Markup(_vega()) if charts else '',
  )
