"""Two processes of two devices each give the results of one process."""

import json
import os
import socket
import subprocess
import sys

import helpers
import pytest

from bvae_jax import run

SEEDS = (0, 1, 2, 3)
MODES = ('members', 'data')


MAIN = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
import helpers
from absl import app
from bvae_jax import main
with helpers.without_pages():
  app.run(main.main, flags_parser=main.parse)
"""


def start(config, workdir, devices, hosts):
  command = [
    *(sys.executable, '-c', MAIN),
    *(f'--config={config}', f'--workdir={workdir}'),
    f'--hosts={hosts}',
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
    f'seeds={SEEDS}, num_devices=0, parallel=preset',
    MODES,
  )


def members(workdir, *processes):
  for process in processes:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
  return json.loads((workdir / 'results.json').read_text())['members']


@pytest.fixture(scope='module')
def one(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('one') / 'run'
  with helpers.without_pages():
    run.train_and_evaluate(helpers.small_config(seeds=SEEDS), workdir)
  return members(workdir)


@pytest.mark.parametrize('mode', MODES)
def test_two_hosts_give_the_results_of_one(path, one, tmp_path, mode):
  config, address = f'{path}:{mode}', f'127.0.0.1:{free_port()}'
  hosts = [
    start(config, tmp_path / 'two', 2, f'{address},2,{i}') for i in range(2)
  ]
  two = members(tmp_path / 'two', *hosts)
  assert [m['seed'] for m in two] == [*SEEDS]
  for a, b in zip(one, two, strict=True):
    assert b['elbo']['nll'] == pytest.approx(a['elbo']['nll'], rel=1e-4)
    assert b['metrics']['mig'] == pytest.approx(a['metrics']['mig'], abs=1e-2)
  log = (tmp_path / 'two' / 'metrics.jsonl').read_text().splitlines()
  assert [json.loads(line)['step'] for line in log] == [2, 4, 6]


def test_wrong_hosts_are_named(path, tmp_path):
  process = start(f'{path}:members', tmp_path / 'run', 1, 'here,two,0')
  output, _ = process.communicate(timeout=100)
  assert process.returncode == 1
  assert output.splitlines()[-1] == (
    "error: --hosts='here,two,0' must be 'auto' or 'ADDRESS:PORT,COUNT,INDEX'"
  )
