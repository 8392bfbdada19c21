"""What the command lines share: flags, logging, errors in one line."""

import contextlib
import gc
import logging
import pathlib
import re
import sys
import traceback
from collections.abc import Callable, Mapping

import jax
import ml_collections
from absl import flags
from absl import logging as absl_logging
from ml_collections import config_flags

from bvae_jax import catalogue, parallel, usage
from bvae_jax import config as config_lib
from bvae_jax import run as run_lib
from bvae_jax.config import keys
from bvae_jax.data import cache
from bvae_jax.studies import execute

gc.freeze()  # what is imported stays: a command ends a third of a second sooner

_LOG = logging.getLogger(__name__)

CONFIG = config_flags.DEFINE_config_file(
  'config',
  None,
  'FILE[:PRESET], the name of a config that ships, RUN/config.json, or list; '
  'override a key with --config.KEY=VALUE, a key of all units of a study with '
  '--config.every.KEY=VALUE.',
)
WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Folder of the run; default: runs/<config name>.'
)
_QUIET = flags.DEFINE_boolean('quiet', False, 'Print warnings and errors only.')
_LOG_FILE = flags.DEFINE_string(
  'log_file', None, 'Also append every line of the log to this file.'
)
HOSTS = flags.DEFINE_string(
  'hosts', None, "Processes of one run: 'auto', or ADDRESS:PORT,COUNT,INDEX."
)
# Whose text is for the user: what else a config's code raises is told by name.
_CLASS = re.compile(r'^(ValueError|bvae_jax\.[\w.]+): ')
_HELP = frozenset(('-h', '-help', '--help', '--helpfull', '--helpshort'))
REQUIRED = {'config': 'FILE[:PRESET]'}


def default_workdir(filename: str) -> str:
  """configs/tcvae.py:quick -> runs/tcvae_quick; of a run, its folder."""
  path, _, preset = filename.partition(':')
  if path == str(catalogue.OF_RUN):
    return str(pathlib.Path(preset).parent)
  name = pathlib.Path(path).stem
  return str(pathlib.Path('runs') / (f'{name}_{preset}' if preset else name))


def _find_config(argv: list[str]) -> list[str]:
  """The arguments with a config file that is there, from any folder.

  Files of a configs folder may import each other, and those that ship.
  """
  sys.path.append(str(catalogue.ROOT))
  found = list(argv)
  for i, flag in enumerate(argv):
    name, equals, value = flag.lstrip('-').partition('=')
    if i == 0 or not flag.startswith('-') or name != 'config':
      continue
    if not equals:
      value = ''.join(argv[i + 1 : i + 2])
    if value == 'list':
      usage.show(usage.configs_page())
    value = catalogue.find_config(value)
    found[i : i + 1 + (not equals)] = [f'--config={value}']
    path = pathlib.Path(value.partition(':')[0]).resolve()
    homes = [p.parent for p in path.parents if p.name == 'configs']
    sys.path[:0] = map(str, homes[:1])
    if path != catalogue.OF_RUN.resolve():  # files beside it, as a script has
      sys.path.append(str(path.parent))
    break
  return found


def _help() -> str:
  """The page of `--help`, its keys with the values of `--config`."""
  doc = sys.modules['__main__'].__doc__
  if CONFIG.value is None:
    default = config_lib.default_config('beta_vae')
    return usage.page(doc, default, 'the objective beta_vae')
  if 'units' not in CONFIG.value:
    return usage.page(doc, CONFIG.value, 'this config')
  (first, config), *_ = units = sorted(CONFIG.value.units.items())
  names = ', '.join(name for name, _ in units)
  return usage.page(
    doc,
    config,
    f'{first}, one of the {len(units)} units of this study ({names}); '
    f'here a key of it is --config.units.{first}.KEY, of all units '
    '--config.every.KEY',
  )


def require(required: Mapping[str, str]) -> None:
  """Ends in one line unless these flags are given; their values say what."""
  for name, value in required.items():
    if flags.FLAGS[name].value is None:
      sys.exit(f'error: --{name}={value} is missing')


def _told(error: Exception, argv: list[str]) -> str:
  """What is wrong: a key that no config has, or the config's own code."""
  if value := keys.below_a_value(argv):
    return f'--{value} is one value; give --{value}=VALUE'
  *_, (frame, _) = traceback.walk_tb(error.__traceback__)
  text = f'{type(error).__name__}: {error}'
  if isinstance(error, OSError | ValueError):
    text = str(error).rpartition('an earlier failure to load: ')[2]
  elif frame.f_globals['__name__'].startswith('ml_collections.'):
    while isinstance(error, Exception):  # one wraps the other
      error = error.args[0]
    key = ' '.join(str(error).split())
    how = keys.of_schedule(key, argv) or keys.elsewhere(key, argv)
    return f'no such config key: {key}{how}'
  return f'--config: {" ".join(text.split())}'


def _stray(words: list[str]) -> str:
  """What stands there without a flag; a folder is most likely the workdir."""
  folder = next((word for word in words if pathlib.Path(word).is_dir()), '')
  hint = f'; did you mean --workdir={folder}?' if folder else ''
  return ' '.join(words) + hint * ('workdir' in flags.FLAGS)


def parse(argv: list[str], required: Mapping = REQUIRED) -> list[str]:
  """Flags, or one line on what is wrong with them."""
  if '--version' in argv:
    usage.show(usage.version())
  given, asked = list(argv), _HELP.intersection(argv)
  try:
    argv = [word for word in _find_config(argv) if word not in _HELP]
    keys.check_words(argv)
    argv, every = keys.split_every(argv)
    sys.argv[1:] = keys.split_every(sys.argv[1:])[0]  # config_flags looks there
    rest = flags.FLAGS(argv)
    if asked:
      usage.show(_help())
    if len(rest) > 1:
      raise flags.Error(f'stray argument(s): {_stray(rest[1:])}')
    require(required)
    if WORKDIR.value == '':
      raise flags.Error('--workdir is empty: name a folder')
    if CONFIG.present:
      CONFIG.value.get('units')  # raises where the file could not be read
      keys.override_units(CONFIG.value, every)
      keys.check_swept(CONFIG.value, argv[1:])
  except flags.Error as error:
    lines = str(error).splitlines()
    inner = 'Traceback' in str(error)  # of the config's own code: it comes last
    line = _CLASS.sub('', lines[-1]) if inner else keys.plainly(lines[0])
    line += keys.of_flag(line, argv)
    sys.exit(f'error: {line}')
  except Exception as error:  # noqa: BLE001 (a config is a program)
    sys.exit(f'error: {_told(error, given)}')
  return rest


class _LogFile(logging.FileHandler):
  """A file of lines that says once where it lacks some, as on a full disk."""

  whole = True

  def handleError(self, record: logging.LogRecord) -> None:
    del record
    told, self.whole = not self.whole, False
    if not told:
      _LOG.warning('%s lacks lines (%s)', self.baseFilename, sys.exc_info()[1])


def log_to_stderr(quiet: bool = False, log_file: str | None = None) -> None:
  """Our lines as they are; of the libraries', warnings only.

  Args:
    quiet: warnings and errors only.
    log_file: a file that every line is appended to as well.

  Raises:
    OSError: the file cannot be written.
  """
  absl_logging.set_verbosity(absl_logging.WARNING)
  screen = logging.StreamHandler()
  screen.setLevel(logging.WARNING if quiet else logging.INFO)
  handlers: list[logging.Handler] = [screen]
  if log_file:
    path = pathlib.Path(log_file).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers.append(_LogFile(path))
  form = logging.Formatter('%(asctime)s %(message)s', datefmt='%H:%M:%S')
  for handler in handlers:
    handler.setFormatter(form)
  logger = logging.getLogger('bvae_jax')
  logger.setLevel(logging.INFO)
  logger.handlers, logger.propagate = handlers, False


def cache_compilations() -> None:
  """Keeps compiled programs in the user's cache folder for the next run.

  JAX_COMPILATION_CACHE_DIR moves the folder, JAX_ENABLE_COMPILATION_CACHE=0
  does without.
  """
  if jax.config.values['jax_compilation_cache_dir'] is None:
    # Without one where it is closed to this user, or no home is known.
    with contextlib.suppress(OSError, RuntimeError):
      folder = cache.folder() / 'xla'
      folder.mkdir(parents=True, exist_ok=True)
      jax.config.update('jax_compilation_cache_dir', str(folder))


def call(action: Callable, *args) -> None:
  """`action(*args)`, logged; what the user can mend ends in one line."""
  cache_compilations()
  alike = run_lib.Interrupted
  with (
    usage.one_line_errors(alike, execute.Unfinished),
    parallel.leaving(alike),
  ):
    log_to_stderr(_QUIET.value, _LOG_FILE.value)
    if HOSTS.value:
      parallel.start(HOSTS.value)
    action(*args)


def run(action: Callable[[ml_collections.ConfigDict, str], object]) -> None:
  """`action(config, workdir)` as the flags have them."""
  name = config_flags.get_config_filename(flags.FLAGS['config'])
  call(action, CONFIG.value, WORKDIR.value or default_workdir(name))
