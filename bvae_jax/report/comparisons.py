"""Methods, settings and seeds of a study against each other."""

import numpy as np

from bvae_jax.report import markup, relations, scores, svg
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number, tag, text
from bvae_jax.report.study_view import Study


def _shifts(size: int) -> np.ndarray:
  """Even places across a column, in (-0.5, 0.5), neighbours in rank apart."""
  scrambled = np.arange(size) * 0.618034 % 1  # the golden ratio
  return (np.argsort(np.argsort(scrambled)) + 0.5) / size - 0.5


def short(key: str) -> str:
  """A score's name without its unit."""
  return view_lib.name(key).partition(' [')[0]


def legend(study: Study) -> str:
  """Which colour is which method, or which setting of the only one."""
  keys = [
    tag('span', tag('i', '', style=f'--c:{colour}'), text(words))
    for colour, words in study.everyone.legend
  ]
  return tag('p', *keys, class_='legend')


def _columns(study: Study) -> list[tuple[float, float, str, list[int]]]:
  """(centre, width, name, members of everyone) of each setting's column."""
  found, before = [], 0
  for i, (method, view) in enumerate(study.methods.items()):
    groups = scores.setting_groups(view)
    width = 0.84 / len(groups)
    for s, (setting, chosen) in enumerate(groups.items()):
      name = study.name(method, setting)
      centre = i + 0.08 + (s + 0.5) * width
      found.append((centre, width, name, [before + m for m in chosen]))
    before += len(view.entries)
  return found


def _ticks(study: Study) -> list[tuple[float, str]]:
  """Methods, or the settings of the only one."""
  if not study.single:
    return [(i + 0.5, method) for i, method in enumerate(study.methods)]
  (view,) = study.methods.values()
  words = [
    ', '.join(f'{v:g}' for v in setting)
    for setting in scores.setting_groups(view)
  ]
  return [(column[0], w) for column, w in zip(_columns(study), words)]


def _distribution(study: Study, key: str) -> str:
  """A dot a member, in a column a setting, with the column's mean."""
  view, values = study.everyone, study.everyone.values(key)
  slots = len(study.methods) if not study.single else len(_ticks(study)) / 1.5
  chart = svg.Chart(
    (0.0, float(len(study.methods))),
    svg.domain(values),
    title=view_lib.name(key),
    x_ticks=_ticks(study),
    x_label=', '.join(view.swept) if study.single else '',
    size=(int(max(340, 80 + 90 * slots)), 220),
  )
  for centre, width, name, chosen in _columns(study):
    for shift, m in zip(_shifts(len(chosen)), sorted(chosen, key=values.item)):
      x = centre + 0.6 * width * shift
      tip = f'{view.labels[m]}: {number(float(values[m]))}'
      mark = view.marks[m]._replace(role='')
      chart.dot(x, float(values[m]), mark, tip=tip)
    known = values[chosen][np.isfinite(values[chosen])]
    if len(known):
      mean = float(known.mean())
      tip = f'{name}: {scores.spread(known, markup.digits(known))}'
      ends = centre - 0.42 * width, centre + 0.42 * width
      chart.line(ends, (mean, mean), svg.Mark('currentColor', tip, 'best'))
  crowd = 'crowd' if len(view.entries) > 100 else None
  return tag('div', chart.render(), class_=crowd)


def distributions(study: Study) -> str:
  """Every score by method and setting."""
  charts = [_distribution(study, key) for key in study.keys]
  narrow = study.single or len(study.methods) < 3
  body = tag('div', *charts, class_='panels' if narrow else 'panels wide')
  settings = (
    'A column a setting'
    if study.single
    else 'Within a method a column a setting, hyperparameters rising from left '
    'to right'
  )
  return markup.figure(
    legend(study) + body,
    f'{settings}; a point a seed, the bar their mean.',
  )


def table(study: Study) -> str:
  """Mean ± std over the seeds of each setting."""
  values = {key: study.everyone.values(key) for key in study.keys}
  rows = [
    [
      text(name),
      str(len(chosen)),
      *(scores.spread(v[chosen], markup.digits(v)) for v in values.values()),
    ]
    for _, _, name, chosen in _columns(study)
  ]
  head = ['', 'seeds', *(text(view_lib.name(key)) for key in study.keys)]
  return markup.figure(
    markup.table(head, rows), 'Every setting, mean ± std over its seeds.'
  )


def variance_shares(study: Study) -> dict[str, list[float]]:
  """Shares of each score's variance over all members; they add up to 1."""
  settings = [column[3] for column in _columns(study)]
  methods, before = [], 0
  for view in study.methods.values():
    methods.append((before + np.flatnonzero(view.healthy)).tolist())
    before += len(view.entries)
  found = [study.everyone.values(key) for key in study.keys]
  seed = [scores.seed_share(v, settings) for v in found]
  within = [scores.seed_share(v, methods) for v in found]
  hparam = [a - b for a, b in zip(within, seed)]
  parts = {} if study.single else {'method': [1.0 - a for a in within]}
  return parts | {'hyperparameter': hparam, 'seed': seed}


def shares(study: Study) -> str:
  """How much of the scores' variance the seed alone accounts for."""
  if max(len(column[3]) for column in _columns(study)) < 2:
    return ''
  found = variance_shares(study)
  ticks = [(float(i), short(key)) for i, key in enumerate(study.keys)]
  chart = svg.Chart(
    (-0.6, len(ticks) - 0.4),
    (0.0, 1.0),
    title='Share of the variance that is due to the seed',
    x_ticks=ticks,
    size=(60 + 135 * len(ticks), 220),
  )
  for (x, name), share in zip(ticks, found['seed']):
    if np.isfinite(share):
      chart.bar(x, share, 0.6, tip=f'{name}: {number(share, 2)}')
      chart.note(chart.px(x) + 11, chart.py(share) - 4, number(share, 2))
  rows = [[text(k), *(number(s, 2) for s in v)] for k, v in found.items()]
  if not study.single:
    for method, view in study.methods.items():
      groups = list(scores.setting_groups(view).values())
      own = [scores.seed_share(view.values(key), groups) for key in study.keys]
      rows.append(
        [text(f'seed, within {method}'), *(number(s, 2) for s in own)]
      )
  head = ['', *(text(short(key)) for key in study.keys)]
  return markup.figure(
    tag('div', chart.render(), class_='scroll') + markup.table(head, rows),
    'Shares of the variance of each score over all members (eta squared): '
    f'between {" and ".join(found)}. A share of the seed near 1 says that luck '
    'decides, not the setting.',
  )


def lines(study: Study) -> list[svg.Mark]:
  """How the means over seeds of each method are drawn."""
  if study.single:
    return [svg.Mark(view_lib.NEUTRAL, 'mean over seeds')]
  return [
    svg.Mark(colour, f'{words}, mean over seeds')
    for colour, words in study.everyone.legend
  ]


def against(study: Study, pairs: list[tuple[str, str]]) -> str:
  """Panels of one score against another, a line a method."""
  views = list(study.methods.values())
  charts = [relations.panel(views, x, y, lines=lines(study)) for x, y in pairs]
  return markup.figure(
    legend(study) + tag('div', *charts, class_='panels'),
    'A point a member; the lines run through the means over the seeds of each '
    'setting.',
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
  keys = [
    *study.keys,
    *sorted(k for k in known if k.endswith('_mss')),
  ]
  return ''.join(
    markup.figure(
      legend(study)
      + tag(
        'div',
        *(
          relations.panel(views, name, key, hparam=True, lines=lines(study))
          for key in keys
        ),
        class_='panels',
      ),
      f'Against {text(name)}: a point a member, the lines their means.',
    )
    for name in shared
  )
