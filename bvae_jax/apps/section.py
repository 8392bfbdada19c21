"""What an application found, kept in RUN/apps, and the page of all of them."""

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from bvae_jax import apps
from bvae_jax import config as config_lib
from bvae_jax import workdir as workdir_lib
from bvae_jax.report import images, markup, page
from bvae_jax.training import programs as programs_lib
from bvae_jax.workdir import locks

FOLDER, PAGE = 'apps', 'apps.html'
_LIMIT = 4_500_000  # bytes of pictures on the page, which stays below 5 MB


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
    state: of the run that it is of, as `state` tells it.
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
  state: str = ''


def state(run: pathlib.Path) -> str:
  """How far a run is: seeds, settings, and steps of its last checkpoint."""
  folder = workdir_lib.Workdir(run)
  config = folder.config()
  seeds, settings = len(config.seeds), len(config_lib.settings(config))
  of_each = f' of {settings} settings' if settings > 1 else ''
  step = min(programs_lib.reached(folder), default=0)
  return f'{seeds:,} seed{"s" * (seeds > 1)}{of_each} at step {step:,}'


def as_text(table: Table) -> str:
  """A table for a terminal, its columns aligned."""
  rows = [table.head, *_rows(table.head, table.rows)]
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = ['  '.join(c.ljust(w) for c, w in zip(row, widths)) for row in rows]
  return '\n'.join([table.caption, *lines])


def _rows(head: Sequence[str], rows: Sequence) -> Sequence:
  """Those of a table, or one that says that there is none."""
  return rows or [['none', *[''] * (len(head) - 1)]]


def write(section: Section, run: pathlib.Path) -> pathlib.Path:
  """Keeps a section in RUN/apps, and makes RUN/apps.html of all there.

  Raises:
    OSError: the folder cannot be written.
  """
  folder, target = run / FOLDER, run / PAGE
  kept = {k: value for k, value in vars(section).items() if k != 'files'}
  told = json.dumps(config_lib.plain(kept), indent=1)
  folder.mkdir(exist_ok=True)
  # Not the run's lock: it may be training.
  with locks.locked(folder / locks.RUN_LOCK, f'{folder}', locks.PATIENCE):
    workdir_lib.sweep(run, PAGE, f'{FOLDER}/*')
    for name, content in section.files.items():
      workdir_lib.replace_file(folder / name, content)
    workdir_lib.replace_file(folder / f'{section.name}.json', told)
    workdir_lib.replace_file(target, document(run))
    workdir_lib.Workdir(run).seal([PAGE])
  return target


def document(run: pathlib.Path) -> str:
  """The page of every section in RUN/apps, in the order of `apps.NAMES`."""
  paths = [run / FOLDER / f'{name}.json' for name in apps.NAMES]
  found = [workdir_lib.read_json(path) for path in paths if path.exists()]
  head = page.Head(
    f'Applications of {run.resolve().name}',
    markup.element(
      'lede',
      'What the codes of this run are good for, and where not. Every figure is '
      'a mean over members with its 95 % interval (Student’s t, between '
      'members; cut off where no figure can be, as a share beyond 1).',
    ),
  )
  now = state(run)
  held = _held(run / FOLDER / name for one in found for name in one['shown'])
  sections = [
    page.Section(one['title'], _section(one, run / FOLDER, now, held))
    for one in found
  ]
  return page.document(head, sections, {})


def _held(paths: Iterable[pathlib.Path]) -> set[pathlib.Path]:
  """The pictures that the page has room for: the smallest first."""
  bytes_of = {  # on the page, where all but an SVG is in base 64
    path: path.stat().st_size * (3 if path.suffix == '.svg' else 4) // 3
    for path in paths
    if path.exists()
  }
  order = sorted(bytes_of, key=lambda path: (bytes_of[path], path.name))
  sums = itertools.accumulate(bytes_of[path] for path in order)
  return {path for path, total in zip(order, sums) if total <= _LIMIT}


def _section(
  one: dict, folder: pathlib.Path, now: str, held: set[pathlib.Path]
) -> Markup:
  tables = [
    markup.figure(
      markup.table(head, [[*map(_cell, row)] for row in _rows(head, rows)]),
      markup.minus(f'{caption.removesuffix(".")}.'),
    )
    for caption, head, rows in one['tables']
  ]
  shown = [
    markup.figure(_picture(folder / name, caption), caption)
    if folder / name in held
    else markup.figure(
      markup.element('link', name, f'{FOLDER}/{name}'),
      f'{caption} The page has no room for it.',
    )
    for name, caption in one['shown'].items()
    if (folder / name).exists()
  ]
  return markup.element(
    'application',
    markup.minus(one['lead']),
    tables + shown,
    [*map(markup.minus, [*one['notes'], *_told(one.get('state'), now)])],
    one['command'],
  )


def _told(then: str | None, now: str) -> list[str]:
  """Notes on which state of the run a section is of; of before, none."""
  if not then or then == now:
    return [f'Of the run with {then}.'] if then else []
  return [f'Of the run with {then}; it has {now} now: run the command again.']


def _cell(text: str) -> str:
  """A number with its interval, if it has one, below it."""
  text = markup.minus(text)
  mean, bracket, ends = text.partition(' [')
  return markup.element('cell', mean, f'[{ends}') if bracket else text


def _picture(path: pathlib.Path, caption: str) -> Markup:
  if path.suffix == '.svg':
    drawn = Markup(path.read_text(encoding='utf-8'))
    return markup.element('drawing', drawn, caption)
  address = images.data_uri(path.suffix[1:], path.read_bytes())
  shown = markup.element('image', address, caption)
  return markup.element('drawing', shown, caption)
