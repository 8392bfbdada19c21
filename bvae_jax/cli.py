"""What the command lines share: flags, logging, errors in one line."""

import logging
import os
import pathlib
import sys
from collections.abc import Callable, Mapping

import jax
import ml_collections
from absl import flags
from absl import logging as absl_logging
from ml_collections import config_flags

from bvae_jax import parallel
from bvae_jax import run as run_lib
from bvae_jax.studies import execute

CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'FILE[:PRESET]; override a key with --config.KEY=VALUE.'
)
WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Folder of the run; default: runs/<config name>.'
)
HOSTS = flags.DEFINE_string(
  'hosts', None, "Processes of one run: 'auto', or ADDRESS:PORT,COUNT,INDEX."
)
REQUIRED = {'config': 'FILE[:PRESET]'}


def default_workdir(filename: str) -> str:
  """configs/tcvae.py:quick -> runs/tcvae_quick."""
  path, _, preset = filename.partition(':')
  name = pathlib.Path(path).stem
  return str(pathlib.Path('runs') / (f'{name}_{preset}' if preset else name))


def _import_beside(argv: list[str]) -> None:
  """Lets the files of a configs folder import each other from any folder."""
  for flag, value in zip(argv, [*argv[1:], '']):
    if flag.lstrip('-').startswith('config='):
      value = flag.partition('=')[2]
    elif flag.lstrip('-') != 'config':
      continue
    path = pathlib.Path(value.partition(':')[0]).expanduser().resolve()
    for parent in path.parents:
      if parent.name == 'configs':
        sys.path.insert(0, str(parent.parent))
        return


def require(required: Mapping[str, str]) -> None:
  """Ends in one line unless these flags are given; their values say what."""
  for name, value in required.items():
    if flags.FLAGS[name].value is None:
      sys.exit(f'error: --{name}={value} is missing')


def parse(argv: list[str], required: Mapping = REQUIRED) -> list[str]:
  """Flags, or one line on what is wrong with them."""
  _import_beside(argv)
  try:
    rest = flags.FLAGS(argv)
    if len(rest) > 1:
      raise flags.Error(f'stray argument(s): {" ".join(rest[1:])}')
    require(required)
    if CONFIG.present:
      CONFIG.value.get('units')  # raises where the file could not be read
  except flags.Error as error:
    lines = str(error).splitlines()
    inner = 'Traceback' in str(error)  # of the config's own code: it comes last
    sys.exit(f'error: {lines[-1] if inner else lines[0]}')
  except (AttributeError, KeyError) as error:
    while isinstance(error, Exception):  # one wraps the other
      error = error.args[0]
    sys.exit(f'error: no such config key: {" ".join(error.split())}')
  except Exception as error:  # noqa: BLE001 (a config is a program)
    told = isinstance(error, OSError | ValueError)
    text = str(error) if told else f'{type(error).__name__}: {error}'
    sys.exit(f'error: --config: {" ".join(text.split())}')
  return rest


def log_to_stderr() -> None:
  """Our lines as they are; of the libraries', warnings only."""
  absl_logging.set_verbosity(absl_logging.WARNING)
  form = logging.Formatter('%(asctime)s %(message)s', datefmt='%H:%M:%S')
  handler = logging.StreamHandler()
  handler.setFormatter(form)
  logger = logging.getLogger('bvae_jax')
  logger.setLevel(logging.INFO)
  logger.handlers, logger.propagate = [handler], False


def cache_compilations() -> None:
  """Keeps compiled programs in the user's cache folder for the next run.

  JAX_COMPILATION_CACHE_DIR moves the folder, JAX_ENABLE_COMPILATION_CACHE=0
  does without.
  """
  if jax.config.values['jax_compilation_cache_dir'] is None:
    base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    folder = str(pathlib.Path(base) / 'bvae_jax' / 'xla')
    jax.config.update('jax_compilation_cache_dir', folder)


def call(action: Callable, *args) -> None:
  """`action(*args)`, logged; what the user can mend ends in one line."""
  log_to_stderr()
  cache_compilations()
  try:
    if HOSTS.value:
      parallel.start(HOSTS.value)
    action(*args)
  except (ValueError, OSError, ImportError, run_lib.Interrupted, execute.Busy,
          execute.Unfinished) as error:  # fmt: skip
    sys.exit(f'error: {error}')
  except KeyboardInterrupt:
    sys.exit('error: interrupted; run the same command again to go on')


def run(action: Callable[[ml_collections.ConfigDict, str], object]) -> None:
  """`action(config, workdir)` as the flags have them."""
  name = config_flags.get_config_filename(flags.FLAGS['config'])
  call(action, CONFIG.value, WORKDIR.value or default_workdir(name))
