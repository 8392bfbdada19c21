"""Studies on real engines; each loses the worker of a unit on the way."""

import functools
import json
import signal
import subprocess
import sys

import pytest

from bvae_jax.studies import execute, plan


def check(workdir, interference, log):
  """The unit was cut short, resumed, and logged each step once."""
  assert {*plan.status(workdir).values()} == {'done'}
  assert 0 < interference.steps < 10
  lines = (interference.folder / 'metrics.jsonl').read_text().splitlines()
  assert [json.loads(x)['step'] for x in lines] == list(range(10, 101, 10))
  assert 'resuming from step' in log


CONFIG = """
import json
import ml_collections


def get_config():
  with open({path!r}) as file:
    return ml_collections.ConfigDict(json.load(file))
"""


def test_local_processes_outlive_a_kill(tmp_path, long_study, interfere):
  del long_study.units['short']  # of several, see `local.Pool`'s own tests
  source, workdir = tmp_path / 'study.json', tmp_path / 'study'
  source.write_text(json.dumps(long_study.to_dict()))
  config = tmp_path / 'config.py'
  config.write_text(CONFIG.format(path=str(source)))
  interference = interfere(workdir, signal.SIGKILL)
  result = subprocess.run(
    [sys.executable, '-m', 'launch.local', f'--config={config}',
     f'--workdir={workdir}'],
    capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert result.returncode == 0, result.stderr
  assert 'unit long: killed by SIGKILL' in result.stderr
  log = (interference.folder / 'unit.log').read_text()
  check(workdir, interference, log)
  assert (workdir / 'report.html').exists()
  assert (workdir / 'results.csv').exists()


def test_submitit_requeues_a_preempted_unit(tmp_path, long_study, interfere):
  pytest.importorskip('submitit')
  from launch import slurm

  interference = interfere(tmp_path, signal.SIGUSR2)

  def executor(workdir, names):
    jobs = slurm.submit(workdir, names, cluster='local', timeout_min=240)
    return slurm.wait(names, jobs)

  execute.run(long_study, tmp_path, executor)
  logs = (tmp_path / 'slurm').glob('*.err')
  text = ''.join(log.read_text() for log in logs)
  check(tmp_path, interference, text)
  assert 'SIGTERM: stopping' in text  # it wrote a checkpoint first


def test_ray_runs_a_unit_again_when_its_worker_dies(
  tmp_path, long_study, interfere, capfd
):
  pytest.importorskip('ray')
  from launch import ray

  interference = interfere(tmp_path, signal.SIGKILL)
  execute.run(long_study, tmp_path, functools.partial(ray.run_units, workers=1))
  captured = capfd.readouterr()
  check(tmp_path, interference, captured.out + captured.err)
