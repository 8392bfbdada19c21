"""What an application found, kept in RUN/apps, and the page of all of them."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from bvae_jax import apps
from bvae_jax import workdir as workdir_lib
from bvae_jax.apps import pictures
from bvae_jax.report import markup
from bvae_jax.report.markup import tag, text

FOLDER, PAGE = 'apps', 'apps.html'


class Table(NamedTuple):
  """A table: its caption, the heads of its columns, and its rows as text."""

  caption: str
  head: tuple[str, ...]
  rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Section:
  """One application's part of the page.

  Attributes:
    name: of the application.
    title: of the section.
    lead: what was done, and what came out.
    figures: every number, as JSON has it.
    tables: for a reader.
    files: {file name: content} of pictures, written to RUN/apps.
    shown: {file name: caption} of those that the page shows.
    notes: where it fails, and how far to trust it.
    command: that makes it anew.
  """

  name: str
  title: str
  lead: str
  figures: Mapping[str, Any]
  tables: tuple[Table, ...] = ()
  files: Mapping[str, bytes | str] = dataclasses.field(default_factory=dict)
  shown: Mapping[str, str] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()
  command: str = ''

  def of_command(self, command: str) -> 'Section':
    """The section with the command that makes it anew."""
    return dataclasses.replace(self, command=command)


def as_text(table: Table) -> str:
  """A table for a terminal, its columns aligned."""
  rows = [table.head, *table.rows]
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = ['  '.join(c.ljust(w) for c, w in zip(row, widths)) for row in rows]
  return '\n'.join([table.caption, *lines])


def write(section: Section, run: pathlib.Path) -> pathlib.Path:
  """Keeps a section in RUN/apps, and makes RUN/apps.html of all there.

  Raises:
    OSError: the folder cannot be written.
  """
  folder = run / FOLDER
  folder.mkdir(exist_ok=True)
  for name, content in section.files.items():
    workdir_lib.replace_file(folder / name, content)
  kept = {
    field.name: getattr(section, field.name)
    for field in dataclasses.fields(section)
    if field.name != 'files'
  }
  told = json.dumps(workdir_lib.plain(kept), indent=1)
  workdir_lib.replace_file(folder / f'{section.name}.json', told)
  page = run / PAGE
  workdir_lib.replace_file(page, document(run))
  return page


def document(run: pathlib.Path) -> str:
  """The page of every section in RUN/apps, in the order of `apps.NAMES`."""
  paths = [run / FOLDER / f'{name}.json' for name in apps.NAMES]
  found = [workdir_lib.read_json(path) for path in paths if path.exists()]
  links = ' · '.join(
    tag('a', text(one['name']), href=f'#{one["name"]}') for one in found
  )
  name = run.resolve().name
  head = [
    tag('meta', charset='utf-8'),
    tag('meta', name='viewport', content='width=device-width'),
    tag('title', f'Applications of {text(name)}'),
    tag('style', _STYLE),
  ]
  body = [
    tag('h1', f'Applications of {text(name)}'),
    tag(
      'p',
      'What the codes of this run are good for, and where not. Every '
      'figure is a mean over members with its 95 % interval (Student’s t, '
      'between members).',
      class_='lead',
    ),
    tag('nav', links),
    *(_section(one, run / FOLDER) for one in found),
  ]
  return '<!doctype html>\n' + tag(
    'html', tag('head', *head), tag('body', *body), lang='en'
  )


def _section(one: dict, folder: pathlib.Path) -> str:
  shown = [
    tag('figure', _picture(folder / name, caption),
        tag('figcaption', text(caption)))
    for name, caption in one['shown'].items()
    if (folder / name).exists()
  ]  # fmt: skip
  tables = []
  for caption, head, rows in one['tables']:
    escaped = [[text(cell) for cell in row] for row in rows]
    inner = markup.table([text(h) for h in head], escaped)
    tables.append(tag('figure', inner, tag('figcaption', text(caption))))
  notes = tag('ul', *(tag('li', text(note)) for note in one['notes']))
  return tag(
    'section',
    tag('h2', text(one['title'])),
    tag('p', text(one['lead']), class_='lead'),
    *tables,
    *shown,
    notes if one['notes'] else '',
    tag('pre', text(one['command'])) if one['command'] else '',
    id=one['name'],
  )


def _picture(path: pathlib.Path, caption: str) -> str:
  if path.suffix == '.svg':
    svg = path.read_text(encoding='utf-8')
    return tag('div', svg, class_='scroll', tabindex=0)
  address = pictures.data_uri(path.suffix[1:], path.read_bytes())
  return tag(
    'div', tag('img', src=address, alt=caption), class_='scroll', tabindex=0
  )


_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2127;
  --muted: #5d6772; --rule: #dde1e6; --accent: #2166ac; --warm: #b4530a; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e4e7eb;
  --muted: #9ba5b0; --rule: #333a42; --accent: #6aa9e0; --warm: #e0954f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 1000px;
  background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 3rem 0 .8rem; padding-top: .9rem;
  border-top: 1px solid var(--rule); }
.lead, li, figcaption { max-width: 46rem; }
figure { margin: 0 0 1.6rem; }
figcaption, nav { color: var(--muted); font-size: .87rem; margin-top: .5rem; }
a { color: var(--accent); }
ul { padding-left: 1.2rem; } li::marker { color: var(--warm); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .87rem; white-space: nowrap; }
th, td { padding: .28rem .75rem; text-align: right; font-weight: 400; }
th:first-child { text-align: left; padding-left: .2rem; }
thead th { color: var(--muted); vertical-align: bottom;
  box-shadow: inset 0 -1px var(--rule); }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
img { image-rendering: pixelated; vertical-align: middle; }
pre { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace;
  overflow-x: auto; color: var(--muted); }
@media (max-width: 640px) { body { padding: 1.25rem 1rem 3rem; } }
"""
