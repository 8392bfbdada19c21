"""Scores of the members: means, tables, strips, settings, rank correlations."""

import numpy as np

from bvae_jax import losses
from bvae_jax.evaluation import statistics
from bvae_jax.evaluation.results import Member
from bvae_jax.report import charts, markup
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import count, number, text


def keys(view: view_lib.View, *more: str) -> str:
  """The groups of a view, each a button that singles it out."""
  groups = [
    markup.key(colour, words, [m.label for m in view.marks if m.group == words])
    for colour, words in view.legend
  ]
  return markup.element('legend', [*groups, *more])


def legend(view: view_lib.View) -> str:
  """Which colour is whose; nothing for a single member."""
  if len(view.entries) == 1:
    return ''
  roles = [
    markup.key(mark.colour, f'{role}: {mark.label}', [mark.label], role)
    for role, mark in ((r, view.marks[m]) for r, m in view.shown.items())
  ]
  return keys(view, *roles)


def spread(values: np.ndarray, places: int) -> str:
  """Mean ± the sample's standard deviation of the finite values, as text."""
  values = values[np.isfinite(values)]
  if not len(values):
    return markup.MISSING
  mean = number(float(values.mean()), places)
  if len(values) == 1:
    return mean
  return f'{mean} ± {number(float(values.std(ddof=1)), places)}'


def summary(view: view_lib.View) -> str:
  """Mean, deviation and extremes of each main score, of several members."""
  if len(view.entries) == 1:
    return ''
  healthy = view.healthy
  rows = []
  for key in (*view.scores, *view.bounds):
    values = view.values(key)[healthy]
    found = values[np.isfinite(values)]
    places = markup.digits(found)
    cells = [
      number(float(reduce(found)), places) if len(found) else markup.MISSING
      for reduce in (np.median, np.min, np.max)
    ]
    rows.append([text(view_lib.name(key)), spread(values, places), *cells])
  left_out = len(healthy) - int(healthy.sum())
  return markup.figure(
    markup.table(['', 'mean ± std', 'median', 'min', 'max'], rows),
    f'Over {count(int(healthy.sum()), "member")}; std is that of the sample'
    + (f'; {count(left_out, "stopped member")} left out.' if left_out else '.'),
  )


def _status(entry: Member) -> str:
  if entry['status'] != 'ok':
    return f'{entry["status"]}, step {entry["steps"]:,}'
  return 'collapsed' if entry['active_latents'] == 0 else 'ok'


def _with_error(view: view_lib.View, m: int, key: str, places: int) -> str:
  """A member's score, and its standard error where it has one."""
  shown = number(float(view.values(key)[m]), places)
  error = view.entries[m].errors.get(key)
  return shown if error is None else f'{shown} ± {number(error, places)}'


def members(view: view_lib.View) -> str:
  """A row a member: who it is and how it did."""
  columns = [*view.bounds, *view.scores]
  places = {key: markup.digits(view.values(key)) for key in columns}
  head = ['seed', *view.swept, *view.bounds, 'active']
  head += [view_lib.name(s) for s in view.scores] + ['status']
  rows, classes = [], []
  for m, entry in enumerate(view.entries):
    value = lambda key, m=m: number(float(view.values(key)[m]), places[key])
    status = _status(entry)
    colour, label, role, _ = view.marks[m]
    rows.append(
      [
        markup.key(colour, str(entry['seed']), [label], role),
        *(f'{entry["hparams"][k]:g}' for k in view.swept),
        *(value(k) for k in view.bounds),
        text(entry['active_latents']),
        *(_with_error(view, m, s, places[s]) for s in view.scores),
        text(status + (f' ({role})' if role else '')),
      ]
    )
    classes.append('' if status == 'ok' else 'bad')
  caption = (
    'All members. Bounds in nats an image on a fixed sample; <em>active</em> '
    f'counts the latents that carry more than {losses.COLLAPSED:g} '
    f'{view.measure}.'
  )
  if view.components:
    caption += f' Scored: white {view.components} of the codes.'
  resamples = view.config['evaluation']['num_resamples']
  if resamples:
    caption += f' ± is the standard error over {resamples} resamples.'
  if len(view.entries) > 1:
    criterion = text(view_lib.name(view.criterion))
    caption += f' Pictures show the best and the median member by {criterion}.'
  table = markup.table([text(h) for h in head], rows, classes)
  return markup.figure(table, caption)


def floors(view: view_lib.View) -> str:
  """What representations that nobody trained score, below the members."""
  if not view.results.floors:
    return ''
  keys = view.scores
  places = {key: markup.digits(view.values(key)) for key in keys}
  median = lambda key: float(np.nanmedian(view.values(key)[view.healthy]))
  rows = [['members, median', *(number(median(k), places[k]) for k in keys)]]
  for name, found in view.results.floors.items():
    values = [(found.get(key), places[key]) for key in keys]
    shown = [number(float('nan' if v is None else v), n) for v, n in values]
    rows.append([text(name), *shown])
  return markup.figure(
    markup.table(['', *(text(view_lib.name(key)) for key in keys)], rows),
    'Floors: the same metrics of representations that nobody trained. Random '
    'codes know nothing of the images; the encoder is that of the first seed '
    'before its first step; the components of pixels are linear.',
  )


def every_score(view: view_lib.View) -> str:
  """All figures of all metrics, folded."""
  keys = list(dict.fromkeys(k for e in view.entries for k in e['metrics']))
  keys = [k for k in keys if not any(o.startswith(k + '/') for o in keys)]
  if not keys:
    return ''
  columns = [(c, markup.digits(c)) for c in map(view.values, keys)]
  rows = [
    [text(label), *(number(float(c[m]), places) for c, places in columns)]
    for m, label in enumerate(view.labels)
  ]
  inner = markup.table(['', *(text(k.replace('_', ' ')) for k in keys)], rows)
  return markup.element('fold', 'Every figure of every metric', inner)


def strips(view: view_lib.View) -> str:
  """A strip a score; those in [0, 1] on the whole of that range."""
  if len(view.entries) == 1:
    return ''
  strips = []
  for key in (*view.scores, *view.bounds):
    values = view.values(key)
    finite = values[np.isfinite(values)]
    unit = key in view.scores and np.all((finite >= 0) & (finite <= 1))
    strips.append(
      charts.strip(
        [view.row(m, value=charts.rounded(v)) for m, v in enumerate(values)],
        title=view_lib.name(key),
        colours=view.colours,
        span=(-0.02, 1.02) if unit else None,
        legend=False,
      )
    )
  return markup.panels(
    strips,
    'Scores of all members, a point each; the upright line is their median. '
    'Height only keeps points apart. A click on a point or a key singles it '
    'out.',
    above=legend(view),
  )


def setting_groups(view: view_lib.View) -> dict[tuple[float, ...], list[int]]:
  """The healthy members at each setting of the swept hyperparameters."""
  setting = lambda m: tuple(view.entries[m]['hparams'][k] for k in view.swept)
  groups = {}
  for m in map(int, np.flatnonzero(view.healthy)):
    groups.setdefault(setting(m), []).append(m)
  return dict(sorted(groups.items()))


def setting_label(view: view_lib.View, setting: tuple[float, ...]) -> str:
  """A setting as text: `beta 4`."""
  return ', '.join(f'{k} {v:g}' for k, v in zip(view.swept, setting))


def settings(view: view_lib.View) -> str:
  """Mean ± std over seeds at each setting, and the seeds' share of variance."""
  if not view.swept:
    return ''
  groups = setting_groups(view)
  keys = [*view.scores, *view.bounds]
  rows = [
    [
      text(setting_label(view, at)),
      str(len(chosen)),
      *(spread(v[chosen], markup.digits(v)) for v in map(view.values, keys)),
    ]
    for at, chosen in groups.items()
  ]
  caption = 'Scores at each setting, mean ± std over its seeds.'
  if max(map(len, groups.values())) > 1:
    shares = [
      statistics.seed_share(view.values(k), list(groups.values())) for k in keys
    ]
    rows.append(['share of the seed', '', *(number(s, 2) for s in shares)])
    caption += (
      ' The last row is the share of the variance over all members that lies '
      'between seeds of one setting: 1 where the setting explains nothing.'
    )
  head = ['', 'members', *(text(view_lib.name(k)) for k in keys)]
  return markup.figure(markup.table(head, rows), caption)


def correlations(view: view_lib.View) -> str:
  """Spearman correlation of all pairs of scores, from four members on."""
  healthy = view.healthy
  if healthy.sum() < 4:
    return ''
  keys = [*view.scores, *view.bounds]
  found = [view.values(k)[healthy] for k in keys]
  rows = [
    {
      'row': f'{i} {view_lib.name(key)}',
      'column': str(j),
      'value': charts.rounded(statistics.spearman(a, b)),
    }
    for i, (key, a) in enumerate(zip(keys, found), 1)
    for j, b in enumerate(found, 1)
  ]
  return markup.panels(
    [charts.heat_map(rows, title='Rank correlation', limit=1.0)],
    'Spearman correlation of the scores over '
    f'{count(int(healthy.sum()), "member")}; columns are numbered as the rows. '
    'Blue: they rank members alike; orange: the other way round.',
    kind='scroll',
  )
