"""Scores of the members: means, strips, a row a member, floors."""

import numpy as np
from markupsafe import Markup

from bvae_jax import losses
from bvae_jax.evaluation import statistics
from bvae_jax.evaluation.records import OK, Member
from bvae_jax.report import charts, markup, names, page
from bvae_jax.report.markup import count, number
from bvae_jax.report.sections import panels
from bvae_jax.report.view import View


def _settings(view: View) -> Markup:
  """Mean ± std over seeds at each setting, and the seeds' share of variance."""
  columns = [(v, markup.digits(v)) for v in map(view.values, view.keys)]
  rows = [
    [
      view.words[setting],
      len(chosen),
      *(markup.spread(v[chosen], places) for v, places in columns),
    ]
    for setting, chosen in view.settings.items()
  ]
  caption = 'Scores at each setting, mean ± std over its seeds.'
  caption += panels.left_out([view])
  groups = [*view.settings.values()]
  if max(map(len, groups)) > 1 and len(groups) > 1:
    shares = [statistics.seed_share(v, groups) for v, _ in columns]
    rows.append(['share of the seed', '', *(number(s, 2) for s in shares)])
    caption += (
      ' The last row is the share of the variance over all members that lies '
      f'between seeds of one setting: {panels.by_chance(groups)}.'
    )
  head = ['', 'members', *map(names.name, view.keys)]
  return markup.figure(
    markup.table(head, rows), caption + names.directions(view.keys)
  )


def _summary(view: View) -> Markup:
  """Mean, deviation and extremes of each main score, of several members."""
  if view.single:
    return Markup()
  if view.swept:  # settings are not pooled
    return _settings(view)
  rows = []
  for key in view.keys:
    found = view.known(key)
    places = markup.digits(found)
    cells = [
      number(float(reduce(found)) if len(found) else None, places)
      for reduce in (np.median, np.min, np.max)
    ]
    rows.append([names.name(key), markup.spread(found, places), *cells])
  healthy = int(view.healthy.sum())
  left_out = len(view.entries) - healthy
  return markup.figure(
    markup.table(['', 'mean ± std', 'median', 'min', 'max'], rows),
    f'Over {count(healthy, "member")}; std is that of the sample'
    + (f'; {count(left_out, "stopped member")} left out.' if left_out else '.')
    + names.directions(view.keys),
  )


def _strips(view: View) -> Markup:
  """A strip a score; those in [0, 1] on the whole of that range."""
  if view.single:
    return Markup()
  strips = []
  for key in view.keys:
    values = view.values(key)
    finite = values[np.isfinite(values)]
    unit = key in view.scores and np.all((finite >= 0) & (finite <= 1))
    strips.append(
      charts.strip(
        [view.row(m, value=v) for m, v in enumerate(values)],
        title=names.name(key),
        colours=view.colours,
        span=(-0.02, 1.02) if unit else None,
        legend=False,
      )
    )
  return markup.panels(
    strips,
    'Scores of all members, a point each; the upright line is their median'
    + ('. ' if view.healthy.all() else ', without those that stopped. ')
    + 'Height only keeps points apart. A click on a point or a key singles it '
    'out.',
    above=panels.legend(view),
  )


def _status(entry: Member) -> str:
  if not entry.ok:
    return f'{entry.status}, step {entry.steps:,}'
  return entry.outcome


def _members(view: View) -> Markup:
  """A row a member: who it is and how it did."""
  columns = {key: view.values(key) for key in view.keys}
  places = {key: markup.digits(values) for key, values in columns.items()}
  cell = lambda key, m: markup.with_error(
    columns[key][m], view.entries[m].errors.get(key), places[key]
  )
  rows, classes = [], []
  for m, (entry, mark) in enumerate(zip(view.entries, view.marks)):
    status = _status(entry)
    rows.append(
      [
        markup.key(mark.colour, str(entry.seed), [mark.label], mark.role),
        *(f'{entry.hparams[k]:g}' for k in view.swept),
        *(cell(key, m) for key in view.bounds),
        entry.active_latents,
        *(cell(key, m) for key in view.scores),
        status + (f' ({mark.role})' if mark.role else ''),
      ]
    )
    classes.append('' if status == OK else 'bad')
  caption = Markup(
    f'{"The only member" if view.single else f"All {len(rows):,} members"}. '
    'Bounds in nats an image on a fixed sample; <em>active</em> '
    f'counts the latents that carry more than {losses.COLLAPSED:g} '
    f'{view.measure}.'
  )
  if view.components:
    caption += f' Scored: white {view.components} of the codes.'
  resamples = view.config['evaluation']['num_resamples']
  if resamples:
    caption += f' ± is the standard error over {resamples} resamples.'
  if not view.single:
    criterion = names.name(view.criterion)
    caption += f' Pictures show the best and the median member by {criterion}.'
  head = ['seed', *view.swept, *map(names.short, view.bounds), 'active']
  head += [*map(names.name, view.scores), 'status']
  return markup.figure(markup.table(head, rows, classes), caption)


def _floors(view: View) -> Markup:
  """What representations that nobody trained score, below the members."""
  if not view.results.floors:
    return Markup()
  columns = {key: view.values(key) for key in view.scores}
  places = {key: markup.digits(values) for key, values in columns.items()}
  medians = {
    key: float(np.nanmedian(values[view.healthy]))
    for key, values in columns.items()
  }
  rows = [
    [name, *(number(found.get(key), places[key]) for key in view.scores)]
    for name, found in {
      'members, median': medians,
      **view.results.floors,
    }.items()
  ]
  return markup.figure(
    markup.table(['', *map(names.name, view.scores)], rows),
    'Floors: the same metrics of representations that nobody trained. Random '
    'codes know nothing of the images; the encoder is that of the first seed '
    'before its first step; the components of pixels are linear.',
  )


def _every_score(view: View) -> Markup:
  """All figures of all metrics, folded."""
  keys = list(dict.fromkeys(k for e in view.entries for k in e.metrics))
  keys = [k for k in keys if not any(o.startswith(k + '/') for o in keys)]
  if not keys:
    return Markup()
  columns = [(c, markup.digits(c)) for c in map(view.values, keys)]
  rows = [
    [label, *(number(c[m], places) for c, places in columns)]
    for m, label in enumerate(view.labels)
  ]
  # A flat name may be broken after each slash.
  heads = [key.replace('_', ' ').replace('/', '/\u200b') for key in keys]
  inner = markup.table(['', *heads], rows)
  return markup.element('fold', 'Every figure of every metric', inner)


def section(view: View) -> page.Section:
  """How the members did."""
  parts = (_summary, _strips, _members, _floors, _every_score)
  return page.section('Scores', *(part(view) for part in parts))
