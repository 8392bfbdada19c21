"""The processes of one run."""

import atexit
import contextlib
import hashlib
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

T = TypeVar('T')

_LOG = logging.getLogger(__name__)
# The first host draws pages while the others wait to say goodbye. One that has
# died is noticed all the same: by its heartbeat.
_GOODBYE = 24 * 3600  # seconds
_PATIENCE = 10.0  # seconds that a host which has failed waits for the others


def start(hosts: str) -> None:
  """Joins the processes of one run: the same command on each host.

  Args:
    hosts: 'auto' (TPU pods, SLURM, Open MPI, Kubernetes tell JAX themselves) or
      'ADDRESS:PORT,COUNT,INDEX'.

  Raises:
    ValueError: neither.
  """
  if hosts == 'auto':
    jax.distributed.initialize(shutdown_timeout_seconds=_GOODBYE)
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
  told = 'waiting for %d hosts at %s, 300 s at most'
  _LOG.info(told, count, address)
  jax.distributed.initialize(
    address,
    count,
    index,
    coordinator_bind_address=address if index == 0 else None,
    shutdown_timeout_seconds=_GOODBYE,
  )


@contextlib.contextmanager
def leaving(*alike: type[Exception]) -> Iterator[None]:
  """What a host does; where it fails alone, it leaves the others at once.

  A goodbye would wait for them, who wait for its share of what they compute.

  Args:
    alike: errors in which all hosts end together.

  Raises:
    ConnectionError: another host has left.
  """
  try:
    yield
  except alike:
    raise
  except Exception as error:
    if jax.distributed.is_initialized() and not _said_goodbye():
      atexit.register(_leave)  # before JAX's own, which is older
      if _of_jax(error):
        raise ConnectionError(
          'another host has left the run, and says why; nothing is lost: start '
          'the same command on every host again'
        ) from error
    raise


def _of_jax(error: Exception) -> bool:
  """Whether JAX has failed, as where another host does not answer.

  Its calls in Python raise ValueError then. Memory that is short is not of
  another host.
  """
  *_, (frame, _) = traceback.walk_tb(error.__traceback__)
  of_jax = frame.f_globals['__name__'].partition('.')[0] == 'jax'
  kind = of_jax or isinstance(error, jax.errors.JaxRuntimeError)
  return kind and 'RESOURCE_EXHAUSTED' not in str(error)


def _said_goodbye() -> bool:
  """Whether all hosts have come to an end, soon."""
  said = threading.Event()

  def goodbye() -> None:
    with contextlib.suppress(RuntimeError):  # one is not there any more
      jax.distributed.shutdown()
      said.set()

  threading.Thread(target=goodbye, daemon=True).start()
  return said.wait(_PATIENCE)


def _leave() -> None:
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(1)


def is_first_host() -> bool:
  """Whether this process writes the run's files and log."""
  return jax.process_index() == 0


def any_host(flag: bool) -> bool:
  """Whether the flag is up on any host; each host must ask."""
  if jax.process_count() == 1:
    return flag
  return bool(multihost_utils.process_allgather(np.array(flag)).any())


def agree(what: str, value: str) -> None:
  """Refuses hosts that differ, which would wait for each other; each must ask.

  Args:
    what: is to be the same.
    value: this host's.

  Raises:
    ValueError: on every host.
  """
  if jax.process_count() == 1:
    return
  own = np.frombuffer(hashlib.sha256(value.encode()).digest(), np.uint8)
  every = np.asarray(multihost_utils.process_allgather(own))
  if (every != every[0]).any():
    raise ValueError(
      f'{what} is not the same on all hosts; start the same command, with a '
      '--workdir that all of them see, on each'
    )


def of_first_host(tree: T) -> T:
  """The first host's arrays, on every host; each host must ask.

  To the last bit, whatever their type. Hosts of other cores round otherwise,
  and must not part where they decide by it.

  Args:
    tree: of NumPy's arrays, of the same shapes and types on all hosts.
  """
  if jax.process_count() == 1:
    return tree
  own, structure = jax.tree.flatten(tree)
  sent = multihost_utils.broadcast_one_to_all(
    np.frombuffer(b''.join(x.tobytes() for x in own), np.uint8)
  )
  ends = np.cumsum([x.nbytes for x in own])
  parts = np.split(np.asarray(sent, np.uint8), ends[:-1])
  found = [
    np.frombuffer(part.tobytes(), x.dtype).reshape(x.shape)
    for part, x in zip(parts, own, strict=True)
  ]
  return jax.tree.unflatten(structure, found)
