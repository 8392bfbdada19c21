"""What the optional services get, from modules that stand in for them."""

import sys
import types

import helpers
import numpy as np
import pytest

from bvae_jax import config as config_lib
from bvae_jax import run as run_lib
from bvae_jax.training import hooks, trackers


class Fake:
  """A service that keeps what it is given."""

  def __init__(self):
    self.given, self.logged, self.finished = [], [], 0
    self.Image = lambda path: ('image', path)

  def init(self, **given):
    self.given.append(given)
    return self

  def log(self, values, step):
    self.logged.append((step, values))

  def finish(self):
    self.finished += 1


@pytest.fixture(params=sorted(trackers.SERVICES))
def service(request, monkeypatch):
  fake = Fake()
  module = types.SimpleNamespace(init=fake.init, Image=fake.Image)
  monkeypatch.setitem(sys.modules, request.param, module)
  return request.param, fake


def test_every_service_can_be_asked_for():
  assert set(config_lib.TRACKERS) == set(trackers.SERVICES)


def test_terms_and_new_traversals_are_sent(tmp_path, service):
  name, fake = service
  (tmp_path / 'traversals').mkdir()
  old = tmp_path / 'traversals' / 'step_0000001.png'
  old.write_bytes(b'')
  labels = ['seed=0', 'seed=1']
  tracker = trackers.Tracker(name, tmp_path, 'run', labels, {'seeds': [0, 1]})
  terms = {'nll': np.array([1.0, 2.0]), 'kl_per_latent': np.eye(2)}
  tracker(hooks.Chunk(2, np.ones(2, bool), np.zeros(2, bool), terms, None))
  new = old.with_name('step_0000002.png')
  new.write_bytes(b'')
  tracker.close()
  assert fake.logged == [
    (
      2,
      {
        'nll/seed=0': 1.0,
        'nll/seed=1': 2.0,
        'kl_per_latent/0/seed=0': 1.0,
        'kl_per_latent/1/seed=0': 0.0,
        'kl_per_latent/0/seed=1': 0.0,
        'kl_per_latent/1/seed=1': 1.0,
      },
    ),
    (2, {'traversals': ('image', str(new))}),
  ]
  assert fake.finished == 1
  (given,) = fake.given
  assert (given['project'], given['name']) == ('bvae_jax', 'run')
  assert given['resume'] == 'allow' and given['config'] == {'seeds': [0, 1]}


def test_a_missing_package_names_its_extra(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'wandb', None)
  with pytest.raises(ImportError, match=r'bvae_jax\[wandb\]'):
    trackers.Tracker('wandb', tmp_path, 'run', [], {})


def test_a_run_sends_its_log_lines(tmp_path, monkeypatch):
  fake = Fake()
  module = types.SimpleNamespace(init=fake.init, Image=fake.Image)
  monkeypatch.setitem(sys.modules, 'trackio', module)
  config = helpers.small_config(
    'vae', trackers=('trackio',), metrics=('unsupervised',), num_steps=4
  )
  run_lib.train_part(config, tmp_path / 'run', 0)
  steps = [step for step, values in fake.logged if 'nll/seed=0' in values]
  assert steps == [2, 4] and fake.finished == 1
  sent = [values for _, values in fake.logged if 'traversals' in values]
  assert sent[-1]['traversals'][1].endswith('step_0000004.png')


def test_the_dead_send_nothing_and_a_resumed_run_nothing_twice(
  tmp_path, service
):
  name, fake = service
  tracker = trackers.Tracker(name, tmp_path, 'run', ['a', 'b'], {}, sent=4)
  for at in (2, 4, 6):
    terms, alive = {'nll': np.array([1.0, 2.0])}, np.array([False, True])
    tracker(hooks.Chunk(at, alive, np.array([True, False]), terms, None))
  assert fake.logged == [(6, {'nll/b': 2.0})]


@pytest.mark.parametrize('call', ['init', 'log', 'finish'])
def test_a_service_that_fails_ends_no_run(
  tmp_path, monkeypatch, caplog, call, service
):
  name, fake = service

  def fails(*args, **given):
    raise RuntimeError('no network')

  monkeypatch.setattr(fake, call, fails)
  monkeypatch.setattr(sys.modules[name], 'init', fake.init)
  tracker = trackers.Tracker(name, tmp_path, 'run', ['seed=0'], {})
  terms, one = {'nll': np.ones(1)}, np.ones(1, bool)
  for at in (2, 4):
    tracker(hooks.Chunk(at, one, ~one, terms, None))
  tracker.close()
  (line,) = caplog.messages
  assert line.startswith(f'{name} failed (RuntimeError: no network)')
