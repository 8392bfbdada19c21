"""What the host watches between chunks: signals, collapse, NaN, log lines."""

import logging
import pathlib
import signal
import time
from typing import Any

import numpy as np

from bvae_jax import losses, population

_LOG = logging.getLogger(__name__)


class Interrupted(RuntimeError):
  """A signal asked the run to stop; what it computed is in its checkpoint."""


class Signals:
  """Turns SIGTERM and SIGINT into a flag that the loop reads."""

  def __init__(self):
    self.received = None

  def __enter__(self):
    self._old = {}
    try:
      for number in (signal.SIGTERM, signal.SIGINT):
        self._old[number] = signal.signal(number, self._set)
    except ValueError:  # not the main thread: the caller has the signals
      pass
    return self

  def _set(self, number, frame):
    del frame
    if self.received:
      raise KeyboardInterrupt
    self.received = signal.Signals(number).name
    _LOG.warning('%s: stopping after this chunk', self.received)

  def __exit__(self, *unused):
    for number, handler in self._old.items():
      signal.signal(number, handler)


class Watch:
  """Warns once of a member that collapsed or was stopped by a NaN."""

  def __init__(self, labels: list[str]):
    self._labels = labels
    self._warned = set()

  def __call__(self, at: int, alive: np.ndarray, kl: np.ndarray) -> None:
    """Looks at step `at`: alive [M] and the KL of each latent [M, D]."""
    for m, label in enumerate(self._labels):
      if not alive[m] and (m, 'nan') not in self._warned:
        self._warned.add((m, 'nan'))
        _LOG.error(
          '%s met a NaN or an infinite gradient before step %d and is frozen '
          'there; try a lower learning rate', label, at,
        )  # fmt: skip
      flat = alive[m] and np.all(kl[m] < losses.COLLAPSED)
      if flat and (m, 'collapse') not in self._warned:
        self._warned.add((m, 'collapse'))
        _LOG.warning(
          '%s has collapsed at step %d: every latent has a KL under %g nats, '
          'the codes carry nothing; lower beta, or let the KL weight rise from '
          '0 (config.schedules)', label, at, losses.COLLAPSED,
        )  # fmt: skip


def log_line(at: int, alive: np.ndarray, terms: dict[str, np.ndarray],
             members: list[population.Member]) -> dict[str, Any]:  # fmt: skip
  """One line of metrics.jsonl: every term of every member."""
  return {
    'step': at,
    'time': time.time(),
    'members': [
      {
        'seed': member.seed,
        'hparams': member.hparams,
        'alive': bool(alive[m]),
        **{k: v[m] if alive[m] else None for k, v in terms.items()},
      }
      for m, member in enumerate(members)
    ],
  }


class Board:
  """Curves for TensorBoard, a run a member; does nothing when it is off.

  Raises:
    ImportError: tensorboardX is not installed.
  """

  def __init__(self, folder: pathlib.Path, labels: list[str], on: bool):
    self._writers = []
    if on:
      try:
        import tensorboardX
      except ImportError as error:
        raise ImportError(
          'tensorboard=True needs an extra: pip install "bvae_jax[tensorboard]"'
        ) from error
      self._writers = [
        tensorboardX.SummaryWriter(str(folder / label.replace(' ', '_')))
        for label in labels
      ]

  def __call__(self, at: int, terms: dict[str, np.ndarray]) -> None:
    """Adds the terms of step `at`, leaves [M] or [M, D]."""
    for m, writer in enumerate(self._writers):
      for name, values in terms.items():
        value = np.atleast_1d(values[m])
        for d, x in enumerate(value):
          tag = name if len(value) == 1 else f'{name}/{d}'
          writer.add_scalar(tag, float(x), at)

  def close(self) -> None:
    """Waits until all is on disk."""
    for writer in self._writers:
      writer.close()
