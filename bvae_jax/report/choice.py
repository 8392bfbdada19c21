"""Choice of a model without labels: what UDR picks, and how good that is."""

import numpy as np

from bvae_jax.report import comparisons, markup, scores
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
    own = [scores.spearman(udr, view.values(key)) for key in keys]
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
