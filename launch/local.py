"""A study over processes of this machine.

    python -m launch.local --config=FILE --workdir=DIR --workers=2

Each unit is a process of its own, its output in units/NAME/unit.log; a line now
and then tells how far they all are. One that is killed is started again and
resumes. SIGTERM, Ctrl-C and a terminal that is closed checkpoint them all.
"""

import os
import queue
import signal
import subprocess
import sys
from concurrent import futures

from bvae_jax import run as run_lib
from bvae_jax import workdir as workdir_lib
from bvae_jax.studies import plan
from bvae_jax.training import monitor
from launch import common, progress

_GPUS = 'CUDA_VISIBLE_DEVICES'


def gpu_slots(workers: int, gpus: int) -> list[str]:
  """The GPUs of each worker, of those in CUDA_VISIBLE_DEVICES where it is set.

  Raises:
    ValueError: there are too few.
  """
  visible = os.environ.get(_GPUS)
  count = workers * gpus
  if visible is None:
    names = [str(number) for number in range(count)]
  else:
    names = [name.strip() for name in visible.split(',') if name.strip()]
  if len(names) < count:
    raise ValueError(
      f'--workers={workers} with --gpus_per_unit={gpus} needs {count} GPUs, '
      f'{_GPUS}={visible} has {len(names)}'
    )
  return [','.join(names[w * gpus : (w + 1) * gpus]) for w in range(workers)]


class Pool:
  """Processes that run units, a slot of devices for each.

  Args:
    workdir: the study's folder.
    workers: units at the same time.
    gpus: GPUs of each; 0 leaves the choice of devices to JAX.
    retries: fresh starts of a unit whose process is killed.

  Raises:
    ValueError: see `gpu_slots`.
  """

  def __init__(
    self, workdir: plan.PathLike, *, workers: int, gpus: int, retries: int
  ):
    self.workdir, self.workers, self.retries = workdir, workers, retries
    self.stopped, self._running = None, set()
    self._slots = queue.SimpleQueue()
    for devices in gpu_slots(workers, gpus):
      self._slots.put({_GPUS: devices} if gpus else {})

  def stop(self, number, frame) -> None:
    """A signal handler: asks every unit to checkpoint and end."""
    del frame
    self.stopped = signal.Signals(number).name
    for process in self._running.copy():
      process.terminate()

  def _start(self, name: str, slot: dict[str, str]) -> int:
    """One process from start to end; its exit status."""
    log = plan.unit_path(self.workdir, name) / 'unit.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, '-m', 'launch.unit']
    command += [f'--workdir={self.workdir}', f'--unit={name}']
    with log.open('ab') as out:
      # In a session of its own, so that Ctrl-C reaches it through us alone.
      process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        env={**os.environ, **slot}, start_new_session=True,
      )  # fmt: skip
    self._running.add(process)
    if self.stopped:
      process.terminate()
    code = process.wait()
    self._running.discard(process)
    return code

  def run(self, name: str) -> str | None:
    """Runs one unit; returns what went wrong."""
    slot = self._slots.get()
    try:
      for _ in range(1 + self.retries):
        if self.stopped or plan.state(self.workdir, name) != 'todo':
          return None  # others run it, or have tried
        common.LOG.info('unit %s: starts', name)
        code = self._start(name, slot)
        if code >= 0:
          break
        killed = f'killed by {signal.Signals(-code).name}'
        common.LOG.warning('unit %s: %s', name, killed)
    finally:
      self._slots.put(slot)
    if code == 0:
      common.LOG.info('unit %s: done', name)
      return None
    folder = plan.unit_path(self.workdir, name)
    told = workdir_lib.failure(folder) or f'exit status {code}'
    return f'{killed if code < 0 else told}; see {folder}/unit.log'

  def execute(self, names: list[str]) -> dict[str, str]:
    """Runs the units; returns what went wrong with which.

    Raises:
      Interrupted: one of `monitor.numbers`; the units are checkpointed.
    """
    old = {n: signal.signal(n, self.stop) for n in monitor.numbers()}
    try:
      with futures.ThreadPoolExecutor(self.workers) as threads:
        found = dict(zip(names, threads.map(self.run, names)))
    finally:
      for number, handler in old.items():
        signal.signal(number, handler)
    if self.stopped:
      raise run_lib.Interrupted(self.stopped, ': the units are checkpointed')
    return {name: why for name, why in found.items() if why}


def execute(workdir: plan.PathLike, names: list[str]) -> dict[str, str]:
  """Runs the units as the flags say."""
  pool = Pool(
    workdir,
    workers=common.WORKERS.value or 1,
    gpus=common.GPUS.value,
    retries=common.RETRIES.value,
  )
  with progress.Watch(workdir):
    return pool.execute(names)


if __name__ == '__main__':
  common.launch(execute)
