"""Early stops: a member whose logged quantity gets no better trains no more."""

from collections.abc import Iterable, Mapping
from typing import Any

import ml_collections
import numpy as np


class Stops:
  """Who has stopped, from the lines of the log so far.

  Attributes:
    held: who has, bool [M]; their states are frozen, though alive.
  """

  def __init__(
    self, rule: tuple, alive: np.ndarray, steps: np.ndarray, at: int
  ) -> None:
    """Starts from states: alive [M], their steps [M], those of the run.

    Args:
      rule: `config.stop_when`: (quantity, 'min' or 'max', patience), or ().
      alive: bool [M].
      steps: int [M]; one that is alive and behind has stopped.
      at: steps of the run.
    """
    self._name, best, self._patience = rule or ('', 'min', 0)
    self._sign = 1.0 if best == 'min' else -1.0
    self._best = np.full(len(alive), np.inf)
    self._waited = np.zeros(len(alive), int)
    self.held = alive & (steps < at)

  def see(self, terms: Mapping[str, np.ndarray], alive: np.ndarray) -> bool:
    """Looks at a line's terms [M]: whether anyone stops here.

    A line without the quantity does not count.

    Args:
      terms: of the line.
      alive: bool [M], who trained up to it.
    """
    if self._name not in terms:
      return False
    value = self._sign * np.asarray(terms[self._name], np.float64)
    better = value < self._best
    self._waited = np.where(better, 0, self._waited + 1)
    self._best = np.where(better, value, self._best)
    stops = alive & ~self.held & (self._waited >= self._patience)
    self.held = self.held | stops
    return bool(stops.any())

  def replay(self, lines: Iterable[Mapping[str, Any]], until: int) -> None:
    """Sees the lines of a log, as they were written.

    Args:
      lines: of one program.
      until: the step of the last line to see; those of a run that was killed
        may still lie behind it, where another host drops them.
    """
    for line in lines:
      if line['step'] > until:
        continue
      found = [m.get(self._name) for m in line['members']]
      if any(x is not None for x in found):
        alive = np.array([x is not None for x in found])
        self.see({self._name: np.array(found, np.float64)}, alive)


def check(config: ml_collections.ConfigDict, terms: Mapping[str, Any]) -> None:
  """Refuses a quantity that no line of the log would have.

  Args:
    config: of the run.
    terms: of a step, by `chunk.term_shapes`.

  Raises:
    ValueError: `stop_when` names one.
  """
  if not config.stop_when:
    return
  known = sorted(name for name, x in terms.items() if not x.shape)
  known += config.evaluate_metrics if config.evaluate_every else ()
  if config.stop_when[0] not in known:
    raise ValueError(
      f'stop_when={config.stop_when[0]!r} is not in the log; valid: '
      f'{", ".join(known)}'
      + ('' if config.evaluate_every else ' (scores need evaluate_every)')
    )
