"""What commands say: `--help`, `--version`, and errors in one line."""

import argparse
import contextlib
import importlib.metadata
import inspect
import io
import os
import platform
import sys
import textwrap
import traceback
from collections.abc import Iterator
from typing import Any, NoReturn

import ml_collections
from absl import flags

import bvae_jax
from bvae_jax import catalogue, interrupts

_WIDTH = 80


@contextlib.contextmanager
def printed() -> Iterator[None]:
  """Where stdout is written; a reader that has had enough is no error.

  It may close its end (`bvae score ... | head`) at any line. A character that
  its locale lacks is escaped, as on stderr.
  """
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors='backslashreplace')
  try:
    yield
    print(end='', flush=True)
  except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(text: str) -> NoReturn:
  """Ends the command with a text that was asked for."""
  with printed():
    print(text)
  sys.exit()


@contextlib.contextmanager
def one_line_errors(*more: type[Exception]) -> Iterator[None]:
  """Ends the command in one line on errors that its user can mend.

  Ctrl-C is one of them.

  Args:
    more: kinds of such errors, beside those of values, files and extras.
  """
  try:
    with interrupts.told(), printed():
      yield
  except KeyboardInterrupt:
    interrupts.end()
  except (ValueError, OSError, ImportError, *more) as error:
    why = ' '.join(_told(error).split())
    if getattr(error, 'received', None) == 'SIGINT':
      interrupts.end(why)
    sys.exit(f'error: {why}')
  except (RuntimeError, AssertionError, MemoryError) as error:
    if isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in str(error):
      why = ' '.join(str(error).split())[:200]
      sys.exit(f'error: not enough memory, ask for less of it: {why}')
    if 'home directory' in str(error):  # pathlib's
      sys.exit(
        'error: no home folder is known (of this user, or of ~NAME): set HOME '
        'or XDG_CACHE_HOME, and give whole paths'
      )
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if frame.f_globals['__name__'] != 'jax._src.xla_bridge':
      raise
    asked = os.environ.get('JAX_PLATFORMS', '')
    sys.exit(
      f'error: JAX finds no device as JAX_PLATFORMS={asked!r} asks for; unset '
      'it, or install the jaxlib of that device'
    )


_OF_FILES = {
  FileExistsError: 'is a file; choose a folder',
  FileNotFoundError: 'is not there; look at its name',
  IsADirectoryError: 'is a folder; give a file',
  NotADirectoryError: 'is no folder, or lies below a file; give a folder',
  PermissionError: 'is closed to this user; change its rights, or give another',
}


def _told(error: Exception) -> str:
  """An error in words; of the system's own ones, what to do about the file."""
  if isinstance(error, OSError) and error.filename:
    words = _OF_FILES.get(type(error), f'cannot be used: {error.strerror}')
    return f'{error.filename} {words}'
  return str(error)


def listed(words: str) -> list[str]:
  """The words of an argument, which commas keep apart."""
  return [word.strip() for word in words.split(',') if word.strip()]


def folder(text: str) -> str:
  """The folder that an argument names; one without a name is not this one."""
  if not text:
    raise argparse.ArgumentTypeError('is empty: name a folder')
  return text


class Parser(argparse.ArgumentParser):
  """A parser whose errors are one line, as those of the other commands."""

  def print_help(self, file: Any = None) -> None:
    """As `argparse` does, to a reader that may have had enough."""
    with printed():
      super().print_help(file)

  def error(self, message: str) -> NoReturn:
    sys.exit(f'error: {message}; see --help')


def version() -> str:
  """One line: what a bug report needs."""
  names = ('jax', 'flax', 'optax', 'numpy')
  parts = [f'{name} {importlib.metadata.version(name)}' for name in names]
  python = f'Python {platform.python_version()}'
  return f'bvae_jax {bvae_jax.__version__} ({", ".join([*parts, python])})'


def front_page() -> str:
  """What `bvae --help` says."""
  return f"""Populations of disentangled VAEs: train, score, look, use.

usage: bvae COMMAND [FLAGS]      (or python -m bvae_jax COMMAND [FLAGS])
       bvae COMMAND --help       the command's flags
       bvae --version

commands:
{catalogue.commands_text()}

{configs_page()}

Start with: bvae main --config=tcvae:quick"""


def configs_page() -> str:
  """What `--config=list` says."""
  return (
    'configs, for --config=NAME[:PRESET]; a file of yours works as well:\n'
    + catalogue.configs_text()
  )


def _entry(name: str, text: str) -> str:
  """A name, and its meaning below it."""
  indent = ' ' * 6
  told = textwrap.fill(
    text, _WIDTH, initial_indent=indent, subsequent_indent=indent
  )
  return f'  {name}\n{told}'


def flags_text() -> str:
  """The flags of this program that are its own."""
  found = {}
  for module, group in flags.FLAGS.flags_by_module_dict().items():
    if module.startswith(catalogue.OURS) or module == sys.argv[0]:  # the main
      found.update({flag.name: flag for flag in group})
  lines = []
  for name, flag in sorted(found.items()):
    if '.' in name:  # a config key that the command line overrides
      continue
    told = (
      '' if flag.default in (None, False) else f' (default: {flag.default})'
    )
    lines.append(_entry(f'--{name}', f'{flag.help}{told}'))
  return '\n'.join(lines)


def keys_text(config: ml_collections.ConfigDict) -> str:
  """Each config key, its value here, and what it means."""
  # Imports JAX, which other pages need not wait for.
  from bvae_jax.config import meanings

  def value(key: str) -> Any:
    found: Any = config
    for part in key.split('.'):
      found = found[part]
    nested = isinstance(found, ml_collections.ConfigDict)
    return found.to_dict() if nested else found

  return '\n'.join(
    _entry(f'--config.{key}={value(key)!r}', meanings.told(key))
    for key in meanings.MEANINGS
  )


def page(doc: str | None, config: ml_collections.ConfigDict, title: str) -> str:
  """What `--help` of a command says.

  Args:
    doc: the docstring of its module.
    config: whose values the keys are shown with.
    title: of that config.
  """
  title = f'config keys, with the values of {title}:'
  return f"""{inspect.cleandoc(doc or '')}

flags:
{flags_text()}

{textwrap.fill(title, _WIDTH)}
{keys_text(config)}

--config=list lists the configs."""
