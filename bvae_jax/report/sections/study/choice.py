"""Choice of a model without labels by UDR, and of each method's setting."""

import numpy as np
from markupsafe import Markup

from bvae_jax.evaluation import selection, statistics
from bvae_jax.evaluation.results import UNRANKED
from bvae_jax.report import markup, names, page
from bvae_jax.report.markup import number
from bvae_jax.report.sections.study import trade_offs
from bvae_jax.report.study_view import Study


def by_udr(study: Study) -> page.Section:
  """What UDR, which needs no factors, would have chosen."""
  title, everyone = 'Choice by UDR', study.everyone
  if 'udr' not in everyone.scores:
    return page.section(title)
  keys = [key for key in everyone.keys if key != 'udr']
  chosen, ranks = [], []
  views = study.methods if study.single else study.methods | {'all': everyone}
  for method, view in views.items():
    udr = np.where(view.healthy, view.values('udr'), np.nan)
    if not np.isfinite(udr).any():
      continue
    m = int(np.nanargmax(udr))
    cells = []
    for key in keys:
      values = view.values(key)
      known = values[np.isfinite(udr) & np.isfinite(values)]
      places = markup.digits(known)
      median = float(np.median(known)) if len(known) else None
      value = number(values[m], places)
      cells.append(f'{value} ({number(median, places)})')
    who = view.labels[m].removeprefix(f'{method} ')
    name = markup.element('cell', method, who)
    chosen.append([name, number(udr[m], 2), *cells])
    own = [statistics.spearman(udr, view.values(key)) for key in keys]
    if np.isfinite(own).any():
      both = np.isfinite(udr).sum()
      ranks.append([method, int(both), *(number(r, 2) for r in own)])
  heads = [*map(names.short, keys)]
  ranked = []
  if ranks:
    told = 'Rank correlation (Spearman) of UDR with each score.'
    ranked = [markup.figure(markup.table(['', 'members', *heads], ranks), told)]
  pairs = any(len(column.places) == 2 for column in study.columns)
  tied = (
    '; where they are two, both have the same, and chance takes one' * pairs
  )
  return page.section(
    title,
    markup.figure(
      markup.table(['chosen', 'UDR', *heads], chosen),
      'The member that UDR chooses, its scores, and in brackets the median of '
      'those that it chose from. UDR compares the seeds of one setting'
      f'{tied}. It sees no factors.{names.directions(keys)}',
    ),
    *ranked,
    trade_offs.against(
      study, [('udr', key) for key in everyone.scores if key != 'udr']
    ),
  )


def _medians(study: Study) -> Markup:
  """A row a setting, the chosen one of each method in bold."""
  keys = study.everyone.keys
  places = [markup.digits(study.everyone.values(key)) for key in keys]
  rows = []
  for method, view in study.methods.items():
    chosen = selection.choose(view.entries)
    for setting in selection.settings(view.entries):
      name = f'{method} {view.words_of(setting.hparams)}'
      if setting == chosen:
        name = markup.element('strong', name)
      medians = map(setting.median, keys)
      rows.append([name, *map(number, medians, places)])
  return markup.table(['', *map(names.name, keys)], rows)


def _by_each_score(study: Study) -> Markup:
  """A row a method: what each score would choose of which more is better."""
  keys = [key for key in study.everyone.scores if key not in UNRANKED]
  rows = []
  for method, view in study.methods.items():
    cells = []
    for key in keys:
      chosen = selection.choose(view.entries, key)
      value = chosen and chosen.median(selection.RULE)
      if chosen is None or value is None:
        cells.append(markup.MISSING)
      else:
        words = view.words_of(chosen.hparams)
        cells.append(markup.element('cell', words, number(value)))
    rows.append([method, *cells])
  return markup.table(['', *map(names.short, keys)], rows, kind='words')


def of_settings(study: Study) -> page.Section:
  """The setting of each method that `selection.choose` takes."""
  rule = names.short(selection.RULE)
  return page.section(
    'Choice of a setting',
    markup.figure(
      _medians(study),
      'Every setting, medians over its seeds. In bold that of each method with '
      f'the highest {rule}: these seeds made it the choice, so that others '
      f'must judge it.{names.directions(study.everyone.keys)}',
    ),
    markup.figure(
      _by_each_score(study),
      'The setting that each score would choose, and the median '
      f'{rule} of its seeds.',
    ),
  )
