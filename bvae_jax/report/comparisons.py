"""Methods, settings and seeds of a study against each other."""

from typing import Any

import numpy as np

from bvae_jax import losses
from bvae_jax.evaluation import statistics
from bvae_jax.report import charts, markup, relations, scores
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number, text
from bvae_jax.report.study_view import LOGGED, Study


def short(key: str) -> str:
  """A score's name without its unit."""
  return view_lib.name(key).partition(' [')[0]


def _columns(study: Study) -> list[tuple[str, list[int]]]:
  """The name and the members of everyone of each setting."""
  found, before = [], 0
  for method, view in study.methods.items():
    for setting, chosen in scores.setting_groups(view).items():
      name = study.name(method, setting)
      found.append((name, [before + m for m in chosen]))
    before += len(view.entries)
  return found


def _distribution(study: Study, key: str) -> Any:
  """A point a member, in a column a setting, with the column's mean."""
  view, values = study.everyone, study.everyone.values(key)
  rows = [
    view.row(m, setting=name, value=charts.rounded(float(values[m])), role='')
    for name, chosen in _columns(study)
    for m in chosen
  ]
  return charts.distribution(
    rows, title=view_lib.name(key), colours=view.colours, legend=False
  )


def distributions(study: Study) -> str:
  """Every score by method and setting."""
  narrow = len(_columns(study)) < 8
  return markup.panels(
    [_distribution(study, key) for key in study.keys],
    'A column a setting, hyperparameters rising from left to right; a point a '
    'seed, the bar their mean.',
    above=scores.keys(study.everyone),
    kind='panels' if narrow else 'panels wide',
  )


def _with_interval(values: np.ndarray, places: int) -> str:
  """Mean ± std, and the interval of the mean below it."""
  mean = statistics.estimate(values)
  shown = scores.spread(values, places)
  if not np.isfinite(mean.low):
    return shown
  ends = ', '.join(number(end, places) for end in (mean.low, mean.high))
  return markup.element('cell', shown, f'[{ends}]')


def table(study: Study) -> str:
  """Mean ± std over the seeds of each setting, and the mean's interval."""
  values = {key: study.everyone.values(key) for key in study.keys}
  rows = [
    [
      text(name),
      str(len(chosen)),
      *(_with_interval(v[chosen], markup.digits(v)) for v in values.values()),
    ]
    for name, chosen in _columns(study)
  ]
  head = ['', 'seeds', *(text(view_lib.name(key)) for key in study.keys)]
  return markup.figure(
    markup.table(head, rows),
    'Every setting, mean ± std over its seeds; below it the 95 % interval of '
    'the mean (Student’s t).',
  )


def variance_shares(study: Study) -> dict[str, list[float]]:
  """Shares of each score's variance over all members; they add up to 1."""
  settings = [column[1] for column in _columns(study)]
  methods, before = [], 0
  for view in study.methods.values():
    methods.append((before + np.flatnonzero(view.healthy)).tolist())
    before += len(view.entries)
  found = [study.everyone.values(key) for key in study.keys]
  seed = [statistics.seed_share(v, settings) for v in found]
  within = [statistics.seed_share(v, methods) for v in found]
  hparam = [a - b for a, b in zip(within, seed)]
  parts = {} if study.single else {'method': [1.0 - a for a in within]}
  return parts | {'hyperparameter': hparam, 'seed': seed}


def shares(study: Study) -> str:
  """How much of the scores' variance the seed alone accounts for."""
  if max(len(column[1]) for column in _columns(study)) < 2:
    return ''
  found = variance_shares(study)
  seed = [
    {'name': short(key), 'value': charts.rounded(share)}
    for key, share in zip(study.keys, found['seed'])
  ]
  title = 'Share of the variance that is due to the seed'
  rows = [[text(k), *(number(s, 2) for s in v)] for k, v in found.items()]
  if not study.single:
    for method, view in study.methods.items():
      groups = list(scores.setting_groups(view).values())
      own = [
        statistics.seed_share(view.values(key), groups) for key in study.keys
      ]
      rows.append(
        [text(f'seed, within {method}'), *(number(s, 2) for s in own)]
      )
  head = ['', *(text(short(key)) for key in study.keys)]
  return markup.panels(
    [charts.bars(seed, title=title)],
    'Shares of the variance of each score over all members (eta squared): '
    f'between {" and ".join(found)}. A share of the seed near 1 says that luck '
    'decides, not the setting.',
    above=markup.table(head, rows),
    kind='whole',
  )


def against(study: Study, pairs: list[tuple[str, str]]) -> str:
  """Panels of one score against another, a line a method."""
  views = list(study.methods.values())
  return markup.panels(
    [relations.panel(views, x, y) for x, y in pairs],
    'A point a member; the lines run through the means over the seeds of each '
    'setting.',
    above=scores.keys(study.everyone),
  )


def trade_offs(study: Study) -> str:
  """Reconstruction against every score, and rate against distortion."""
  pairs = [('nll', key) for key in study.everyone.scores]
  return against(study, [*pairs, ('kl', 'nll')])


def over_hparam(study: Study) -> str:
  """Scores, ELBO and total correlation against what all methods sweep."""
  views = list(study.methods.values())
  shared = [k for k in views[0].swept if all(k in v.swept for v in views)]
  known = {k for e in study.everyone.entries for k in e['metrics']}
  keys = [*study.keys, *sorted(k for k in known if k in LOGGED)]
  note = f' {text(losses.SHOWN_TC_NOTE)}' if losses.SHOWN_TC in known else ''
  return ''.join(
    markup.panels(
      [relations.panel(views, name, key, hparam=True) for key in keys],
      f'Against {text(name)}: a point a member, the lines their means.{note}',
      above=scores.keys(study.everyone),
    )
    for name in shared
  )
