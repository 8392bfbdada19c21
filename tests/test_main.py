"""The command line, as a user types it."""

import json
import os
import subprocess
import sys

import pytest

CONFIG = """
import sys
sys.path.insert(0, {tests!r})
import helpers


def get_config(preset=''):
  if preset:
    raise ValueError(f'unknown preset {{preset!r}}')
  return helpers.small_config()
"""


@pytest.fixture(scope='module')
def config_file(tmp_path_factory):
  path = tmp_path_factory.mktemp('configs') / 'small.py'
  path.write_text(CONFIG.format(tests=os.path.dirname(__file__)))
  return path


def command(folder, *arguments):
  return subprocess.run(
    [sys.executable, '-m', 'bvae_jax.main', *arguments],
    cwd=folder, capture_output=True, text=True, check=False,
  )  # fmt: skip


def test_a_run_leaves_its_workdir_and_a_second_one_does_nothing(
  config_file, tmp_path
):
  arguments = (f'--config={config_file}', '--config.seeds=(0,4)')
  first = command(tmp_path, *arguments)
  assert first.returncode == 0, first.stderr
  workdir = tmp_path / 'runs' / 'small'
  names = {path.name for path in workdir.iterdir()}
  assert names == {
    'config.json',
    'metrics.jsonl',
    'checkpoints',
    'manifest.json',
    'groups.json',
    'training.json',
    'results.json',
    'results.csv',
    'report.html',
    'explorer.html',
    'traversals.gif',
    'traversals',
  }
  pictures = sorted(path.name for path in (workdir / 'traversals').iterdir())
  assert pictures == [f'step_{step:07d}.png' for step in (2, 4, 6)]
  results = json.loads((workdir / 'results.json').read_text())
  assert [m['seed'] for m in results['members']] == [0, 4]
  assert set(results['members'][0]) >= {'hparams', 'elbo', 'metrics'}
  assert 're-rendered' in results['dataset']['description']
  assert 're-rendered' in first.stderr
  assert 're-rendered' in (workdir / 'report.html').read_text()
  before = (workdir / 'results.json').stat().st_mtime_ns
  again = command(tmp_path, *arguments)
  assert again.returncode == 0 and 'finished' in again.stderr
  assert (workdir / 'results.json').stat().st_mtime_ns == before
  changed = command(tmp_path, *arguments, '--config.batch_size=4')
  assert changed.returncode == 1
  assert 'batch_size: 8 -> 4' in changed.stderr


@pytest.mark.parametrize(
  'arguments, message',
  [
    ((), '--config=FILE[:PRESET] is missing'),
    (('--config=nowhere.py',), 'nowhere.py'),
    (('--config={}:slow',), "unknown preset 'slow'"),
    (('--config={}', 'stray'), 'stray argument(s): stray'),
    (('--config={}', '--config.bach_size=4'), 'bach_size'),
    (('--config={}', '--config.batch_size=1.5'), 'batch_size'),
    (('--config={}', '--config.dataset.image_size=20'), 'image_size'),
  ],
)
def test_a_wrong_command_ends_in_one_line(
  config_file, tmp_path, arguments, message
):
  result = command(tmp_path, *(a.format(config_file) for a in arguments))
  assert result.returncode != 0
  assert message in result.stderr.strip().splitlines()[-1]
  assert result.stderr.strip().splitlines()[-1].startswith('error: ')
  assert 'Traceback' not in result.stderr
  assert not (tmp_path / 'runs' / 'small' / 'results.json').exists()
