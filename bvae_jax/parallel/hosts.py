"""The processes of one run."""

import jax
import numpy as np
from jax.experimental import multihost_utils


def start(hosts: str) -> None:
  """Joins the processes of one run: the same command on each host.

  Args:
    hosts: 'auto' (TPU pods, SLURM, Open MPI, Kubernetes tell JAX themselves) or
      'ADDRESS:PORT,COUNT,INDEX'.

  Raises:
    ValueError: neither.
  """
  if hosts == 'auto':
    jax.distributed.initialize()
    return
  address, *numbers = hosts.split(',')
  port = address.rpartition(':')[2] if ':' in address else ''
  whole = len(numbers) == 2 and all(n.isdigit() for n in (port, *numbers))
  if not whole or not 0 < int(port) < 2**16:
    raise ValueError(
      f"--hosts={hosts!r} must be 'auto' or 'ADDRESS:PORT,COUNT,INDEX'"
    )
  count, index = map(int, numbers)
  if index >= count:
    raise ValueError(
      f'--hosts={hosts!r}: INDEX {index} must be from 0 to COUNT - 1'
    )
  jax.distributed.initialize(
    address,
    count,
    index,
    coordinator_bind_address=address if index == 0 else None,
  )


def is_first_host() -> bool:
  """Whether this process writes the run's files and log."""
  return jax.process_index() == 0


def any_host(flag: bool) -> bool:
  """Whether the flag is up on any host; each host must ask."""
  if jax.process_count() == 1:
    return flag
  return bool(multihost_utils.process_allgather(np.array(flag)).any())


def of_first_host(number: int) -> int:
  """The first host's number, on every host; each host must ask."""
  if jax.process_count() == 1:
    return number
  return int(multihost_utils.broadcast_one_to_all(np.array(number)))
