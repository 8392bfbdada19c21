"""A run small enough for a test: a thinned grid, tiny images, a tiny MLP."""

import contextlib
import functools
import gc
import os
import pathlib
import re
import subprocess
import sys

import jax
import ml_collections
import numpy as np
import pytest

from bvae_jax import config as config_lib
from bvae_jax import data


def drop_programs() -> None:
  """A process may map 65,530 regions, and compiled programs take many."""
  maps = pathlib.Path('/proc/self/maps')
  if not maps.exists() or maps.read_bytes().count(b'\n') > 20_000:
    jax.clear_caches()
    gc.collect()


def needs_devices(count: int) -> None:
  """Skips the test where there are fewer, as on one GPU."""
  if jax.device_count() < count:
    pytest.skip(f'needs {count} devices, has {jax.device_count()}')


COMPILES_FAST = '--xla_cpu_use_fusion_emitters=false'


def passes_as_shipped(node: str) -> bool:
  """Runs a test in a process with the product's compiler; False in that one.

  Programs that compile fast round differently from each other.
  """
  flags = os.environ.get('XLA_FLAGS', '')
  if COMPILES_FAST not in flags:
    return False
  slow = flags.replace(COMPILES_FAST, COMPILES_FAST.replace('false', 'true'))
  subprocess.run(
    [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', node],
    env={**os.environ, 'XLA_FLAGS': slow},
    cwd=pathlib.Path(__file__).parent.parent,
    check=True,
  )
  return True


@contextlib.contextmanager
def without_pages():
  """Runs inside it draw no page."""
  from bvae_jax import run

  with pytest.MonkeyPatch.context() as patch:
    for page in (run.report, run.explore):
      patch.setattr(page, 'write', lambda *_: None)
    yield


def set_value(config, key, value):
  """Sets a key, such as 'dataset.path', to a value of whatever type."""
  *path, last = key.split('.')
  for name in path:
    config = config[name]
  del config[last]  # a field keeps the type of its first value
  config[last] = value


def normal(shapes):
  """A tree of weights, float64 of variance 1 / fan-in; compiles nothing."""
  rng = np.random.default_rng(0)
  return jax.tree.map(
    lambda p: rng.standard_normal(p.shape) * np.sqrt(p.shape[-1] / p.size),
    shapes,
  )


def drawn(module, x):
  """Parameters of a Flax module for x, none at a value that hides it."""
  shapes = jax.eval_shape(module.init, jax.random.key(0), x)
  return normal(shapes['params'])


def initial(experiment, key):
  """The state of a member before its first step, made by one program."""
  from bvae_jax.training import step

  return jax.jit(functools.partial(step.init, experiment))(key)


def first_step(config):
  """The experiment, its first member's state, and a step of it, compiled."""
  from bvae_jax import population
  from bvae_jax.training import experiment as experiment_lib
  from bvae_jax.training import step

  experiment = experiment_lib.build(config)
  members = population.members(config)[:1]
  (key,) = population.keys(members)
  hparams = population.select(population.hparams(members), 0)
  take = step.make_train_step(experiment, experiment.dataset.images)
  state = initial(experiment, key)
  return experiment, state, jax.jit(lambda state: take(state, key, hparams))


FENCE = re.compile(r'^```(\w*)\n(.*?)^```', re.MULTILINE | re.DOTALL)


def blocks(path):
  """The fenced Python of a page."""
  text = path.read_text()
  yield from (code for kind, code in FENCE.findall(text) if kind == 'python')


def dataset(**changes):
  """The data set of the defaults but for the changes."""
  config = config_lib.default_config('vae').dataset.to_dict()
  return data.load(ml_collections.ConfigDict({**config, **changes}))


CONFIG = """
import sys
sys.path.insert(0, {folder!r})
import helpers


def get_config(preset=''):
  if preset not in {presets!r}:
    raise ValueError(f'unknown preset {{preset!r}}')
  return helpers.small_config({arguments})
"""


def config_file(path, arguments='', presets=('',)):
  """Writes a config file that makes a `small_config`; returns its path."""
  folder = str(pathlib.Path(__file__).parent)
  path.write_text(
    CONFIG.format(folder=folder, arguments=arguments, presets=presets)
  )
  return path


def small_config(objective: str = 'beta_tcvae', **changes):
  """216 images of 16x16, batch 8, 6 steps, 6 latents; then the changes."""
  config = config_lib.default_config(objective)
  config.update(
    {
      'dataset': {'image_size': 16, 'factor_stride': (1, 3, 10, 11, 11)},
      'encoder': 'mlp_small',
      'decoder': 'mlp_small',
      'discriminator': 'mlp_small',
      'num_devices': 1,
      'num_steps': 6,
      'batch_size': 8,
      'num_latents': 6,
      'learning_rate': 1e-3,
      'log_every': 2,
      'checkpoint_every': 2,
      'metrics': ('mig',),
      'evaluation': {'num_train': 100, 'num_test': 50, 'num_elbo': 64},
    }
  )
  for key, value in changes.items():
    config[key] = value
  return config
