"""Damages to a run's folder: each is noticed or made good, none is silent.

    python -m tests.damage [--count=150] [--seed=0]

A tiny run is finished, another one is stopped half-way. Each trial copies one
of them, damages a file or a folder, and gives the run's command again. What
must come of it: one line that says what is wrong (`noticed`), or the files of
the run that was not damaged (`restored`), with a warning where a file cannot
be made again.
"""

import argparse
import collections
import hashlib
import logging
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from unittest import mock

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import helpers

from bvae_jax import run
from bvae_jax import workdir as workdir_lib
from bvae_jax.training import loop
from bvae_jax.training import program as program_lib

STOPPED_AT = 4
REMADE = (
  'results.json', 'results.csv', 'report.html', 'explorer.html',
  'traversals.gif',
)  # fmt: skip
TEXTS = ('', '{}', '[]', 'null', '5', '{"groups": 2}', '{"step":', '[' * 5000)


def config():
  """6 steps of one member."""
  return helpers.small_config(keep_checkpoints=3)


class _Stop:
  """A hook that ends training as a kill would."""

  def __call__(self, chunk) -> None:
    if chunk.at == STOPPED_AT:
      raise KeyboardInterrupt

  def close(self) -> None:
    pass


_programs: dict[str, program_lib.Program] = {}


def _command(path: pathlib.Path) -> None:
  """The run's command, of programs that the first one has compiled for all."""
  make = program_lib.make

  def made(experiment, members, group=0):
    key = repr((members, group))
    if key not in _programs:
      _programs[key] = make(experiment, members, group)
    return _programs[key]

  with mock.patch.object(program_lib, 'make', made):
    run.train_and_evaluate(config(), path)


def make_runs(root: pathlib.Path) -> dict[str, pathlib.Path]:
  """A finished run, and one that stopped half-way."""
  paths = {name: root / name for name in ('finished', 'stopped')}
  _command(paths['finished'])
  train = loop.train
  loop.train = lambda program, folder, extra, *rest: train(
    program, folder, [*extra, _Stop()], *rest
  )
  try:
    _command(paths['stopped'])
  except KeyboardInterrupt:
    pass
  finally:
    loop.train = train
  return paths


def _flip(path: pathlib.Path, random: np.random.Generator) -> None:
  raw = bytearray(path.read_bytes())
  raw[random.integers(len(raw))] ^= 1 << random.integers(8)
  path.write_bytes(raw)


def _cut(path: pathlib.Path, random: np.random.Generator) -> None:
  raw = path.read_bytes()
  path.write_bytes(raw[: random.integers(len(raw))])


def _text(text: str) -> Callable:
  return lambda path, random: path.write_text(text)


def damages(run_path: pathlib.Path) -> Iterator[tuple[str, str, Callable]]:
  """(file, what is done to it, how) for every file of a run."""
  for path in sorted(run_path.rglob('*')):
    name = str(path.relative_to(run_path))
    if path.is_dir():
      yield name, 'removed', lambda path, random: shutil.rmtree(path)
      continue
    yield name, 'removed', lambda path, random: path.unlink()
    if path.stat().st_size:
      yield name, 'a bit flipped', _flip
      yield name, 'cut short', _cut
    yield name, 'emptied', _text('')
    if path.suffix == '.json' and path.parent == run_path:
      for text in TEXTS[1:]:
        yield name, f'now {text[:12]!r}', _text(text)
  yield 'results.json.1-1.part', 'left by a kill', _text('{"members"')
  yield 'metrics.jsonl', 'a torn line', _torn
  yield 'metrics.jsonl', 'not UTF-8', lambda p, r: p.write_bytes(b'\xff\xfe\n')
  yield 'checkpoints/group_0/9', 'a foreign folder', lambda p, r: p.mkdir()


def _torn(path: pathlib.Path, random: np.random.Generator) -> None:
  with path.open('a') as file:
    file.write('{"step": 6, "group"')


class _Warnings(logging.Handler):
  """What was warned of."""

  def __init__(self) -> None:
    super().__init__(logging.WARNING)
    self.texts: list[str] = []

  def emit(self, record: logging.LogRecord) -> None:
    self.texts.append(record.getMessage())


def _contents(path: pathlib.Path) -> dict[str, str]:
  """What a finished run must hold, however it came about."""
  found = {
    name: hashlib.sha256((path / name).read_bytes()).hexdigest()
    for name in REMADE
    if (path / name).exists()
  }
  lines = workdir_lib.Workdir(path).read_log()
  return found | {'log': str([{**line, 'time': 0} for line in lines])}


def outcome(path: pathlib.Path, expected: dict[str, str]) -> str:
  """What the run's command makes of a damaged folder."""
  warnings = _Warnings()
  logger = logging.getLogger('bvae_jax')
  logger.addHandler(warnings)
  try:
    _command(path)
  except (OSError, ValueError) as error:
    one_line = '\n' not in str(error) and len(str(error)) > 20
    return 'noticed' if one_line else f'SILENT: {error!r}'
  except Exception as error:  # noqa: BLE001 (that is what is looked for)
    return f'TRACEBACK: {error!r}'
  finally:
    logger.removeHandler(warnings)
  found = _contents(path)
  wrong = [name for name in expected if found.get(name) != expected[name]]
  if wrong and not warnings.texts:
    return f'SILENT: {", ".join(wrong)} differ'
  if set(wrong) - {'log', 'report.html'}:
    return f'LOST: {", ".join(wrong)} differ'
  return 'warned' if wrong else 'restored'


def trials(
  paths: dict[str, pathlib.Path], count: int, seed: int
) -> list[tuple[str, str, str]]:
  """(run, damage, outcome) of `count` damages, drawn without replacement."""
  random = np.random.default_rng(seed)
  expected = _contents(paths['finished'])
  every = [
    (kind, *damage) for kind, path in paths.items() for damage in damages(path)
  ]
  rows = []
  for i in random.permutation(len(every))[:count]:
    kind, name, what, damage = every[i]
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder) / 'finished'
      shutil.copytree(paths[kind], path)
      (path / name).parent.mkdir(parents=True, exist_ok=True)
      damage(path / name, random)
      rows.append((kind, f'{name} {what}', outcome(path, expected)))
    helpers.drop_programs()
  return rows


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--count', type=int, default=150)
  parser.add_argument('--seed', type=int, default=0)
  options = parser.parse_args()
  with tempfile.TemporaryDirectory() as folder:
    paths = make_runs(pathlib.Path(folder))
    rows = trials(paths, options.count, options.seed)
  counts = collections.Counter(row[-1].partition(':')[0] for row in rows)
  for row in rows:
    if row[-1].isupper() or ':' in row[-1]:
      print(*row, sep='  ')
  print(dict(counts))
  sys.exit(any(name.isupper() for name in counts))


if __name__ == '__main__':
  main()
