"""A study as a config file, and a hand that interferes with a running unit."""

import os
import pathlib
import re
import signal
import threading
import time

import helpers
import ml_collections
import pytest

from bvae_jax.studies import execute

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope='session')
def cache(tmp_path_factory):
  """Where all processes of these tests find what one of them compiled."""
  return tmp_path_factory.mktemp('cache')


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, cache):
  """The repository's root, whence launchers start; quick compilation."""
  monkeypatch.chdir(ROOT)
  monkeypatch.syspath_prepend(str(ROOT))
  monkeypatch.setenv('JAX_DISABLE_MOST_OPTIMIZATIONS', '1')
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(cache))
  monkeypatch.setenv('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')
  monkeypatch.setenv('JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES', '-1')


@pytest.fixture
def long_study():
  """A unit with many checkpoints, to be hit between two, and a short one."""
  many = {'num_steps': 200, 'log_every': 10, 'checkpoint_every': 10}
  units = {
    'long': helpers.small_config(**many),
    'short': helpers.small_config(seeds=(1,)),
  }
  return ml_collections.ConfigDict(
    {'study': 'Two units', 'page': 'study', 'units': units}
  )


class Interference(threading.Thread):
  """Sends a signal to whoever runs a unit, between two checkpoints."""

  def __init__(self, workdir: pathlib.Path, number: signal.Signals):
    super().__init__(daemon=True)
    self.folder = execute.unit_path(workdir, 'long')
    self.number, self.steps = number, None
    self.start()

  def run(self):
    while len(list(self.folder.glob('checkpoints/*/[0-9]*'))) < 2:
      time.sleep(0.02)
    held = (self.folder / 'unit.lock').read_text()
    pid = re.search(r'process (\d+)', held)[1]
    self.steps = self.lines()
    os.kill(int(pid), self.number)

  def lines(self) -> int:
    """Lines of the unit's log."""
    return len((self.folder / 'metrics.jsonl').read_text().splitlines())


@pytest.fixture
def interfere():
  """Starts an `Interference(workdir, number)`."""
  return Interference
