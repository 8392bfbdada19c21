"""The claims of the 2019 study beside what the models of a study say."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from bvae_jax import losses
from bvae_jax.evaluation import statistics
from bvae_jax.evidence import claims as claims_lib
from bvae_jax.evidence import grid as grid_lib
from bvae_jax.report import kinds, markup, names, page
from bvae_jax.report.markup import number
from bvae_jax.report.sections import panels
from bvae_jax.report.sections.study.common import judged
from bvae_jax.report.study_view import Study

_MEAN_TC = 'unsupervised'


def grid(study: Study, names: Sequence[str]) -> grid_lib.Grid:
  """The models of a study by data set, setting and seed."""
  # Units that differ in the data alone are one method, unless it is a shift.
  units = study.config['units']
  shift = lambda dataset: [dataset.get(key) for key in kinds.SHIFTS]
  trained = {
    unit: {**config, 'dataset': shift(config['dataset'])}
    for unit, config in units.items()
  }
  methods = kinds.methods(trained)
  data = kinds.data_sets(units)
  return grid_lib.make(grid_lib.rows(study.results, methods, data), names)


def _percent(share: float) -> str:
  return f'{number(100 * share, 1)} %' if np.isfinite(share) else markup.MISSING


def _shares(found: grid_lib.Grid, population: bool) -> np.ndarray:
  """Objective, objective and strength, seed [3, C], means over data sets."""
  every = [
    [
      claims_lib.shares(of[..., c], found.methods, population=population)
      for c in range(len(found.scores))
    ]
    for of in found.values
  ]
  objective, strength, seed = np.moveaxis(np.array(every).mean(0), -1, 0)
  return np.stack([objective, objective + strength, seed])


def variance(study: Study) -> Markup:
  """What decides a score: the objective, its strength, or the seed."""
  scores = judged(study)
  found = grid(study, scores) if scores else None
  if found is None or len(set(found.methods)) < 2 or len(found.seeds) < 2:
    return Markup()
  labels = ('objective', 'objective and strength', 'seed')
  paper = (0.37, 0.59, 0.41)
  plain, fair = (_shares(found, population) for population in (False, True))
  rows = [
    [label + note, *map(_percent, of), _percent(of.mean()), figure]
    for note, shares, figures in (
      ('', plain, [_percent(share) for share in paper]),
      (', corrected', fair, [markup.MISSING] * 3),
    )
    for label, of, figure in zip(labels, shares, figures)
  ]
  return markup.figure(
    markup.table(['', *map(names.name, scores), 'mean', 'paper'], rows),
    'Shares of the variance of each score over the models of a data set (R² of '
    'the category), mean over data sets; section 5.3 of the paper. With '
    f'{len(found.seeds)} seeds a setting, groups of noise explain a share too: '
    'the corrected rows (ε²) take that off, which the 50 seeds of the paper '
    'need less.',
  )


def transfer(study: Study) -> Markup:
  """Does choosing a setting on one score or data set help on another?"""
  scores = judged(study)
  if not scores:
    return Markup()
  found = claims_lib.transfer(grid(study, scores))
  told = (
    ('same score, same data set', found.same, 0.807),
    ('other score, same data set', found.other_score, 0.626),
    ('same score, other data set', found.other_data, 0.593),
    ('other score, other data set', found.both, 0.549),
    ('any, chosen at random', found.none, np.nan),
  )
  if not np.isfinite(found.same):
    return Markup()
  rows = [[w, _percent(x), _percent(paper)] for w, x, paper in told]
  return markup.figure(
    markup.table(['chosen by one score, judged by', 'here', 'paper'], rows),
    'How often the setting that one seed chooses does no worse, with another '
    'seed, than a setting drawn at random (table 1 of the paper, 10,000 draws; '
    'here all of them). Settings of this study, its scores and its data sets '
    'are fewer than the paper’s 36, 6 and 7: a choice at random does as well '
    'as itself and as its equals, the more often the fewer settings there are.',
  )


def chances(study: Study) -> Markup:
  """The chance that a random seed of one method beats one of another."""
  scores = judged(study)
  found = grid(study, scores) if scores else None
  if found is None or len(set(found.methods)) < 2 or len(found.seeds) < 2:
    return Markup()
  tables = []
  for data, of in zip(found.data, found.values):
    for score, values in zip(scores, np.moveaxis(of, -1, 0)):
      best = {
        method: claims_lib.best_setting(values, found.methods, method)
        for method in dict.fromkeys(found.methods)
      }
      rows = [
        [a, *(_chance(best[a], best[b], a == b) for b in best)] for a in best
      ]
      if all(cell == markup.MISSING for _, *cells in rows for cell in cells):
        continue
      words = f'{names.name(score)}, {data}'
      inner = markup.table(['', *best], rows)
      tables.append(markup.element('fold', words, inner, not tables))
  if not tables:
    return Markup()
  return markup.figure(
    markup.join(tables),
    'The chance that a seed of the row, drawn at random, scores above one of '
    'the column, each at its setting of the best mean; below it the 95 % '
    'interval (Newcombe 2006, of independent groups). That the setting is the '
    'best of several makes the chance a little too high.',
  )


def _chance(a: np.ndarray, b: np.ndarray, same: bool) -> str:
  found = claims_lib.beats(a, b)
  if same or not np.isfinite(found.value):
    return markup.MISSING
  if not np.isfinite(found.low):
    return number(found.value, 2)
  ends = markup.interval(found.low, found.high, 2)
  return markup.element('cell', number(found.value, 2), ends)


def dependence(study: Study) -> Markup:
  """Total correlation of sampled codes and of means, by strength."""
  everyone = study.everyone
  pairs = [
    (losses.SHOWN_TC, 'TC of sampled codes [nats]'),
    (_MEAN_TC, 'TC of means [nats]'),
  ]
  if not all(np.isfinite(everyone.values(key)).any() for key, _ in pairs):
    return Markup()
  ranks: dict[str, list] = {
    method: [int(np.isfinite(view.values(losses.SHOWN_TC)).sum())]
    for method, view in study.methods.items()
  }
  drawn = []
  for key, title in pairs:
    points = []
    for method, view in study.methods.items():
      values, strength = view.values(key), np.full(len(view.entries), np.nan)
      for rank, (setting, chosen) in enumerate(view.settings.items(), 1):
        strength[chosen] = rank
        points += [
          panels.Point(
            view.row(m, x=rank, y=values[m], setting=view.words[setting]),
            view.marks[m].group,
            rank,
          )
          for m in chosen
        ]
      ranks[method].append(statistics.spearman(strength, values))
    drawn.append(
      panels.scatter(
        points,
        title=title,
        x_title='strength, by rank',
        ticks=sorted({point.at for point in points}),
        colours=everyone.colours,
        legend=False,
      )
    )
  table = markup.table(
    ['rank correlation with strength', 'members', 'sampled', 'means'],
    [
      [method, members, *(number(r, 2) for r in of)]
      for method, (members, *of) in ranks.items()
    ],
  )
  return markup.panels(
    drawn,
    'Section 5.1 of the paper: as the strength rises, the total correlation of '
    'sampled codes falls while that of the means rises, save for DIP-VAE-I. '
    'Both here of a Gaussian: samples of the log’s last line, less what '
    'permuted samples have; means of the evaluation’s points, not corrected. '
    'A capacity weighs less as it rises.',
    above=panels.keys(everyone) + table,
  )


def downstream(study: Study) -> Markup:
  """Do disentangled codes serve a predictor of the factors?"""
  scores = judged(study)
  every = ('', '/trees_efficiency', '/logistic_efficiency')
  keys = [
    key
    for key in (f'downstream{part}' for part in every)
    if np.isfinite(study.everyone.values(key)).any()
  ]
  if not scores or not keys:
    return Markup()
  found = grid(study, [*keys, *scores])
  columns = found.values.reshape(len(found.data), -1, len(found.scores))
  rank = lambda of, key, score: statistics.spearman(
    of[:, found.scores.index(key)], of[:, found.scores.index(score)]
  )
  rows = [
    [
      f'{names.name(key)}, {data}',
      int(np.isfinite(of[:, found.scores.index(key)]).sum()),
      *(number(rank(of, key, score), 2) for score in scores),
    ]
    for key in keys
    for data, of in zip(found.data, columns)
  ]
  return markup.figure(
    markup.table(['', 'members', *map(names.name, scores)], rows),
    'Rank correlation of the accuracy from the codes, and of its efficiency '
    '(few labels against many), with each score over the models of a data '
    'set. Section 5.5 of the paper: accuracy goes along with scores on some '
    'data sets, efficiency not reliably with any.',
  )


def section(study: Study) -> page.Section:
  """What these models say to each claim that they can speak to."""
  parts = [variance(study), transfer(study), chances(study)]
  for i, (name, part) in enumerate(study.parts.items()):
    found = dependence(part)
    if found and len(study.parts) > 1:
      found = markup.element('fold', name, found, i == 0)
    parts.append(found)
  title = 'The claims of the 2019 study'
  return page.section(title, *parts, downstream(study))
