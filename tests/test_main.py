"""The command line, as a user types it."""

import json
import os
import subprocess
import sys

import helpers


def command(folder, *arguments):
  return subprocess.run(
    [sys.executable, '-m', 'bvae_jax.main', *arguments],
    cwd=folder, capture_output=True, text=True, check=False,
    env={**os.environ, 'JAX_NUM_CPU_DEVICES': '8'},  # programs as here
  )  # fmt: skip


def test_a_run_leaves_its_workdir_and_a_second_one_does_nothing(tmp_path):
  helpers.config_file(tmp_path / 'small.py')
  arguments = ('--config=small.py', '--config.seeds=(0,4)')
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
