"""Choice of a model without labels by UDR, and of each method's setting."""

import numpy as np

from bvae_jax.evaluation import selection, statistics
from bvae_jax.report import comparisons, markup, scores
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number, text
from bvae_jax.report.study_view import Study


def choice(study: Study) -> str:
  """What UDR, which needs no factors, would have chosen."""
  everyone = study.everyone
  if 'udr' not in everyone.scores:
    return ''
  keys = [key for key in study.keys if key != 'udr']
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
      known = values[view.healthy & np.isfinite(values)]
      places = markup.digits(known)
      median = float(np.median(known)) if len(known) else float('nan')
      cells.append(
        f'{number(float(values[m]), places)} ({number(median, places)})'
      )
    chosen.append(
      [
        text(method),
        text(view.labels[m].removeprefix(f'{method} ')),
        number(float(udr[m]), 2),
        *cells,
      ]
    )
    own = [statistics.spearman(udr, view.values(key)) for key in keys]
    ranks.append([text(method), *(number(r, 2) for r in own)])
  names = [text(comparisons.short(key)) for key in keys]
  return (
    markup.figure(
      markup.table(['', 'chosen', 'UDR', *names], chosen),
      'The member that UDR chooses, its scores, and in brackets the median of '
      'those that it chose from. UDR compares the seeds of one setting and '
      'sees no factors.',
    )
    + markup.figure(
      markup.table(['', *names], ranks),
      'Rank correlation (Spearman) of UDR with each score.',
    )
    + comparisons.against(
      study, [('udr', key) for key in everyone.scores if key != 'udr']
    )
  )


def _words(view: view_lib.View, setting: selection.Setting) -> str:
  """A setting as `kl_weight 30, capacity 6`."""
  values = tuple(setting.hparams[name] for name in view.swept)
  return text(scores.setting_label(view, values))


def _medians(study: Study) -> str:
  """A row a setting, the chosen one of each method in bold."""
  places = [markup.digits(study.everyone.values(key)) for key in study.keys]
  rows = []
  for method, view in study.methods.items():
    chosen = selection.choose(view.entries)
    for setting in selection.settings(view.entries):
      words = _words(view, setting)
      medians = map(setting.median, study.keys)
      rows.append(
        [
          text(method),
          markup.element('strong', words) if setting == chosen else words,
          *(
            markup.MISSING if v is None else number(v, n)
            for v, n in zip(medians, places)
          ),
        ]
      )
  names = [text(view_lib.name(key)) for key in study.keys]
  return markup.table(['', 'setting', *names], rows)


def _by_each_score(study: Study) -> str:
  """A row a method: what each score would choose."""
  keys = study.everyone.scores
  rows = []
  for method, view in study.methods.items():
    cells = []
    for key in keys:
      chosen = selection.choose(view.entries, key)
      value = chosen and chosen.median(selection.RULE)
      cells.append(
        markup.MISSING
        if chosen is None or value is None
        else f'{_words(view, chosen)} ({number(value, 2)})'
      )
    rows.append([text(method), *cells])
  names = [text(comparisons.short(key)) for key in keys]
  return markup.table(['', *names], rows)


def settings(study: Study) -> str:
  """The setting of each method that `selection.choose` takes."""
  rule = text(comparisons.short(selection.RULE))
  return markup.figure(
    _medians(study),
    f'Every setting, medians over its seeds. In bold that of each method with '
    f'the highest {rule}: these seeds made it the choice, so that others must '
    'judge it.',
  ) + markup.figure(
    _by_each_score(study),
    f'What each score would choose, and in brackets its {rule}.',
  )
