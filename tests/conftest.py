"""Eight virtual CPU devices for the whole suite; jit still uses the first.

Compilation takes most of the time, so most of the compiler's passes are off.
"""

import atexit
import gc
import os
import pathlib
import shutil
import sys
import tempfile

# Solvers of the peers keep to the worker's own core; read as NumPy is imported.
for _name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
  os.environ.setdefault(_name, '1')

os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

# Commands that tests start find the package compiled.
os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
sys.dont_write_bytecode = False

import jax  # noqa: E402
import jaxlib  # noqa: E402
import pytest  # noqa: E402

_HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent)]  # helpers, configs

import helpers  # noqa: E402

_flags = os.environ.get('XLA_FLAGS', '')
if 'fusion_emitters' not in _flags and jaxlib.version.__version_info__ < (
  0,
  11,
):
  # Compiles metrics in a third of the time; programs run slower, but briefly.
  # (An unknown flag is fatal.)
  _whole = '--xla_cpu_parallel_codegen_split_count=1'  # no parts for idle cores
  os.environ['XLA_FLAGS'] = f'{_flags} {helpers.COMPILES_FAST} {_whole}'
jax.config.update('jax_num_cpu_devices', 8)
jax.config.update('jax_disable_most_optimizations', True)
jax.config.update('jax_traceback_in_locations_limit', 0)  # nobody reads them
# Of the commands that tests start as well.
os.environ.update(
  JAX_DISABLE_MOST_OPTIMIZATIONS='1', JAX_TRACEBACK_IN_LOCATIONS_LIMIT='0'
)
# What one test has compiled, others load: workers and commands share a folder.
if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
  _cache = tempfile.mkdtemp(prefix='bvae_jax_tests_')
  atexit.register(shutil.rmtree, _cache, ignore_errors=True)
  os.environ.update(
    XDG_CACHE_HOME=_cache,
    JAX_COMPILATION_CACHE_DIR=_cache,
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS='0',
    JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES='-1',
  )
  jax.config.update('jax_compilation_cache_dir', _cache)
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
  jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)


def pytest_collection_finish():
  """Tracing makes much that stays: cycles are looked for less often."""
  gc.freeze()  # what is imported stays as well
  gc.set_threshold(50_000)


@pytest.fixture(autouse=True, scope='module')
def compiled_programs_are_dropped():
  yield
  helpers.drop_programs()


@pytest.fixture(autouse=True)
def patched_programs_are_not_shared(request):
  """What is patched is traced anew, and what was traced of it is dropped."""
  patched = 'monkeypatch' in request.fixturenames
  static = sys.modules.get('bvae_jax.training.static')
  if patched and static:
    static.first.cache_clear()
  yield
  static = sys.modules.get('bvae_jax.training.static')
  if patched and static:
    static.first.cache_clear()


@pytest.fixture(autouse=True)
def no_rank_promotion(request):
  """Losses and metrics broadcast along axes that they name, never by rank."""
  strict = request.path.parent.name in ('losses', 'metrics')
  with jax.numpy_rank_promotion('raise' if strict else 'allow'):
    yield


@pytest.fixture
def no_pages():
  """Runs draw no page: nothing of what is under test stands on it."""
  with helpers.without_pages():
    yield


@pytest.fixture(scope='session')
def small_run(tmp_path_factory):
  """The folder of a finished run of two seeds; only to be read."""
  import bvae_jax

  folder = tmp_path_factory.mktemp('small') / 'run'
  config = helpers.small_config(seeds=(0, 1), metrics=('mig', 'udr'))
  bvae_jax.train_and_evaluate(config, folder)
  return folder
