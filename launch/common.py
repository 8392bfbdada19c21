"""What the launchers share."""

import functools
import importlib
import logging
import types
from collections.abc import Callable

from absl import app, flags

from bvae_jax import cli
from bvae_jax.studies import execute as execute_lib
from bvae_jax.studies import plan, unit

LOG = logging.getLogger('bvae_jax.launch')
REQUIRED = {'config': 'FILE[:PRESET]', 'workdir': 'DIR'}
WORKERS = flags.DEFINE_integer(
  'workers',
  None,
  'Units at the same time; default: 1, on Slurm 256. A Ray cluster that runs '
  'already takes as many as it has room for.',
  lower_bound=1,
)
GPUS = flags.DEFINE_integer(
  'gpus_per_unit', 0, 'GPUs of each unit.', lower_bound=0
)
_MEMBERS = flags.DEFINE_integer(
  'members_per_job',
  0,
  'Splits each unit into jobs of so many members at most; 0: a unit is a job.',
  lower_bound=0,
)
RETRIES = flags.DEFINE_integer(
  'retries',
  3,
  'Fresh starts of a unit whose process dies; on Slurm none: it is left to the '
  'next command.',
  lower_bound=0,
)


def require(package: str, extra: str) -> types.ModuleType:
  """Imports an optional package.

  Raises:
    ImportError: it is not installed; the message names the extra.
  """
  try:
    return importlib.import_module(package)
  except ImportError as error:
    raise ImportError(
      f"{package} is not installed; pip install 'bvae_jax[{extra}]'"
    ) from error


def run_unit(workdir: str, name: str) -> None:
  """`unit.run_unit` in a worker, which logs to its stderr.

  A unit that failed elsewhere in the meantime is left to the next command.
  """
  cli.log_to_stderr()
  if plan.state(workdir, name) == 'failed':
    return
  unit.run_unit(workdir, name)


def start(main: Callable, required: dict[str, str]) -> None:
  """`main()` under absl, with these flags given."""
  app.run(
    lambda argv: main(),
    flags_parser=functools.partial(cli.parse, required=required),
  )


def launch(execute: execute_lib.Executor) -> None:
  """The whole of a launcher but `execute(workdir, names) -> failures`."""

  def study(config, workdir):
    return execute_lib.run(config, workdir, execute, _MEMBERS.value)

  start(lambda: cli.run(study), REQUIRED)
