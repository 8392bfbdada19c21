"""Move one true factor and watch every latent, and the reverse.

The share of latent d that answers to factor k is its total effect

  T[k, d] = E[(z_d(f) - z_d(f'))^2] / (2 Var z_d),

where f' is f with factor k drawn anew (Sobol's total index, by Jansen 1999):
0 where the latent ignores the factor, 1 where it follows it alone. Of a perfect
encoder, T is a permutation. What all factors claim beyond 1 is interaction.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, metrics
from bvae_jax.apps import charts, coders, renders
from bvae_jax.apps.options import Options
from bvae_jax.apps.section import Section, Table
from bvae_jax.evaluation import statistics

_POINTS = 2000  # pairs of images an intervention


class Interventions(NamedTuple):
  """What one member's latents do when the world moves.

  Attributes:
    total: T [K, D]; 0 for a latent that is constant.
    irs: of each latent [D]: how still it stays while all factors but its own
      move (Suter et al. 2019, arXiv:1811.00007).
    owner: the factor that each latent answers to most, int [D].
    kl: mean of each latent [D], nats.
    deviation: of each latent [D].
  """

  total: np.ndarray
  irs: np.ndarray
  owner: np.ndarray
  kl: np.ndarray
  deviation: np.ndarray


def on_factors(
  coder: coders.Coder,
  dataset: data.Dataset,
  key: jax.Array,
  num_points: int = _POINTS,
) -> Interventions:
  """Draws each factor anew in turn, and encodes both worlds.

  Raises:
    ValueError: the data set is no grid.
  """
  sizes = dataset.require_grid('intervene').sizes
  key, own = jax.random.split(key)
  index = data.sample_index(own, num_points, dataset.num_images)
  factors = np.asarray(dataset.labels(index))
  mean, logvar = (np.asarray(x) for x in coder.encode(dataset.images(index)))
  variance = mean.var(0)
  alive = variance > 1e-12
  total = []
  for k, size in enumerate(sizes):
    key, own = jax.random.split(key)
    other = factors.copy()
    other[:, k] = np.asarray(jax.random.randint(own, (num_points,), 0, size))
    moved = dataset.images(data.factors_to_index(jnp.asarray(other), sizes))
    gap = (np.asarray(coder.encode(moved)[0]) - mean) ** 2
    total.append(gap.mean(0) / np.where(alive, 2 * variance, 1) * alive)
  total = np.stack(total)
  by_latent = np.asarray(
    metrics.irs_matrix(jnp.asarray(mean), jnp.asarray(factors))
  ).max(1)
  return Interventions(
    total, by_latent, total.argmax(0), coders.kl(mean, logvar).mean(0),
    coders.deviations(mean),
  )  # fmt: skip


def on_latents(
  coder: coders.Coder,
  dataset: data.Dataset,
  key: jax.Array,
  num_images: int = 64,
  size: float = 2.0,
) -> np.ndarray:
  """How far each factor moves when a latent does: [D, K], shares of the range.

  The latent moves by `size` deviations towards its mean and past it; factors
  are those of the nearest render, before (of the reconstruction) and after.

  Raises:
    ValueError: the data set is no grid.
  """
  grid = dataset.require_grid('intervene')
  index = data.sample_index(key, num_images, dataset.num_images)
  images, factors = dataset.images(index), np.asarray(dataset.labels(index))
  mean = np.asarray(coder.encode(images)[0], np.float64)
  middle, spread = mean.mean(0), coders.deviations(mean)
  found = functools.partial(renders.nearest, dataset)
  before, _ = found(np.asarray(coder.decode(mean)), factors[None])
  moves = []
  for d in range(coder.num_latents):
    z = mean.copy()
    away = np.where(z[:, d] > middle[d], -1.0, 1.0)
    z[:, d] += size * spread[d] * away
    after, _ = found(np.asarray(coder.decode(z)), before[None])
    moves.append(renders.change(before, after, grid.factors).mean(0))
  return np.stack(moves)


def report(
  found: Interventions, names: tuple[str, ...], threshold: float
) -> list[dict[str, Any]]:
  """By factor: which latents answer to it, and which stay put.

  Args:
    found: of one member.
    names: of the factors.
    threshold: share of its variance from which on a latent answers.
  """
  active = found.kl >= coders.IDLE
  rows = []
  for k, name in enumerate(names):
    answers = (found.total[k] >= threshold) & active
    others = np.delete(found.total, k, 0) >= threshold
    shared = answers & others.any(0)
    rows.append(
      {
        'factor': name,
        'answers': np.flatnonzero(answers).tolist(),
        'stays': np.flatnonzero(active & ~answers).tolist(),
        'shared': np.flatnonzero(shared).tolist(),
        'largest': float(np.where(active, found.total[k], 0).max(initial=0)),
      }
    )
  return rows


def run(options: Options) -> Section:
  """Both directions for all members, the graph, and the structural report."""
  models, dataset = options.load()
  dataset.require_grid('intervene')
  names = dataset.factor_names
  every = [on_factors(m, dataset, options.key) for m in models]
  reverse = [on_latents(m, dataset, options.key) for m in models]
  structure = [report(one, names, options.threshold) for one in every]
  first, latents = every[0], [f'z{d}' for d in range(models[0].num_latents)]
  order = np.argsort(-first.kl)
  ordered = [latents[d] for d in order]
  live = order[first.kl[order] >= coders.IDLE]
  active = [latents[d] for d in live]
  shown = f'member {models[0].member}, seed {models[0].seed}'
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
      (first.total * (first.kl >= coders.IDLE))[:, order], names, ordered,
      options.threshold, f'Edges from a share of {options.threshold} on',
    ),
  }  # fmt: skip
  captions = (
    f'Rows are latents by falling KL, those of {coders.IDLE} nats or more.',
    'The same the other way: the decoder draws, the nearest render tells the '
    'factors. Shares of each factor’s range; of a categorical one, how often '
    'it changed.',
    f'Edges: the latent has {coders.IDLE} nats or more, and the share is at '
    f'least {options.threshold}. Idle latents have no edge.',
  )
  score = statistics.estimate(_weighted_irs(one) for one in every)
  largest = statistics.estimates(
    [[row['largest'] for row in rows] for rows in structure]
  )
  answered = [statistics.estimate([len(r[k]['answers']) for r in structure])
              for k in range(len(names))]  # fmt: skip
  lost = [n for n, e in zip(names, largest) if e.mean < 0.5]
  overall = Table(
    'By factor, over the members: the largest share of any latent, and how '
    'many latents answer',
    ('factor', 'largest share', 'latents that answer'),
    tuple(
      (n, str(e), str(c)) for n, e, c in zip(names, largest, answered)
    ),
  )  # fmt: skip
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
     f'{one.kl[d]:.2f}')
    for m, one in zip(models, every)
    for d in np.argsort(-one.kl) if one.kl[d] >= coders.IDLE
  )  # fmt: skip
  irs_table = Table(
    'IRS by latent', ('member', 'latent', 'follows', 'IRS', 'KL'), irs_rows
  )
  notes = [
    f'IRS over the active latents, weighted by their KL: {score}.',
    'The reverse direction trusts the nearest render: a blurred image that is '
    'like no render is given the least bad one.',
  ]
  if lost:
    notes.insert(
      0, f'No latent follows {", ".join(lost)} alone (largest share below 0.5).'
    )
  return Section(
    'intervene',
    'Interventions',
    f'One true factor is drawn anew in {_POINTS} images and every latent is '
    f'watched; then each latent moves and the factors are. {len(models)} '
    'members.',
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
    tuple(notes),
  )


def _weighted_irs(found: Interventions) -> float:
  weight = np.where(found.kl >= coders.IDLE, found.kl, 0.0)
  return float(weight @ found.irs / weight.sum()) if weight.any() else np.nan


def _names(latents: list[int]) -> str:
  return ', '.join(f'z{d}' for d in latents) or '–'
