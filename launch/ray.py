"""A study as tasks of a Ray cluster.

    python -m launch.ray --config=FILE --workdir=DIR --workers=2
    python -m launch.ray ... --address=auto --gpus_per_unit=1

Without --address, Ray starts on this machine. A unit whose worker or node dies
is run again elsewhere and resumes from its checkpoint. On Kubernetes, KubeRay
starts the cluster; submit the second command with `ray job submit
--working-dir=. -- ...`, the workdir on a volume that all pods mount.
"""

import os

from absl import flags

from bvae_jax import run as run_lib
from bvae_jax.config import own
from bvae_jax.studies import plan
from launch import common

_ADDRESS = flags.DEFINE_string(
  'address', None, 'A running cluster, or `auto`; none: start one here.'
)


def run_units(
  workdir: plan.PathLike,
  names: list[str],
  *,
  address: str | None = None,
  workers: int = 1,
  gpus: int = 0,
  retries: int = 3,
) -> dict[str, str]:
  """Runs units as tasks of a cluster; returns what went wrong with which.

  Args:
    workdir: the study's folder.
    names: the units.
    address: a running cluster, or None to start one here.
    workers: units at the same time on a cluster started here.
    gpus: GPUs of each unit.
    retries: fresh starts of a unit whose worker dies.

  Raises:
    ImportError: Ray is not installed.
    OSError: no cluster answers at the address.
  """
  ray = common.require('ray', 'ray')
  here = {
    'num_cpus': workers,
    'include_dashboard': False,
    'object_store_memory': 2**27,  # bytes; nothing goes through it
  }
  there = {
    'runtime_env': {
      'env_vars': {own.VARIABLE: os.environ.get(own.VARIABLE, '')}
    }
  }
  try:
    ray.init(address or 'local', **(there if address else here))
  except (ConnectionError, RuntimeError) as error:
    raise OSError(
      f'no Ray cluster: {error}; start one with `ray start --head`, or leave '
      'out --address to use this machine alone'
    ) from error
  # A worker serves one unit: JAX keeps its devices until the process ends.
  task = ray.remote(
    num_cpus=1,
    num_gpus=gpus,
    max_calls=1,
    max_retries=retries,
    retry_exceptions=[run_lib.Interrupted],
  )(common.run_unit)
  failures = {}
  try:
    waiting = {task.remote(str(workdir), name): name for name in names}
    while waiting:
      (ref,), _ = ray.wait(list(waiting))
      name = waiting.pop(ref)
      try:
        ray.get(ref)
        common.LOG.info('unit %s: done', name)
      except ray.exceptions.RayError as error:
        failures[name] = str(error).strip().splitlines()[-1]
        common.LOG.error('unit %s: %s', name, failures[name])
  finally:
    ray.shutdown()
  return failures


def execute(workdir: plan.PathLike, names: list[str]) -> dict[str, str]:
  """Runs the units as the flags say."""
  return run_units(
    workdir,
    names,
    address=_ADDRESS.value,
    workers=common.WORKERS.value or 1,
    gpus=common.GPUS.value,
    retries=common.RETRIES.value,
  )


if __name__ == '__main__':
  common.launch(execute)
