"""What there is to run: the commands, and the configs with their presets.

Read from files, so that a listing imports nothing. A checkout has `configs/`
and `launch/` beside the package; a wheel carries them inside it.
"""

import ast
import difflib
import pathlib
import re
import sys
from collections.abc import Iterable

PACKAGE = pathlib.Path(__file__).parent
OF_RUN = PACKAGE / 'config' / 'of_run.py'  # its preset is a run's config.json
_SHIPPED = PACKAGE / 'shipped'
# The folder that holds configs/ and launch/; on the path of who uses them.
ROOT = _SHIPPED if _SHIPPED.is_dir() else PACKAGE.parent

_MODULES = {
  'main': 'bvae_jax.main',
  'prepare': 'bvae_jax.data.prepare',
  'show': 'bvae_jax.data.show',
  'score': 'bvae_jax.score',
  'evidence': 'bvae_jax.evidence',
  'report': 'bvae_jax.report',
  'explore': 'bvae_jax.explore',
  'export': 'bvae_jax.export',
  'apply': 'bvae_jax.apply',
}
OURS = ('bvae_jax', 'launch')  # whose modules are run, and have flags
_LAUNCHERS = ('local', 'slurm', 'ray', 'unit')


def is_command() -> bool:
  """Whether this process runs a module of ours, or the script `bvae`."""
  main = sys.modules['__main__']
  spec = getattr(main, '__spec__', None)
  if sys.argv[:1] == ['-m']:  # of `python -m`, while it looks for the module
    found = re.search(r' -\w*m *(\w+)', ' '.join(sys.orig_argv))
    return found is not None and found[1] in OURS
  if spec is None:
    return pathlib.Path(getattr(main, '__file__', '')).name == 'bvae'
  return spec.name.split('.')[0] in OURS


def _source(module: str) -> pathlib.Path | None:
  """The file that `python -m module` runs; None where there is none."""
  base = PACKAGE.parent if module.startswith('bvae_jax') else ROOT
  path = base.joinpath(*module.split('.'))
  found = (path.with_suffix('.py'), path / '__main__.py')
  return next((file for file in found if file.is_file()), None)


def _docstring(path: pathlib.Path) -> str:
  return ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''


def _first_line(path: pathlib.Path) -> str:
  return _docstring(path).partition('\n')[0]


def commands() -> dict[str, str]:
  """{name of a command: the module that it runs}, those that are there."""
  every = {f'launch {name}': f'launch.{name}' for name in _LAUNCHERS}
  every = {**_MODULES, **every}
  return {name: module for name, module in every.items() if _source(module)}


def configs() -> dict[str, pathlib.Path]:
  """{name: file} of the configs that ship, by their path below configs/."""
  folder = ROOT / 'configs'
  paths = sorted(folder.rglob('*.py'))
  return {
    path.relative_to(folder).with_suffix('').as_posix(): path
    for path in paths
    if path.name != 'common.py' and '--config=' in _docstring(path)
  }


def presets(path: pathlib.Path) -> list[str]:
  """The presets of a config, as its docstring's commands have them."""
  pattern = rf'--config=configs/\S*{path.stem}\.py:([\w-]+)'
  return list(dict.fromkeys(re.findall(pattern, _docstring(path))))


def did_you_mean(word: str, known: Iterable[str]) -> str:
  """'; did you mean X?' of the nearest known word, '' where none is near."""
  near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
  return f'; did you mean {near[0]}?' if near else ''


def find_config(value: str) -> str:
  """FILE[:PRESET] with a file that is there.

  Args:
    value: a file of the user's, or the config.json of a run; else a config
      that ships: `tcvae`, `tcvae.py` or `configs/tcvae.py`, from any folder.

  Raises:
    FileNotFoundError: there is neither.
    ValueError: another .json, or a preset of a run.
  """
  name, colon, preset = value.partition(':')
  path = pathlib.Path(name).expanduser()
  if path.suffix == '.json' and path.is_file():
    if path.name != 'config.json':
      raise ValueError(f'{name} is no config; a run has it in config.json')
    if colon:
      raise ValueError(f"{name} has no preset; leave ':{preset}' out")
    return f'{OF_RUN}:{path}'
  if not path.is_file():
    known = configs()
    short = name.removeprefix('configs/').removesuffix('.py')
    if short not in known:
      near = did_you_mean(short, known) or '; --config=list lists those here'
      if (path / 'config.json').is_file():
        near = f'; that of the run there is {name.rstrip("/")}/config.json'
      raise FileNotFoundError(f'no such config file: {name}{near}')
    path = known[short]
  return f'{path}{colon}{preset}'


def _table(rows: dict[str, str]) -> str:
  width = max(map(len, rows)) + 2
  return '\n'.join(f'  {name:<{width}}{text}' for name, text in rows.items())


def commands_text() -> str:
  """The commands, a line each."""
  return _table(
    {
      name: _first_line(path)
      for name, module in commands().items()
      if (path := _source(module))
    }
  )


def configs_text() -> str:
  """The configs, a line each: NAME, or NAME[:PRESET|PRESET], and its title."""
  rows = {}
  for name, path in configs().items():
    found = '|'.join(presets(path))
    rows[f'{name}[:{found}]' if found else name] = _first_line(path)
  return _table(rows)
