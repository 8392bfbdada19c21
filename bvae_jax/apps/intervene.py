"""Interventions on factors and on latents (`effects`), told on a page."""

import numpy as np

from bvae_jax.apps import charts, coders, effects
from bvae_jax.apps.options import Options, called, doubts
from bvae_jax.apps.section import Section, Table
from bvae_jax.evaluation import inference, statistics
from bvae_jax.report.markup import count


def run(options: Options) -> Section:
  """Both directions for all members, the graph, and the structural report."""
  models, dataset = options.load()
  names = dataset.factor_names
  measure = coders.unit(models[0])
  least = f'{coders.IDLE} {measure}'
  drawn = 'render' if dataset.is_grid else 'observed image'
  every = [effects.on_factors(m, dataset, options.key) for m in models]
  reverse = [effects.on_latents(m, dataset, options.key) for m in models]
  structure = [effects.report(one, names, options.threshold) for one in every]
  first, latents = every[0], [f'z{d}' for d in range(models[0].num_latents)]
  order = np.argsort(-first.carried)
  ordered = [latents[d] for d in order]
  live = order[first.carried[order] >= coders.IDLE]
  active = [latents[d] for d in live]
  shown = called(models[0])
  files = {
    'intervene_factors.svg': charts.heat_map(
      first.total[:, live].T, active, names,
      f'Share of a latent that answers to a factor ({shown})',
    ),
    'intervene_latents.svg': charts.heat_map(
      reverse[0][live], active, names,
      f'A latent moves by two deviations: factors move by ({shown})',
    ),
    'intervene_graph.svg': charts.graph(
      (first.total * (first.carried >= coders.IDLE))[:, order], names, ordered,
      options.threshold,
      f'Edges from a share of {options.threshold} on ({shown})',
    ),
  }  # fmt: skip
  captions = (
    f'Rows are latents of {least} or more, what carries most first.',
    f'The same the other way: the decoder draws, the nearest {drawn} tells the '
    'factors. Shares of each factor’s range; of a categorical one, how often '
    'it changed.',
    f'Edges: the latent has {least} or more, and the share is at '
    f'least {options.threshold}. Idle latents have no edge.',
  )
  score = inference.estimate('irs', map(_weighted_irs, every))
  largest = statistics.estimates(
    [[row['largest'] for row in rows] for rows in structure], statistics.SHARE
  )
  answered = [
    statistics.estimate(
      [len(r[k]['answers']) for r in structure], (0, len(latents))
    )
    for k in range(len(names))
  ]
  lost = [n for n, e in zip(names, largest) if e.mean < 0.5]
  overall = Table(
    'By factor, over the members: the largest share of any latent, and how '
    f'many latents answer: with a share of {options.threshold} or more',
    ('factor', 'largest share', 'latents that answer'),
    tuple((n, str(e), str(c)) for n, e, c in zip(names, largest, answered)),
  )
  parts = tuple(
    (f'{m.member}', row['factor'], _names(row['answers']),
     _names(row['stays']), _names(row['shared']))
    for m, rows in zip(models, structure) for row in rows
  )  # fmt: skip
  detail = Table(
    'Which mechanisms stay put under which intervention',
    ('member', 'moved', 'answer', 'stay put', 'answer to others too'),
    parts,
  )
  irs_rows = tuple(
    (f'{m.member}', f'z{d}', names[one.owner[d]], f'{one.irs[d]:.3f}',
     f'{one.carried[d]:.2f}')
    for m, one in zip(models, every)
    for d in np.argsort(-one.carried) if one.carried[d] >= coders.IDLE
  )  # fmt: skip
  irs_table = Table(
    'IRS by latent', ('member', 'latent', 'follows', 'IRS', measure), irs_rows
  )
  notes = [
    f'IRS over the active latents, weighted by what they carry: {score}.'
    if np.isfinite(score.mean)
    else f'No latent has {least}: nothing answers, and no IRS.',
    f'The reverse direction trusts the nearest {drawn}: a blurred image that '
    'is like none is given the least bad one.',
  ]
  if not dataset.is_grid:
    off = zip(names, effects.judge_error(dataset, options.key))
    notes[-1] += (
      ' On real images it errs by '
      f'{", ".join(f"{name} {share:.3f}" for name, share in off)}.'
    )
    notes.append(
      'The factors are no grid: an image nearest in all other factors stands '
      'for one with the factor drawn anew. The two are '
      f'{first.apart:.3f} of a range apart in those (worst factor); '
      f'{_residual(every):.2f} of the active latents moves while all factors '
      'stay, and is taken off.'
    )
  if lost:
    notes.insert(
      0, f'No latent follows {", ".join(lost)} alone (largest share below 0.5).'
    )
  return Section(
    'intervene',
    'Interventions',
    f'One true factor is drawn anew in {effects.pairs(dataset):,} images and '
    'every latent is watched; then each latent moves and the factors are. '
    f'{count(len(models), "member")}.',
    {
      'irs': score._asdict(),
      'largest_share': {n: e._asdict() for n, e in zip(names, largest)},
      'members': [one._asdict() for one in every],
      'reverse': reverse,
      'structure': structure,
      'threshold': options.threshold,
    },
    (overall, detail, irs_table),
    files,
    dict(zip(files, captions)),
    (*notes, *doubts(models)),
  )


def _weighted_irs(found: effects.Interventions) -> float:
  weight = np.where(found.carried >= coders.IDLE, found.carried, 0.0)
  return float(weight @ found.irs / weight.sum()) if weight.any() else np.nan


def _residual(every: list[effects.Interventions]) -> float:
  """The mean share of an active latent that moves while all factors stay.

  Over members, those without an active latent left out; 0 where none has one.
  """
  active = [one.residual[one.carried >= coders.IDLE] for one in every]
  means = [shares.mean() for shares in active if shares.size]
  return float(np.mean(means)) if means else 0.0


def _names(latents: list[int]) -> str:
  return ', '.join(f'z{d}' for d in latents) or '–'
