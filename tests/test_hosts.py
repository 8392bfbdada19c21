"""Two processes of two devices each give the results of one process."""

import json
import os
import socket
import subprocess
import sys
import types

import helpers
import jax
import pytest

from bvae_jax import parallel, run
from bvae_jax.parallel import hosts as hosts_lib
from bvae_jax.workdir import locks

# Steps of one member wait for each other's hosts: a few are enough. Three
# members leave one of the four devices a copy.
SEEDS = {'members': (0, 1, 2), 'data': (0,)}

# A run as the command line has it, then another in the same processes.
MAIN = f"""
import pathlib
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
import helpers
import jax
import numpy as np
from absl import app
from bvae_jax import cli, main, run
from bvae_jax.evaluation import periodic

def otherwise(experiment):
  # To the second host no look seems any better.
  rises = 1 - jax.process_index()
  return lambda states: {{'mig': 0.1 + rises * states.step.astype(float)}}

def both(argv):
  main.main(argv)
  data = helpers.small_config(
    seeds={SEEDS['data']}, num_devices=0, parallel='data',
    evaluate_every=2, stop_when=('mig', 'max', 1))
  periodic.scorer = otherwise
  run.train_and_evaluate(data, pathlib.Path(cli.WORKDIR.value + '_data'))

with helpers.without_pages():
  app.run(both, flags_parser=main.parse)
"""


def start(config, workdir, devices, hosts, *more):
  command = [
    *(sys.executable, '-c', MAIN),
    *(f'--config={config}', f'--workdir={workdir}'),
    f'--hosts={hosts}',
    *more,
  ]
  return subprocess.Popen(
    command,
    env={**os.environ, 'JAX_NUM_CPU_DEVICES': str(devices)},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def free_port():
  with socket.socket() as server:
    server.bind(('127.0.0.1', 0))
    return server.getsockname()[1]


@pytest.fixture(scope='module')
def path(tmp_path_factory):
  return helpers.config_file(
    tmp_path_factory.mktemp('hosts') / 'small.py',
    f'seeds={SEEDS["members"]}, num_devices=0',
  )


def members(workdir):
  return json.loads((workdir / 'results.json').read_text())['members']


def test_two_hosts_give_the_results_of_one(path, tmp_path, no_pages):
  address = f'127.0.0.1:{free_port()}'
  hosts = [
    start(path, tmp_path / 'two', 2, f'{address},2,{i}') for i in range(2)
  ]
  config = helpers.small_config(seeds=SEEDS['members'])
  run.train_and_evaluate(config, tmp_path / 'one')
  for host in hosts:
    output, _ = host.communicate(timeout=300)
    assert host.returncode == 0, output
  for mode, name in (('members', 'two'), ('data', 'two_data')):
    found = members(tmp_path / name)
    assert [m['seed'] for m in found] == [*SEEDS[mode]]
    whole = members(tmp_path / 'one')[: len(found)]
    for a, b in zip(whole, found, strict=True):
      assert b['elbo']['nll'] == pytest.approx(a['elbo']['nll'], rel=1e-4)
      assert b['metrics']['mig'] == pytest.approx(a['metrics']['mig'], abs=1e-2)
    log = (tmp_path / name / 'metrics.jsonl').read_text().splitlines()
    assert [json.loads(line)['step'] for line in log] == [2, 4, 6]
  # All hosts go by the looks of the first, to the last bit.
  looks = [json.loads(line)['members'][0]['mig'] for line in log]
  assert looks == [2.1, 4.1, 6.1]


def test_each_host_gives_as_many_devices(monkeypatch):
  """Also where few help, and where JAX lists them in another order."""
  device = lambda n: types.SimpleNamespace(process_index=n % 2, id=n)
  monkeypatch.setattr(jax, 'devices', lambda: [device(n) for n in range(6)])

  def of(mode, members, batch=8, **given):
    layout = parallel.layout(mode, members, batch, member_batch=1, **given)
    return [d.id for d in layout.devices]

  assert of('members', 1) == [0, 1]
  assert of('members', 3) == of('data', 1) == [0, 2, 1, 3]
  assert of('members', 5) == of('members', 6) == [0, 2, 4, 1, 3, 5]
  assert of('members', 9, num_devices=3) == [0, 2, 1, 3]
  with pytest.raises(ValueError, match='num_devices=1; valid: 2, 4, or 0'):
    of('data', 1, num_devices=1)
  with pytest.raises(ValueError, match='9 images .* do not divide over 2 hos'):
    of('data', 1, batch=9)


def test_hosts_of_different_commands_say_so(path, tmp_path):
  """They would wait for each other's steps."""
  address = f'127.0.0.1:{free_port()}'
  hosts = [
    start(path, tmp_path / 'run', 1, f'{address},2,{i}', *more)
    for i, more in enumerate(([], ['--config.num_steps=8']))
  ]
  for host in hosts:
    output, _ = host.communicate(timeout=100)
    assert host.returncode == 1
    assert 'error: the config is not the same on all hosts' in output
  assert not (tmp_path / 'run').exists()


def test_a_host_that_fails_alone_ends_the_others(path, tmp_path):
  """They would wait for its part, and it for their goodbye."""
  folder = tmp_path / 'run'
  folder.mkdir()
  address = f'127.0.0.1:{free_port()}'
  with locks.locked(folder / locks.RUN_LOCK, 'here'):  # of the first host
    hosts = [start(path, folder, 1, f'{address},2,{i}') for i in range(2)]
    said = [host.communicate(timeout=100)[0] for host in hosts]
  assert hosts[0].returncode == 1 and hosts[1].returncode
  last = said[0].splitlines()[-1]
  assert last.startswith(f'error: workdir {folder} is in use by')


def test_only_what_jax_says_is_laid_on_another_host(monkeypatch):
  def short_of_memory():
    raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory')

  monkeypatch.setattr(jax.distributed, 'is_initialized', lambda: True)
  monkeypatch.setattr(hosts_lib, '_said_goodbye', lambda: False)
  monkeypatch.setattr(hosts_lib.atexit, 'register', lambda _: None)
  for expected, call in (
    (ConnectionError, lambda: jax.numpy.zeros(2).reshape(3)),  # a TypeError
    (ValueError, lambda: int('x')),
    (jax.errors.JaxRuntimeError, short_of_memory),
  ):
    with pytest.raises(expected) as found, parallel.leaving():
      call()
    assert found.type is expected
