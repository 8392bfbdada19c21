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

from bvae_jax.studies import plan

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
  """The repository's root, whence launchers start."""
  monkeypatch.chdir(ROOT)
  monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def long_study():
  """A unit with many checkpoints, to be hit between two, and a short one."""
  many = {'num_steps': 100, 'log_every': 10, 'checkpoint_every': 10}
  units = {
    'long': helpers.small_config('vae', metrics=(), **many),
    'short': helpers.small_config('vae', metrics=(), seeds=(1,)),
  }
  return ml_collections.ConfigDict(
    {'study': 'Two units', 'page': 'study', 'units': units}
  )


class Interference(threading.Thread):
  """Sends a signal to whoever runs a unit, between two checkpoints."""

  def __init__(self, workdir: pathlib.Path, number: signal.Signals):
    super().__init__(daemon=True)
    self.folder = plan.unit_path(workdir, 'long')
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
