"""The choice of a setting from a run over settings and tuning seeds."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from bvae_jax import population
from bvae_jax.evaluation.results import Member

RULE = 'mig'  # the score that decides, unless another is asked for


class Setting(NamedTuple):
  """One setting of the hyperparameters, and what its seeds came to.

  Attributes:
    hparams: the values that its members share.
    members: one a seed.
  """

  hparams: dict[str, float]
  members: tuple[Member, ...]

  def median(self, score: str) -> float | None:
    """Of a score over the seeds; None where a seed failed or has no value."""
    values = [m.scores.get(score) if m.ok else None for m in self.members]
    known = [v for v in values if v is not None]
    return statistics.median(known) if len(known) == len(values) else None


def settings(members: Sequence[Member]) -> list[Setting]:
  """The members by their hyperparameters, in the order that they come."""
  return [
    Setting(dict(members[places[0]].hparams), tuple(members[m] for m in places))
    for places in population.by_setting(members).values()
  ]


def choose(members: Sequence[Member], score: str = RULE) -> Setting | None:
  """The setting with the highest median of a score over its seeds.

  A setting of which a seed failed is not chosen; of equals, the first is. What
  it scored here is what made it the choice: judge it on seeds that took no
  part (Locatello et al. 2019, section 5.4, on why one must).

  Args:
    members: of one method, at one budget of settings and seeds.
    score: a name in `Member.scores`, such as 'mig' or 'udr'.

  Returns:
    The setting; None where none has the score.

  >>> run = lambda beta, mig, seed: Member(
  ...   seed, {'beta': beta}, 'ok', 10, {}, 3, {'mig': mig})
  >>> choose([run(1.0, 0.1, 0), run(1.0, 0.3, 1), run(4.0, 0.25, 0)]).hparams
  {'beta': 4.0}
  """
  known = [
    (median, setting)
    for setting in settings(members)
    if (median := setting.median(score)) is not None
  ]
  return max(known, key=lambda pair: pair[0])[1] if known else None
