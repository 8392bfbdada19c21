"""Launchers without training: what they start, render, report and refuse."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import helpers
import ml_collections
import pytest
import yaml

from bvae_jax import catalogue
from bvae_jax import run as run_lib
from bvae_jax.studies import plan, unit
from bvae_jax.workdir import locks
from launch import common, local, progress


def script(path, text):
  """An executable shell script."""
  path.write_text(f'#!/bin/sh\n{text}\n')
  path.chmod(0o755)
  return str(path)


def make_pool(tmp_path, monkeypatch, text, **changes):
  """A pool of processes that run a shell script in place of a unit."""
  program = script(tmp_path / 'program', text)
  monkeypatch.setattr(local.sys, 'executable', program)
  (tmp_path / 'units').mkdir()
  settings = {'workers': 2, 'gpus': 0, 'retries': 2, **changes}
  return local.Pool(tmp_path, **settings)


@pytest.mark.parametrize(
  'text, starts, why',
  [
    ('kill -9 $$', 3, 'killed by SIGKILL'),
    ('exit 3', 1, 'exit status 3'),
    ('exit 0', 1, None),
  ],
)
def test_a_process_is_started_again_only_when_killed(
  tmp_path, monkeypatch, text, starts, why
):
  pool = make_pool(tmp_path, monkeypatch, f'echo started $*; {text}')
  found = pool.execute(['a', 'b'])
  for name in 'ab':
    line = f'started -m launch.unit --workdir={tmp_path} --unit={name}\n'
    log = plan.unit_path(tmp_path, name) / 'unit.log'
    assert log.read_text() == line * starts
    assert (why is None and name not in found) or why in found[name]


@pytest.mark.parametrize(
  'visible, expected',
  [(None, ['0,1\n', '2,3\n']), ('7,5,GPU-a,1,2', ['7,5\n', 'GPU-a,1\n'])],
)
def test_each_worker_has_its_own_gpus(tmp_path, monkeypatch, visible, expected):
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  if visible:
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
  text = 'echo $CUDA_VISIBLE_DEVICES; sleep 0.5'
  pool = make_pool(tmp_path, monkeypatch, text, gpus=2)
  assert pool.execute(['a', 'b']) == {}
  logs = [plan.unit_path(tmp_path, name) / 'unit.log' for name in 'ab']
  assert sorted(log.read_text() for log in logs) == expected


def test_more_gpus_than_there_are_is_one_line(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3')
  with pytest.raises(ValueError, match='needs 4 GPUs.*=3 has 1'):
    local.gpu_slots(2, 2)


def test_a_signal_stops_the_units_and_starts_no_more(tmp_path, monkeypatch):
  text = 'trap "echo stopped; exit 1" TERM; touch $0.up; sleep 30 & wait'
  pool = make_pool(tmp_path, monkeypatch, text, workers=1)

  def interrupt():
    while not (tmp_path / 'program.up').exists():
      time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)

  threading.Thread(target=interrupt).start()
  with pytest.raises(run_lib.Interrupted, match='SIGTERM'):
    pool.execute(['a', 'b'])
  log = plan.unit_path(tmp_path, 'a') / 'unit.log'
  assert log.read_text() == 'stopped\n'
  assert not plan.unit_path(tmp_path, 'b').exists()


def test_the_line_of_progress_tells_of_all_units(tmp_path):
  units = {n: helpers.small_config(num_steps=10, seeds=(0, 1)) for n in 'abcd'}
  study = {'study': 'Four', 'page': '', 'units': units}
  plan.write_plan(ml_collections.ConfigDict(study), tmp_path)
  watch = progress.Watch(tmp_path)
  folder = plan.unit_path(tmp_path, 'a')
  folder.mkdir()
  lines = [f'{{"group": 0, "step": {n}, "time": 1.0}}\n' for n in (2, 4)]
  (folder / 'metrics.jsonl').write_text(''.join(lines))
  unit.fail(tmp_path, 'b', 'boom')
  with locks.locked(folder / locks.UNIT_LOCK, 'a', 0):
    line = watch.line()
  start = 'units: 1 failed, 1 running (a 40%), 2 todo; 10% of all steps, '
  assert line.startswith(start) and line.endswith(' left')
  # Of two programs the second one begins: half of the unit is done.
  cohorts = {'cohorts': [[[0], 1], [[1], 1]]}
  (folder / 'groups.json').write_text(json.dumps(cohorts))
  (folder / 'metrics.jsonl').write_text('{"group": 1, "step": 2, "time": 1.0}')
  with locks.locked(folder / locks.UNIT_LOCK, 'a', 0):
    assert '(a 60%), 2 todo; 15% of' in watch.line()


def test_the_steps_of_parts_that_are_put_together_count_once(tmp_path):
  units = {n: helpers.small_config(num_steps=10, seeds=(0, 1)) for n in 'ab'}
  study = ml_collections.ConfigDict({'study': 'S', 'page': '', 'units': units})
  plan.write_plan(plan.with_jobs(study, 1), tmp_path)
  watch = progress.Watch(tmp_path)
  for part in ('a@0', 'a@1'):
    folder = plan.unit_path(tmp_path, part)
    folder.mkdir(parents=True)
    (folder / 'training.json').write_text('{}')
  folder = plan.unit_path(tmp_path, 'a')
  (folder / 'metrics.jsonl').write_text('{"group": 1, "step": 10, "time": 1.0}')
  with locks.locked(folder / locks.UNIT_LOCK, 'a', 0):
    line = watch.line()
  assert line.startswith(
    'units: 2 done, 1 running (a), 2 todo, 1 waiting; 50% of all steps, '
  )


def test_slurm_gets_one_array_that_is_requeued(tmp_path, monkeypatch):
  pytest.importorskip('submitit')
  from launch import slurm

  script(tmp_path / 'srun', 'exit 0')
  script(tmp_path / 'sbatch', 'echo Submitted batch job 12')
  monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
  plan.write_plan(helpers.small_config(), tmp_path)
  jobs = slurm.submit(
    tmp_path, ['a', 'b'], cluster='slurm', timeout_min=30, gpus_per_node=1,
    slurm_partition='gpu', slurm_array_parallelism=None, slurm_account='lab',
    slurm_qos='low', slurm_constraint='a100', mem_gb=32.0,
    slurm_setup=['module load cuda'],
  )  # fmt: skip
  assert [job.job_id for job in jobs] == ['12_0', '12_1']
  batch = {path.read_text() for path in (tmp_path / 'slurm').glob('*.sh')}
  lines = '\n'.join(batch).splitlines()
  for option in ('array=0-1%2', 'partition=gpu', 'time=30', 'requeue',
                 'gpus-per-node=1', 'signal=USR2@90', 'account=lab', 'qos=low',
                 'constraint=a100', 'mem=32GB'):  # fmt: skip
    assert f'#SBATCH --{option}' in lines
  assert 'module load cuda' in lines


@pytest.mark.parametrize(
  'training, numbers, requeued',
  [
    (True, [signal.SIGUSR2, signal.SIGUSR2], 1),
    (False, [signal.SIGUSR2], 1),
    (True, [signal.SIGTERM], 0),
  ],
)
def test_only_a_preempted_unit_goes_back_into_the_queue(
  monkeypatch, training, numbers, requeued
):
  pytest.importorskip('submitit')
  from launch import preemption

  queue, stops = [], []

  def run_unit(workdir, name):
    """A unit in training, or a unit that loads its data."""
    if training:
      signal.signal(signal.SIGTERM, lambda *_: stops.append(name))
    for number in numbers:
      signal.raise_signal(number)
    if stops:
      raise run_lib.Interrupted(name)

  monkeypatch.setattr(common, 'run_unit', run_unit)
  ours = {
    signal.SIGTERM: lambda *_: None,
    signal.SIGUSR2: lambda *_: queue.append(1),
  }
  old = {number: signal.signal(number, h) for number, h in ours.items()}
  try:
    if requeued:
      preemption.Unit()('a folder', 'a')
    else:
      with pytest.raises(run_lib.Interrupted):
        preemption.Unit()('a folder', 'a')
  finally:
    for number, handler in old.items():
      signal.signal(number, handler)
  assert len(queue) == requeued
  assert stops == (['a'] if training else [])


def test_what_is_not_given_is_left_to_slurm(tmp_path):
  submitit = pytest.importorskip('submitit')
  from launch import slurm

  (job,) = slurm.submit(
    tmp_path, ['a'], cluster='debug', slurm_account=None, mem_gb=None
  )
  assert isinstance(job, submitit.core.core.Job)


def test_no_slurm_is_one_line(tmp_path, monkeypatch):
  pytest.importorskip('submitit')
  from launch import slurm

  monkeypatch.setenv('PATH', str(tmp_path))
  with pytest.raises(OSError, match='no Slurm here'):
    slurm.submit(tmp_path, ['a'], cluster='slurm')


@pytest.mark.parametrize(
  'package, extra', [('submitit', 'slurm'), ('ray',) * 2]
)
def test_a_missing_package_names_its_extra(monkeypatch, package, extra):
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.raises(ImportError, match=rf"pip install 'bvae_jax\[{extra}\]'"):
    common.require(package, extra)


FILES = pathlib.Path(common.__file__).parent


def test_the_tpu_script_runs_again_until_the_study_is_done(
  tmp_path, monkeypatch
):
  # A gcloud whose first VM is taken away while it runs.
  script(
    tmp_path / 'gcloud',
    f'cd {tmp_path}; echo "$4" >> calls; [ "$4" = ssh ] || exit 0; '
    'echo "$6" > remote; [ -e again ] || { touch again; exit 255; }',
  )
  script(tmp_path / 'git', 'exit 0')
  monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
  run = subprocess.run(['bash', FILES / 'tpu_vm.sh'], check=False)
  assert run.returncode == 0
  verbs = (tmp_path / 'calls').read_text().split()
  assert verbs == ['create', 'scp', 'ssh', 'delete'] * 2
  remote = (tmp_path / 'remote').read_text()
  assert 'launch.local --config=study_2019:quick' in remote
  assert 'kill $!' in remote  # on the VM, not here
  check = ['bash', '-n', '-c', remote.partition('--command=')[2]]
  assert subprocess.run(check, check=False).returncode == 0


@pytest.mark.parametrize(
  'ends, requeued', [('exit 1', True), ('exit 0', False)]
)
def test_a_slurm_task_at_its_limit_checkpoints_and_requeues(
  tmp_path, monkeypatch, ends, requeued
):
  (tmp_path / 'venv/bin').mkdir(parents=True)
  (tmp_path / 'venv/bin/activate').touch()
  stop = f'trap "sleep 0.2; echo saved; {ends}" TERM'
  script(tmp_path / 'bvae', f'{stop}; echo "$*"; sleep 30 >&2 & wait')
  script(tmp_path / 'scontrol', 'echo "$*"')
  monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
  monkeypatch.setenv('HOME', str(tmp_path))
  monkeypatch.setenv('SLURM_JOB_ID', '12')
  task = subprocess.Popen(
    ['bash', FILES / 'slurm.sh'], stdout=subprocess.PIPE, text=True
  )
  command = task.stdout.readline().split()
  assert command[:3] == ['launch', 'local', '--config=study_2019']
  task.terminate()
  assert task.stdout.read().split('\n')[:2] == (
    ['saved', 'requeue 12'] if requeued else ['saved', '']
  )
  assert task.wait() == (1 if requeued else 0)


def test_the_jobset_has_workers_that_share_a_volume():
  manifest = yaml.safe_load((FILES / 'jobset.yaml').read_text())
  assert manifest['apiVersion'] == 'jobset.x-k8s.io/v1alpha2'
  assert manifest['kind'] == 'JobSet'
  (workers,) = manifest['spec']['replicatedJobs']
  job = workers['template']['spec']
  (rule,) = job['podFailurePolicy']['rules']  # taken away any number of times
  assert rule['action'] == 'Ignore'
  assert rule['onPodConditions'] == [{'type': 'DisruptionTarget'}]
  pod = job['template']['spec']
  assert pod['restartPolicy'] == 'Never'  # such rules need it
  (container,) = pod['containers']
  (mount,), (volume,) = container['volumeMounts'], pod['volumes']
  assert mount['name'] == volume['name']
  *module, config, workdir = container['command']
  assert module == ['bvae', 'launch', 'local']
  assert catalogue.find_config(config.removeprefix('--config='))
  assert workdir.startswith(f'--workdir={mount["mountPath"]}/')


def test_the_skypilot_job_keeps_its_study_in_the_bucket():
  job = yaml.safe_load((FILES / 'skypilot.yaml').read_text())
  (mount,) = job['file_mounts']
  assert 'bvae launch local --config=study_2019:quick' in job['run']
  assert f'{mount}/study' in job['run']
  for part in ('setup', 'run'):
    check = ['bash', '-n', '-c', job[part]]
    assert subprocess.run(check, check=False).returncode == 0


def test_the_image_has_all_that_the_package_is_built_from():
  text = (FILES / 'Dockerfile').read_text()
  copied = re.findall(r'^COPY (.*) \S+$', text, re.MULTILINE)
  names = ' '.join(copied).split()
  assert {'setup.py', 'bvae_jax', 'configs', 'launch'} <= set(names)
  assert all((FILES.parent / name).exists() for name in names)


@pytest.mark.parametrize(
  'arguments, expected',
  [
    (('unit', '--unit=x'), 'error: --workdir=DIR is missing'),
    (('unit', '--workdir=nowhere', '--unit=x'), 'no study lies there'),
  ],
)
def test_the_command_line(arguments, expected):
  name, *rest = arguments
  result = subprocess.run(
    [sys.executable, '-m', f'launch.{name}', *rest],
    capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert expected in result.stdout + result.stderr
  assert 'Traceback' not in result.stderr
