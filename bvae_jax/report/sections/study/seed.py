"""How much of the scores' variance the seed alone accounts for."""

import numpy as np

from bvae_jax.evaluation import statistics
from bvae_jax.report import charts, markup, names, page
from bvae_jax.report.markup import number
from bvae_jax.report.sections import panels
from bvae_jax.report.study_view import Study


def variance_shares(study: Study) -> dict[str, list[float]]:
  """Shares of each score's variance over all members; they add up to 1."""
  settings = [column.places for column in study.columns]
  methods = [
    sorted(m for c in study.columns if c.method == method for m in c.places)
    for method in study.methods
  ]
  found = [study.everyone.values(key) for key in study.everyone.keys]
  seed = [statistics.seed_share(v, settings) for v in found]
  within = [statistics.seed_share(v, methods) for v in found]
  hparam = [a - b for a, b in zip(within, seed)]
  parts = {} if study.single else {'method': [1.0 - a for a in within]}
  return parts | {'hyperparameter': hparam, 'seed': seed}


def told(study: Study) -> str:
  """How much of the ranking score's variance is the seed's, in a sentence."""
  key = study.everyone.criterion
  if key not in study.everyone.keys or not _several(study):
    return ''
  share = variance_shares(study)['seed'][study.everyone.keys.index(key)]
  if not np.isfinite(share):
    return ''
  alike = panels.alike_share([c.places for c in study.columns])
  return (
    f'Of the variance of {names.name(key)} over all models, '
    f'{100 * share:.0f} % is due to the seed alone; were all settings alike, '
    f'about {100 * alike:.0f} % would be.'
  )


def _several(study: Study) -> bool:
  """Whether there are several settings, and several seeds of one."""
  sizes = [len(column.places) for column in study.columns]
  return len(sizes) > 1 and max(sizes) > 1


def section(study: Study) -> page.Section:
  """The shares of method, hyperparameter and seed."""
  title = 'The share of the seed'
  if not _several(study):
    return page.section(title)
  keys = study.everyone.keys
  found = variance_shares(study)
  settings = [column.places for column in study.columns]
  several = {k: v for k, v in study.methods.items() if len(v.settings) > 1}
  if not several:
    del found['hyperparameter']
  seed = [
    {'name': names.short(key), 'value': charts.rounded(share)}
    for key, share in zip(keys, found['seed'])
  ]
  rows = [[part, *(number(s, 2) for s in v)] for part, v in found.items()]
  alike = {}
  for method, view in several.items() if not study.single else ():
    groups = [*view.settings.values()]
    alike[number(panels.alike_share(groups), 2)] = method
    own = [statistics.seed_share(view.values(key), groups) for key in keys]
    rows.append([f'seed, within {method}', *(number(s, 2) for s in own)])
  within = f'; within a method, about {" or ".join(alike)}' if alike else ''
  label = 'Share of the variance that is due to the seed'
  figure = markup.panels(
    [charts.bars(seed, title=label, limit=1.0)],
    'Shares of the variance of each score over all members (eta squared), by '
    f'{", ".join(found)}. That of the seed is '
    f'{panels.by_chance(settings)}{within}.',
    above=markup.table(['', *map(names.short, keys)], rows),
    kind='whole',
  )
  return page.section(title, figure)
