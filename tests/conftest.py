"""Eight virtual CPU devices for the whole suite; jit still uses the first.

Compilation takes most of the time, so most of the compiler's passes are off.
"""

import gc
import os
import pathlib
import sys

import jax
import pytest

jax.config.update('jax_num_cpu_devices', 8)
jax.config.update('jax_disable_most_optimizations', True)
# Of the commands that tests start as well.
os.environ['JAX_DISABLE_MOST_OPTIMIZATIONS'] = '1'
_HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent)]  # helpers, configs


@pytest.fixture(autouse=True, scope='module')
def compiled_programs_are_dropped():
  """A process may map 65,530 regions, and compiled programs take many."""
  yield
  jax.clear_caches()
  gc.collect()


@pytest.fixture(scope='session')
def small_run(tmp_path_factory):
  """The folder of a finished run of two seeds; only to be read."""
  import helpers

  import bvae_jax

  folder = tmp_path_factory.mktemp('small') / 'run'
  config = helpers.small_config(seeds=(0, 1), metrics=('mig', 'udr'))
  bvae_jax.train_and_evaluate(config, folder)
  return folder
