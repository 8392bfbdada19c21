"""The page of a trial of the scores: which of them sees what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from bvae_jax import metrics
from bvae_jax.evaluation.results import Results
from bvae_jax.evidence import charts, representations, trial
from bvae_jax.evidence.labels import Cells, label, shown
from bvae_jax.evidence.representations import KINDS
from bvae_jax.report import charts as report_charts
from bvae_jax.report import markup, names, page
from bvae_jax.report.charts import rounded
from bvae_jax.report.markup import number

# Shares of the way to random codes.
_SEES, _BLIND = 0.5, 0.1
_SIZES = ', '.join(map(str, representations.SIZES))
_HALF_WAY = 45.0  # degrees, beyond which codes turn back to what they were


def what_sees_what(cells: Cells) -> Any:
  """The chart of a row a representation and a column a score."""
  rows = [
    {
      'row': label(who),
      'column': names.name(score),
      'words': number(found[score].mean, 2),
      'share': rounded(found[score].seen),
    }
    for who, found in cells.items()
    for score in shown(cells)
    if score in found
  ]
  return charts.labelled_map(rows, title='Scores of codes of known quality')


def _map(cells: Cells) -> Markup:
  return markup.panels(
    [what_sees_what(cells)],
    'The number is the mean score over seeds; the colour says how far it has '
    'gone from that of perfect codes (pale) to that of random codes (deep). '
    'Grey: the two are alike, so that the score cannot tell them apart. Empty: '
    'the score needs a grid of factors, which a copied factor is not.',
    kind='maps',
  )


def truths() -> Markup:
  """What each representation is, and what a perfect judge would say of it."""
  words = {True: 'yes', False: 'no', None: markup.MISSING}
  judged = lambda kind: (kind.modular, kind.compact, kind.explicit)
  rows = [
    [kind, found.words, *(words[x] for x in judged(found))]
    for kind, found in KINDS.items()
  ]
  return markup.figure(
    markup.table(
      ['', 'codes', 'modular', 'compact', 'explicit'], rows, kind='words'
    ),
    'What is true of each. Modular: a latent tells of one factor. Compact: a '
    'factor is told by one latent. Explicit: every factor can be read off the '
    'codes, if not by a linear model. Turned by 0 or 90 degrees, codes are '
    'perfect.',
  )


def over_level(cells: Cells, kind: str) -> list[dict]:
  """Tidy rows of every score against a kind's level: score, x, value."""
  return [
    {
      'score': names.name(score),
      'x': level,
      'value': rounded(found[score].mean),
      'low': rounded(found[score].low),
      'high': rounded(found[score].high),
    }
    for (own, level), found in cells.items()
    if own == kind
    for score in shown(cells)
    if score in found
  ]


def curves(cells: Cells, kind: str) -> list[Any]:
  """A chart a score: its mean and interval against a kind's level."""
  last = _HALF_WAY if kind == 'rotated' else np.inf
  rows = [row for row in over_level(cells, kind) if row['x'] <= last]
  return [
    charts.band(
      [row for row in rows if row['score'] == score],
      title=score,
      x_title=KINDS[kind].level,
    )
    for score in dict.fromkeys(row['score'] for row in rows)
  ]


def _curves(cells: Cells, kind: str) -> Markup:
  of_one = lambda score: score.partition('/')[0] in trial.ONCE
  once = [names.name(score) for score in shown(cells) if of_one(score)]
  of_once = f'; of {", ".join(once)} one seed' if once else ''
  return markup.panels(
    curves(cells, kind),
    f'{KINDS[kind].words.capitalize()}: means over seeds with their 95 % '
    f'intervals{of_once}.' + names.without_interval(shown(cells)),
  )


def by_factor(cells: Cells) -> Markup:
  """The figures of each factor, for the scores that have them."""
  panels = []
  for score in shown(cells):
    # The figures of a main score lie under METRIC/FACTOR or METRIC/MAIN/FACTOR.
    main = metrics.METRICS[score].main if score in metrics.METRICS else ''
    stems = (score, f'{score}/{main}')
    rows = [
      {'row': label(who), 'column': factor, 'value': rounded(found[key].mean)}
      for who, found in cells.items()
      if not KINDS[who[0]].copied
      for factor in trial.FACTORS
      for key in (f'{stem}/{factor}' for stem in stems)
      if key in found
    ]
    if rows:
      told = {'row': 'code', 'column': 'factor'}
      panels.append(
        report_charts.heat_map(
          rows, title=names.name(score), limit=1.0, told=told
        )
      )
  return markup.panels(
    panels,
    f'Figures of each factor, of {_SIZES} values: means over seeds.',
    kind='maps',
  )


def notes(cells: Cells) -> Markup:
  """A line a score: what it sees, what it is blind to, its false alarms."""
  rows = []
  for score in shown(cells):
    seen = {
      who: found[score].seen
      for who, found in cells.items()
      if score in found and who[0] not in ('perfect', 'random')
    }
    listed = lambda faulty, fits, seen=seen: '; '.join(
      label(who)
      for who, share in seen.items()
      if representations.faulty(*who) == faulty and fits(share)
    )
    told = [
      listed(True, lambda share: share >= _SEES),
      listed(True, lambda share: share < _BLIND),
      listed(False, lambda share: share >= _BLIND),
    ]
    known = not all(np.isnan(share) for share in seen.values())
    rows.append(markup.element('seen', names.name(score), *told, known))
  half, tenth = f'{100 * _SEES:g} %', f'{100 * _BLIND:g} %'
  lead = (
    f'A score sees a fault that takes it at least {half} of the way from '
    'perfect codes to random ones, and is blind to one that takes it less than '
    f'{tenth}. It falls without a fault where codes that are modular, compact '
    f'and explicit take it {tenth} or more.'
  )
  return markup.element('application', lead, rows, (), '')


def _with_interval(cell: trial.Cell | None) -> str:
  if cell is None or not np.isfinite(cell.low):
    return number(cell and cell.mean, 2)
  ends = markup.interval(cell.low, cell.high, 2)
  return markup.element('cell', number(cell.mean, 2), ends)


def table(cells: Cells) -> Markup:
  """Mean and interval of every score of the map."""
  scores = shown(cells)
  rows = [
    [label(who), *(_with_interval(found.get(s)) for s in scores)]
    for who, found in cells.items()
  ]
  return markup.figure(
    markup.table(['', *map(names.name, scores)], rows),
    'Mean over seeds, below it its 95 % interval (Student’s t).'
    + names.without_interval(scores)
    + Markup(' <code>results.csv</code> has every figure of every seed.'),
  )


def document(results: Mapping[str, Results], seeds: Sequence[int]) -> str:
  """The whole page of a trial, one HTML file."""
  cells = trial.cells(results)
  sections = [
    page.Section('What is known of the codes', truths()),
    page.Section('Which score sees what', _map(cells)),
    page.Section('Against the angle', _curves(cells, 'rotated')),
    page.Section('Against noise', _curves(cells, 'noisy')),
    page.Section('In words', notes(cells)),
    page.Section('Factor by factor', by_factor(cells)),
    page.Section('Every mean', table(cells)),
  ]
  silent = f'those left over with noise of std {representations.SILENT:g}'
  facts = [
    ('Factors', f'all combinations of {_SIZES} values'),
    ('Latents', f'{representations.NUM_LATENTS}, {silent}'),
    ('Points', f'{trial.NUM_TRAIN:,} to fit, {trial.NUM_TEST:,} to test'),
    ('Seeds', ', '.join(map(str, seeds))),
  ]
  head = page.Head(
    'Scores on trial',
    markup.element(
      'lede',
      'What does each score say of codes whose quality is known, and which '
      'faults does it not see?',
    ),
    facts=facts,
  )
  config = {
    'seeds': list(seeds),
    'metrics': list(dict.fromkeys(s.partition('/')[0] for s in shown(cells))),
    'num_train': trial.NUM_TRAIN,
    'num_test': trial.NUM_TEST,
  }
  return page.document(head, sections, config)
