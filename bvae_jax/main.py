"""Trains and scores a population: `python -m bvae_jax.main --config=FILE`."""

import logging
import pathlib
import sys

from absl import app, flags
from absl import logging as absl_logging
from ml_collections import config_flags

from bvae_jax import train

_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'FILE[:PRESET]; override a key with --config.KEY=VALUE.'
)
_WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Folder of the run; default: runs/<config name>.'
)


def default_workdir(filename: str) -> str:
  """configs/tcvae.py:quick -> runs/tcvae_quick."""
  path, _, preset = filename.partition(':')
  name = pathlib.Path(path).stem
  return str(pathlib.Path('runs') / (f'{name}_{preset}' if preset else name))


def parse(argv: list[str]) -> list[str]:
  """Flags, or one line on what is wrong with them."""
  try:
    rest = flags.FLAGS(argv)
    if len(rest) > 1:
      raise flags.Error(f'stray argument(s): {" ".join(rest[1:])}')
    if _CONFIG.value is None:
      raise flags.Error('--config=FILE[:PRESET] is missing')
  except (flags.Error, AttributeError, KeyError) as error:
    sys.exit(f'error: {" ".join(str(error).split())}')
  except (OSError, ValueError, TypeError, SyntaxError) as error:
    sys.exit(f'error: --config: {" ".join(str(error).split())}')
  return rest


def log_to_stderr() -> None:
  """Our lines as they are; of the libraries', warnings only."""
  absl_logging.set_verbosity(absl_logging.WARNING)
  handler = logging.StreamHandler()
  handler.setFormatter(
    logging.Formatter('%(asctime)s %(message)s', datefmt='%H:%M:%S')
  )
  logger = logging.getLogger('bvae_jax')
  logger.setLevel(logging.INFO)
  logger.addHandler(handler)
  logger.propagate = False


def main(argv: list[str]) -> None:
  del argv
  filename = config_flags.get_config_filename(flags.FLAGS['config'])
  workdir = _WORKDIR.value or default_workdir(filename)
  log_to_stderr()
  try:
    train.train_and_evaluate(_CONFIG.value, workdir)
  except (ValueError, OSError, ImportError, train.Interrupted) as error:
    sys.exit(f'error: {error}')


if __name__ == '__main__':
  app.run(main, flags_parser=parse)
