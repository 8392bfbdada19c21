"""Differences between the runs, or the methods, of a study, and their tests."""

import dataclasses
import itertools
import math
from typing import Any

from bvae_jax.evaluation import inference, statistics
from bvae_jax.report import markup, names, page
from bvae_jax.report.markup import number
from bvae_jax.report.study_view import Column, Study

_EVERY_PAIR = 6  # methods; of more, each is compared with the first one


@dataclasses.dataclass(frozen=True)
class Test:
  """One score of two groups of seeds.

  Attributes:
    score: its name.
    groups: the names of both.
    found: the difference.
    corrected: p, corrected for the number of tests.
  """

  score: str
  groups: tuple[str, ...]
  found: statistics.Difference
  corrected: float = float('nan')

  @property
  def how(self) -> str:
    """Which test it was, for a reader."""
    if not math.isfinite(self.found.p):
      return 'no test'
    kind = 'unpaired'
    if self.found.pairs:
      kind = markup.count(self.found.pairs, 'pair')
    return kind + ('' if self.found.exact else ', drawn')

  def row(self) -> dict[str, Any]:
    """As compare.csv has it."""
    d = self.found
    return {
      'score': self.score,
      'a': self.groups[0],
      'b': self.groups[1],
      'mean_a': d.means[0],
      'mean_b': d.means[1],
      'difference': d.mean,
      'low': d.low,
      'high': d.high,
      'chance_a_above_b': d.chance,
      'pairs': d.pairs,
      'exact': d.exact,
      'p': d.p,
      'p_holm': self.corrected,
    }


def _pairs(study: Study) -> list[tuple[Column, Column]]:
  """The groups to compare: of two runs, at equal values of what both sweep.

  Where they share no value, every group with every other.
  """
  runs = list(study.methods)
  own = {run: [c for c in study.columns if c.method == run] for run in runs}
  pairs = list(itertools.combinations(runs, 2))
  if len(runs) > _EVERY_PAIR:
    pairs = pairs[: len(runs) - 1]  # of the first run

  def alike(a: Column, b: Column) -> bool:
    at, other = (
      dict(zip(study.methods[c.method].swept, c.setting)) for c in (a, b)
    )
    return all(at[key] == other[key] for key in at.keys() & other.keys())

  found = []
  for first, second in pairs:
    both = list(itertools.product(own[first], own[second]))
    found += [pair for pair in both if alike(*pair)] or both
  return found


def tests(study: Study) -> list[Test]:
  """Every score of every pair of groups; p corrected for all of them."""
  view = study.everyone
  found = []
  for key in view.keys:
    values = view.values(key)
    for pair in _pairs(study):
      by_seed = [
        {view.entries[m].seed: float(values[m]) for m in column.places}
        for column in pair
      ]
      found.append(
        Test(
          key,
          tuple(column.name for column in pair),
          inference.difference(key, *by_seed),
        )
      )
  corrected = statistics.holm(test.found.p for test in found)
  return [
    dataclasses.replace(test, corrected=float(p))
    for test, p in zip(found, corrected)
  ]


def _p(value: float) -> str:
  """A p value, which is never 0."""
  return '< 0.0001' if value < 0.00005 else number(value, 4)


def section(study: Study) -> page.Section:
  """The differences and how likely chance makes them."""
  found = [test for test in tests(study) if math.isfinite(test.found.mean)]
  if not found:
    none = markup.element('lede', 'No two groups share a score.')
    return page.section('Differences', none)
  rows, tested = [], sum(math.isfinite(test.found.p) for test in found)
  for test in found:
    d = test.found
    places = markup.digits(d.means)
    known = math.isfinite(d.low)  # of one seed there is no interval
    ends = f' {markup.interval(d.low, d.high, places)}' if known else ''
    rows.append(
      [
        names.name(test.score),
        *test.groups,
        *(number(mean, places) for mean in d.means),
        number(d.mean, places) + ends,
        number(d.chance, 2),
        test.how,
        _p(d.p),
        _p(test.corrected),
      ]
    )
  head = ['', 'A', 'B', 'mean of A', 'mean of B', 'A − B [95 %]', 'P(A > B)']
  head += ['seeds', 'p', 'p, corrected']
  figure = markup.figure(
    markup.table(head, rows),
    'Differences of the means over seeds, with their 95 % intervals (Student’s '
    't of the pairs; Welch’s of unpaired seeds); of pairs, the means of the '
    'seeds that both have. P(A > B) is the chance that a '
    'random seed of A scores higher than one of B, ties counted half. '
    'p: exchange of A and B, within the pairs where the seeds are the same, '
    'else between all; two-sided, and exact unless it says drawn (20,000 '
    f'arrangements). Corrected for the {tested} tests of this table by '
    'Holm’s method. Four pairs of seeds cannot give a p below 0.125, five of '
    'each unpaired none below 0.008.'
    + names.without_interval(dict.fromkeys(test.score for test in found)),
  )
  return page.section('Differences', figure)
