r"""A study as a Slurm job array, through submitit.

    python -m launch.slurm --config=FILE --workdir=DIR \
        --partition=gpu --account=lab --gpus_per_unit=1 --time=240 \
        --memory=32 --setup="module load cuda"

A task of the array is a unit, its output in DIR/slurm. A unit that is preempted
or reaches its time limit writes a checkpoint and is requeued. The launcher
waits, then gathers; it may be killed and started again. `--cluster=local` runs
the same jobs as processes of this machine, to try things out.
"""

from absl import flags

from bvae_jax.studies import plan
from launch import common

_CLUSTER = flags.DEFINE_enum(
  'cluster', 'slurm', ['slurm', 'local', 'debug'], "submitit's executor."
)
_PARTITION = flags.DEFINE_string('partition', None, 'Partition of the jobs.')
_ACCOUNT = flags.DEFINE_string('account', None, 'Account to be charged.')
_QOS = flags.DEFINE_string('qos', None, 'Quality of service.')
_MEMORY = flags.DEFINE_float(
  'memory', None, 'Memory of each unit [GB]; default: what Slurm gives.'
)
_CONSTRAINT = flags.DEFINE_string('constraint', None, 'Features of the nodes.')
_SETUP = flags.DEFINE_multi_string(
  'setup',
  [],
  'A line of shell that each job runs first, such as "module load '
  'cuda"; may be repeated.',
)
_CPUS = flags.DEFINE_integer('cpus', 4, 'CPU cores for each unit.')
_TIME = flags.DEFINE_integer('time', 240, 'Time limit of a job in minutes.')
_MAX_TIMEOUTS = 100  # time limits that a unit may run into


def submit(
  workdir: plan.PathLike, names: list[str], *, cluster: str, **parameters
) -> list:
  """Submits one job array with a job for each unit.

  Args:
    workdir: the study's folder.
    names: the units.
    cluster: submitit's executor: 'slurm', 'local' or 'debug'.
    **parameters: of `submitit.AutoExecutor.update_parameters`; None leaves one
      to Slurm.

  Returns:
    One submitit job a unit.

  Raises:
    ImportError: submitit is not installed.
    OSError: this machine has no Slurm.
  """
  submitit = common.require('submitit', 'slurm')
  from launch import preemption

  try:
    executor = submitit.AutoExecutor(
      folder=f'{workdir}/slurm',
      cluster=cluster,
      slurm_max_num_timeout=_MAX_TIMEOUTS,
    )
  except RuntimeError as error:
    raise OSError(
      f'no Slurm here: {error}; start it where `sbatch` is, or try it out with '
      '--cluster=local'
    ) from error
  given = {k: v for k, v in parameters.items() if v is not None}
  executor.update_parameters(
    slurm_additional_parameters={'requeue': True}, **given
  )
  return executor.map_array(
    preemption.Unit(), [str(workdir)] * len(names), names
  )


def wait(names: list[str], jobs: list) -> dict[str, str]:
  """Waits for the units' jobs; returns what went wrong with which."""
  failures = {}
  for name, job in zip(names, jobs):
    error = job.exception()
    if error is not None:
      lines = str(error).strip().splitlines()
      failures[name] = f'{lines[-1]}; see {job.paths.stderr}'
      common.LOG.error('unit %s: %s', name, failures[name])
  return failures


def execute(workdir: plan.PathLike, names: list[str]) -> dict[str, str]:
  """Runs the units as the flags say, and waits for them."""
  jobs = submit(
    workdir,
    names,
    cluster=_CLUSTER.value,
    name='bvae_jax',
    timeout_min=_TIME.value,
    cpus_per_task=_CPUS.value,
    gpus_per_node=common.GPUS.value,
    slurm_partition=_PARTITION.value,
    slurm_account=_ACCOUNT.value,
    slurm_qos=_QOS.value,
    slurm_constraint=_CONSTRAINT.value,
    slurm_setup=_SETUP.value or None,
    mem_gb=_MEMORY.value,
    slurm_array_parallelism=common.WORKERS.value,
  )
  common.LOG.info('%d job(s): %s ...', len(jobs), jobs[0].job_id)
  return wait(names, jobs)


if __name__ == '__main__':
  common.launch(execute)
