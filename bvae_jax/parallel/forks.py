"""Processes that are forked from one in which JAX has run."""

import os

_RAN_IN: list[int] = []  # the process in which JAX ran first


def own_process() -> None:
  """Before JAX computes: refuses where it would wait for ever.

  A forked process has none of the threads of the one that it is a copy of.

  Raises:
    RuntimeError: this process was forked from one that has computed.
  """
  if not _RAN_IN:
    _RAN_IN.append(os.getpid())
  if _RAN_IN[0] != os.getpid():
    raise RuntimeError(
      'JAX has run in the process that this one was forked from, and would '
      "wait for ever here; start this one by 'spawn' (get_context('spawn') of "
      "multiprocessing, multiprocessing_context='spawn' of a DataLoader)"
    )
