"""Applications of a trained run: what its codes are good for.

python -m bvae_jax.apply NAME --workdir=RUN [FLAGS]

Each writes a section of RUN/apps.html; its figures and pictures lie in
RUN/apps. All members that trained to the end are used unless --members says
other.
"""

import dataclasses
import importlib
import inspect
import logging
import math
import pathlib
import shlex
import sys
from typing import Any

from absl import app, flags

from bvae_jax import apps, catalogue, cli, usage, workdir
from bvae_jax.apps import section as section_lib
from bvae_jax.apps.options import SPANS, Options

_LOG = logging.getLogger('bvae_jax.apply')
_MOST = 20_000  # images, or labels: they are held in memory
_DEFAULT = Options(pathlib.Path())
_MEMBERS = flags.DEFINE_list(
  'members', ['all'], 'Which: all, or numbers, best, median, udr.'
)
flags.DEFINE_integer(
  'anchors', _DEFAULT.anchors, 'Images where traversals start.', 1, 64
)
flags.DEFINE_string(
  'factor', None, 'The factor that is edited, varied or sensitive.'
)
flags.DEFINE_string('target', None, 'The factor that is predicted.')
_LATENTS = flags.DEFINE_list(
  'latents', [], 'Latents by number; by default found from labelled images.'
)
_LABELS = flags.DEFINE_list(
  'labels', [], "Numbers of labelled images; by default the application's own."
)
flags.DEFINE_integer('images', _DEFAULT.images, 'Images to work on.', 1, _MOST)
flags.DEFINE_enum('range', _DEFAULT.span, SPANS, 'Of traversals.')
flags.DEFINE_integer(
  'steps', _DEFAULT.steps, 'Images along a traversal.', 2, 101
)
flags.DEFINE_float(
  'threshold', _DEFAULT.threshold, 'From which share of its variance on a '
  'latent answers to a factor.', 0.0, 1.0,
)  # fmt: skip
flags.register_validator('threshold', math.isfinite, 'must be a number')
flags.DEFINE_integer('index', None, 'One image of the data set.', 0)
flags.DEFINE_string('against', None, 'A run to compare with.')
flags.DEFINE_integer(
  'repeats', _DEFAULT.repeats, 'Draws of labelled images.', 1, 100
)
flags.DEFINE_integer(
  'seed', _DEFAULT.seed, 'Of everything random.', 0, 2**32 - 1
)


def _numbers(words: list[str], name: str, least: int) -> tuple[int, ...]:
  try:
    found = tuple(int(word) for word in words)
  except ValueError:
    found = (least - 1,)
  if any(not least <= number <= _MOST for number in found):
    raise ValueError(
      f'--{name} must be whole numbers from {least} to {_MOST}, such as '
      f'--{name}={least},{least + 1}; got {",".join(words)}'
    )
  return found


def _options(name: str) -> Options:
  given = {  # the other flags have the names of the fields
    key: flags.FLAGS[key].value for key in Options._fields if key in flags.FLAGS
  }
  words = _MEMBERS.value
  members = [int(word) if word.isdecimal() else word for word in words]
  labels = _numbers(_LABELS.value, 'labels', 2)
  latents = _numbers(_LATENTS.value, 'latents', 0)
  for flag, found, several in (
    ('labels', labels, name == 'transfer'),
    ('latents', latents, name != 'edit'),
  ):
    if len(found) > 1 and not several:
      raise ValueError(f'{name} takes one number in --{flag}, got {len(found)}')
  own: dict[str, Any] = {
    'run': pathlib.Path(cli.WORKDIR.value or '').expanduser(),
    'members': None if words == ['all'] else members,
    'latents': latents,
    'labels': labels or apps.LABELS.get(name, ()),
    'span': flags.FLAGS['range'].value,
  }
  return Options(**{**given, **own})


def _apply(name: str, words: list[str]) -> None:
  options = _options(name)
  workdir.Workdir(options.run).check_writable()
  state = section_lib.state(options.run)  # it may be training
  module = importlib.import_module(f'bvae_jax.apps.{name}')
  found = module.run(options)
  command = f'python -m bvae_jax.apply {name} {shlex.join(words)}'
  found = dataclasses.replace(found, command=command, state=state)
  for table in found.tables:  # first: a full disk does not lose them
    _LOG.info('%s', section_lib.as_text(table))
  _LOG.info('%s', section_lib.write(found, options.run))


def _help() -> str:
  names = '\n'.join(
    f'  {name:<10}{told}\n{"":<12}{_own_flags(name)}'
    for name, told in apps.NAMES.items()
  )
  return (
    f'{inspect.cleandoc(__doc__ or "")}\n\napplications:\n{names}\n\nflags:\n'
    + usage.flags_text()
  )


def _own_flags(name: str) -> str:
  return ', '.join(f'--{flag}' for flag in apps.FLAGS[name])


def parse(argv: list[str]) -> list[str]:
  """The application's name and its flags, or one line on what is wrong."""
  asked = {'-h', '--help', '-help'}.intersection(argv)
  name, rest = '', argv
  if len(argv) > 1 and not argv[1].startswith('-'):
    name, rest = argv[1], [argv[0], *argv[2:]]
  if asked:
    usage.show(_help())
  if name not in apps.NAMES:
    near = catalogue.did_you_mean(name, apps.NAMES)
    told = f'no application {name!r}' if name else 'which application?'
    sys.exit(
      f'error: {told}{near}; one of: {", ".join(apps.NAMES)} '
      '(python -m bvae_jax.apply NAME --workdir=RUN)'
    )
  cli.parse(rest, {'workdir': 'RUN'})
  others = {flag for each in apps.FLAGS.values() for flag in each}
  for flag in sorted(others.difference(apps.FLAGS[name])):
    if flags.FLAGS[flag].present:
      sys.exit(
        f'error: {name} has no use for --{flag}; it takes {_own_flags(name)}'
      )
  return [name, *rest[1:]]


def main(argv: list[str]) -> None:
  cli.call(_apply, argv[0], argv[1:])


if __name__ == '__main__':
  app.run(main, flags_parser=parse)
