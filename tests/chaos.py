"""Kills at random moments: every run ends as if nothing had happened.

    python -m tests.chaos [--runs=20] [--seed=0]

A tiny run is made once without interruption. Then each trial starts the same
command in a folder of its own, kills it at a random moment (of start-up,
training, checkpointing, scoring or drawing) with SIGKILL, SIGTERM or SIGINT, up
to three times, and lets it end. Its results.json, its log and the arrays of its
last checkpoint must equal those of the uninterrupted run bit for bit.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).parent
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CONFIG = """
import sys
sys.path.insert(0, {tests!r})
import helpers


def get_config():
  return helpers.small_config(
    seeds=(0, 1), num_steps={steps}, log_every=50, checkpoint_every=25,
    keep_checkpoints=2, metrics=('mig', 'dci', 'udr'))
"""


def start(folder: pathlib.Path, config: pathlib.Path) -> subprocess.Popen:
  """The run's command."""
  return subprocess.Popen(
    [sys.executable, '-m', 'bvae_jax.main', f'--config={config}',
     f'--workdir={folder}'],
    cwd=HERE.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    env={**os.environ,
         'JAX_COMPILATION_CACHE_DIR': str(config.with_name('cache'))},
    text=True, preexec_fn=_heed_interrupts,
  )  # fmt: skip


def _heed_interrupts() -> None:
  """What a shell starts in the background ignores SIGINT; we must not."""
  signal.signal(signal.SIGINT, signal.SIG_DFL)


def contents(folder: pathlib.Path) -> dict[str, object]:
  """What must be equal: results, log, parameters."""
  log = []
  for line in (folder / 'metrics.jsonl').read_text().splitlines():
    found = json.loads(line)
    log.append({k: v for k, v in found.items() if k not in ('time', 'crc32')})
  steps = folder.glob('checkpoints/group_0/*/digests/metadata')
  newest = max(steps, key=lambda path: int(path.parts[-3]))
  return {
    'results.json': (folder / 'results.json').read_text(),
    'metrics.jsonl': log,
    'checkpoint': json.loads(newest.read_text()),
  }


def trial(
  folder: pathlib.Path,
  config: pathlib.Path,
  seconds: float,
  random: np.random.Generator,
) -> list[str]:
  """Kills a run now and then, and lets it end; says what was done."""
  done = []
  for _ in range(random.integers(1, 4)):
    process = start(folder, config)
    number = SIGNALS[random.integers(len(SIGNALS))]
    try:
      process.wait(random.uniform(0.1, 0.95) * seconds)
    except subprocess.TimeoutExpired:
      process.send_signal(number)
    begin = time.monotonic()
    output, _ = process.communicate()
    done.append(
      f'{number.name} at line {log_lines(folder)}: exit {process.returncode} '
      f'after {time.monotonic() - begin:.1f} s'
    )
    if log_lines(folder) and 'Traceback' in output:
      done.append(f'TRACEBACK: {output.splitlines()[-1]}')
    if process.returncode == 0:  # it was done before
      break
  process = start(folder, config)
  output, _ = process.communicate()
  if process.returncode:
    done.append(f'FAILED: {output.splitlines()[-1]}')
  return done


def log_lines(folder: pathlib.Path) -> int:
  """How far a run had come: the lines of its log."""
  path = folder / 'metrics.jsonl'
  return len(path.read_text().splitlines()) if path.exists() else 0


def compare(runs: int, seed: int, steps: int) -> int:
  """The number of runs that do not equal the uninterrupted one."""
  random, failed = np.random.default_rng(seed), 0
  with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    config = root / 'config.py'
    config.write_text(CONFIG.format(tests=str(HERE), steps=steps))
    for whole in ('cold', 'whole'):  # the second finds its programs compiled
      begin = time.monotonic()
      start(root / whole, config).communicate()
      seconds = time.monotonic() - begin
    expected = contents(root / 'whole')
    for i in range(runs):
      done = trial(root / str(i), config, seconds, random)
      bad = [line for line in done if line.startswith(('TRACE', 'FAILED'))]
      if not bad:
        found = contents(root / str(i))
        bad = [key for key in expected if found[key] != expected[key]]
      failed += bool(bad)
      print(f'{i + 1}/{runs}', 'NOT equal' if bad else 'equal', done, *bad)
  print(f'{runs - failed} of {runs} equal the uninterrupted run')
  return failed


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--runs', type=int, default=20)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--steps', type=int, default=400)
  options = parser.parse_args()
  sys.exit(compare(options.runs, options.seed, options.steps) > 0)


if __name__ == '__main__':
  main()
