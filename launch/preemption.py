"""A unit as a submitit job that outlives preemption and time limits.

Slurm sends SIGUSR2 before it takes a node away. The unit then writes a
checkpoint, where it would otherwise fall back on its last one, and goes back
into the queue, from where it resumes.
"""

import signal

import submitit

from bvae_jax import run as run_lib
from bvae_jax.studies import plan
from launch import common


class Unit:
  """The callable that submitit pickles: `Unit()(workdir, name)`."""

  def __call__(self, workdir: plan.PathLike, name: str) -> None:
    number = getattr(signal, f'SIG{submitit.JobEnvironment.USR_SIG}')
    requeue = signal.getsignal(number)
    idle = signal.getsignal(signal.SIGTERM)
    received = []

    def preempt(number, frame):
      if signal.getsignal(signal.SIGTERM) == idle:  # not training
        requeue(number, frame)
      elif not received:
        received.append(number)
        signal.raise_signal(signal.SIGTERM)

    signal.signal(number, preempt)
    try:
      common.run_unit(workdir, name)
    except run_lib.Interrupted:
      if not received:
        raise
      requeue(number, None)

  def checkpoint(self, *args) -> submitit.helpers.DelayedSubmission:
    """What submitit puts back into the queue."""
    return submitit.helpers.DelayedSubmission(self, *args)
