"""The claims of the 2019 study beside what the models of a study say."""

from collections.abc import Sequence

import numpy as np

from bvae_jax import losses, metrics
from bvae_jax.evaluation import statistics
from bvae_jax.evaluation.results import UNRANKED
from bvae_jax.evidence import claims as claims_lib
from bvae_jax.evidence import grid as grid_lib
from bvae_jax.report import charts, markup, scores, study_view
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number, text
from bvae_jax.report.study_view import Study

# Scores that do not say how disentangled a model is.
_OTHER = (*UNRANKED, 'udr', 'downstream', 'few_labels')
_MEAN_TC = 'unsupervised'


def judged(study: Study) -> list[str]:
  """The scores of disentanglement that the study has."""
  known = [s for s in study.everyone.scores if s in metrics.METRICS]
  return [score for score in known if score not in _OTHER]


def grid(study: Study, names: Sequence[str]) -> grid_lib.Grid:
  """The models of a study by data set, setting and seed."""
  # Units that differ in the data alone are one method, unless it is a shift.
  shift = lambda dataset: [dataset.get(k) for k in ('correlated', 'sigma')]
  units = {
    unit: {**config, 'dataset': shift(config['dataset'])}
    for unit, config in study.config['units'].items()
  }
  methods = study_view.method_names(units)
  return grid_lib.make(grid_lib.rows(study.results, methods), names)


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


def variance(study: Study) -> str:
  """What decides a score: the objective, its strength, or the seed."""
  names = judged(study)
  found = grid(study, names) if names else None
  if found is None or len(set(found.methods)) < 2 or len(found.seeds) < 2:
    return ''
  labels = ('objective', 'objective and strength', 'seed')
  paper = (0.37, 0.59, 0.41)
  plain, fair = (_shares(found, population) for population in (False, True))
  rows = [
    [text(label + note), *map(_percent, of), _percent(of.mean()), figure]
    for note, shares, figures in (
      ('', plain, [_percent(share) for share in paper]),
      (', corrected', fair, [markup.MISSING] * 3),
    )
    for label, of, figure in zip(labels, shares, figures)
  ]
  head = ['', *(text(view_lib.name(s)) for s in names), 'mean', 'paper']
  return markup.figure(
    markup.table(head, rows),
    'Shares of the variance of each score over the models of a data set (R² of '
    'the category), mean over data sets; section 5.3 of the paper. With '
    f'{len(found.seeds)} seeds a setting, groups of noise explain a share too: '
    'the corrected rows (ε²) take that off, which the 50 seeds of the paper '
    'need less.',
  )


def transfer(study: Study) -> str:
  """Does choosing a setting on one score or data set help on another?"""
  names = judged(study)
  if not names:
    return ''
  found = claims_lib.transfer(grid(study, names))
  told = (
    ('same score, same data set', found.same, 0.807),
    ('other score, same data set', found.other_score, 0.626),
    ('same score, other data set', found.other_data, 0.593),
    ('other score, other data set', found.both, 0.549),
  )
  if not np.isfinite(found.same):
    return ''
  rows = [[text(w), _percent(x), _percent(paper)] for w, x, paper in told]
  return markup.figure(
    markup.table(['chosen by one score, judged by', 'here', 'paper'], rows),
    'How often the setting that one seed chooses does no worse, with another '
    'seed, than a setting drawn at random (table 1 of the paper, 10,000 draws; '
    'here all of them). Settings of this study, its scores and its data sets '
    'are fewer than the paper’s 36, 6 and 7.',
  )


def chances(study: Study) -> str:
  """The chance that a random seed of one method beats one of another."""
  names = judged(study)
  found = grid(study, names) if names else None
  if found is None or len(set(found.methods)) < 2:
    return ''
  methods, tables = list(dict.fromkeys(found.methods)), []
  for data, of in zip(found.data, found.values):
    for score, values in zip(names, np.moveaxis(of, -1, 0)):
      best = {m: claims_lib.best_setting(values, found.methods, m)
              for m in methods}  # fmt: skip
      rows = [[text(a), *(_chance(best[a], best[b], a == b) for b in best)]
              for a in best]  # fmt: skip
      words = f'{view_lib.name(score)}, {data}'
      first = (data, score) == (found.data[0], names[0])
      tables.append(
        markup.element(
          'fold', words, markup.table(['', *map(text, best)], rows), first
        )
      )
  return markup.figure(
    ''.join(tables),
    'The chance that a seed of the row, drawn at random, scores above one of '
    'the column, each at its setting of the best mean; below it the 95 % '
    'interval (bootstrap over seeds). Of three seeds or so the interval is '
    'narrower than the truth.',
  )


def _chance(a: np.ndarray, b: np.ndarray, same: bool) -> str:
  found = claims_lib.beats(a, b)
  if same or not np.isfinite(found.value):
    return markup.MISSING
  if not np.isfinite(found.low):
    return number(found.value, 2)
  ends = f'[{number(found.low, 2)}, {number(found.high, 2)}]'
  return markup.element('cell', number(found.value, 2), ends)


def dependence(study: Study) -> str:
  """Total correlation of sampled codes and of means, by strength."""
  everyone = study.everyone
  pairs = [
    (losses.SHOWN_TC, 'TC of sampled codes [nats]'),
    (_MEAN_TC, 'TC of means [nats]'),
  ]
  if not all(np.isfinite(everyone.values(key)).any() for key, _ in pairs):
    return ''
  panels, ranks = [], {method: [] for method in study.methods}
  for key, title in pairs:
    rows, lines, colours = [], [], dict(everyone.colours)
    for method, view in study.methods.items():
      groups, values = scores.setting_groups(view), view.values(key)
      strength = np.full(len(values), np.nan)
      for i, (setting, chosen) in enumerate(groups.items(), 1):
        strength[chosen] = i
        mean = charts.rounded(float(np.nanmean(values[chosen])))
        lines.append({'group': view.marks[0].group, 'x': i, 'y': mean,
                      'order': i})  # fmt: skip
        label = scores.setting_label(view, setting)
        rows += [
          view.row(m, x=i, y=charts.rounded(float(values[m])), setting=label)
          for m in chosen
        ]
      ranks[method].append(statistics.spearman(strength, values))
    panels.append(
      charts.scatter(rows, title=title, x_title='strength, by rank',
                     lines=lines, colours=colours, legend=False)
    )  # fmt: skip
  table = markup.table(
    ['rank correlation with strength', 'sampled', 'means'],
    [[text(m), *(number(r, 2) for r in found)] for m, found in ranks.items()],
  )
  return markup.panels(
    panels,
    'Section 5.1 of the paper: as the strength rises, the total correlation of '
    'sampled codes falls while that of the means rises, save for DIP-VAE-I. '
    'Both here of a Gaussian: samples of the log’s last line, less what '
    'permuted samples have; means of the evaluation’s points, not corrected. '
    'A capacity weighs less as it rises.',
    above=scores.keys(everyone) + table,
  )


def downstream(study: Study) -> str:
  """Do disentangled codes serve a predictor of the factors?"""
  names = judged(study)
  every = ('downstream', 'downstream/trees_efficiency',
           'downstream/logistic_efficiency')  # fmt: skip
  known = study.everyone.values
  keys = [key for key in every if np.isfinite(known(key)).any()]
  if not names or not keys:
    return ''
  found = grid(study, [*keys, *names])
  columns = found.values.reshape(len(found.data), -1, len(found.scores))
  rows = [
    [
      text(f'{view_lib.name(key)}, {data}'),
      *(number(statistics.spearman(of[:, k], of[:, len(keys) + c]), 2)
        for c in range(len(names))),
    ]
    for k, key in enumerate(keys)
    for data, of in zip(found.data, columns)
  ]  # fmt: skip
  return markup.figure(
    markup.table(['', *(text(view_lib.name(s)) for s in names)], rows),
    'Rank correlation of the accuracy from the codes, and of its efficiency '
    '(few labels against many), with each score over the models of a data '
    'set. Section 5.5 of the paper: accuracy goes along with scores on some '
    'data sets, efficiency with none.',
  )


SECTION = (
  'The claims of the 2019 study',
  (variance, transfer, chances, dependence, downstream),
)
