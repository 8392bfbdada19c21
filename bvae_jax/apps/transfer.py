"""How many labels a task needs on codes, beside pixels, PCA and a network.

A linear classifier is fitted to 10, 100, 1000 labelled images: on posterior
means, on pixels, and on the principal components; beside them, the encoder is
trained anew on the labels alone. Then all are fitted to one half of a factor's
range and tested on the other (covariate shift).
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from bvae_jax import data
from bvae_jax.apps import charts, coders, groups, linear, probes, tasks
from bvae_jax.apps.options import Options, doubts
from bvae_jax.apps.section import Section, Table
from bvae_jax.evaluation import statistics
from bvae_jax.report.markup import count

_TEST = 2000  # images that are judged on
_NETWORK = 'network'


class Shift(NamedTuple):
  """Accuracies where training is on one half of a factor.

  Attributes:
    factor: whose values tell the halves apart.
    labels: labelled images that are trained on.
    images: of which they are drawn.
    accuracy: {method: on the same half, and on the other}.
  """

  factor: data.Factor
  labels: int
  images: int
  accuracy: dict[str, list[statistics.Estimate]]


def representations(
  members: tuple[coders.Coder, ...], pca: linear.Pca
) -> dict[str, list[Any]]:
  """{name: functions of images to rows}, one function a member."""
  code = lambda member: lambda x: np.asarray(member.encode(x)[0])
  return {
    'codes': [code(member) for member in members],
    'pixels': [lambda x: np.reshape(x, (len(x), -1))],
    'PCA': [code(pca)],
  }


def over_members(table: np.ndarray) -> statistics.Estimate:
  """Accuracy over members; of what has none, over the draws of labels."""
  values = table.mean(1) if len(table) > 1 else table[0]
  return statistics.estimate(values, statistics.SHARE)


def intervals(members: int, rows: str) -> str:
  """What the intervals of a table are over, where `rows` have members."""
  if members == 1:
    return 'Intervals: over draws.'
  return f'Intervals: over members for {rows}, over draws for the others.'


def compare(
  key: jax.Array,
  encoder: str,
  rows_of: dict[str, list[Any]],
  trains: list[coders.Sample],
  test: coders.Sample,
  goal: tasks.Task,
  rows: int,
) -> dict[str, statistics.Estimate]:
  """Every representation and the network on the same draws of labels."""
  found = {
    name: over_members(probes.scores(own, trains, test, goal))
    for name, own in rows_of.items()
  }
  trained = probes.network(key, encoder, trains, test, goal, rows)
  return {**found, _NETWORK: statistics.estimate(trained, statistics.SHARE)}


def run(options: Options) -> Section:
  """Sample-efficiency curves of the task, and the shift."""
  models, dataset = options.load()
  goals = [
    tasks.task(dataset, name, 'transfer')
    for name in ([options.target] if options.target else _two(dataset))
  ]
  told = tasks.labelled(dataset, [goal.place for goal in goals])
  num_test = min(_TEST, len(told) // 2)
  labels = [n for n in options.labels if n <= len(told) - num_test]
  if not labels:
    raise ValueError(
      f'--labels={options.labels[0]}: {dataset.name} has {len(told)} labelled '
      f'images, of which {num_test} are tested on; give fewer'
    )
  most = max(labels)
  num_pool = min(len(told), most * options.repeats * 3 + num_test)
  pool = coders.draw(dataset, options.key, num_pool, told)
  test = tasks.part(pool, np.arange(num_test))
  rest = tasks.part(pool, np.arange(num_test, num_pool))
  pca = linear.fit_pca(rest.images[:4000], models[0].num_latents)
  rows_of = representations(models, pca)
  encoder = models[0].config.encoder
  figures, files, shown, tables, notes = {}, {}, {}, [], []
  drawn = [(size, len(rest.index)) for size in labels]
  for goal in goals:
    name = goal.factor.name
    lines: dict[str, list[statistics.Estimate]] = {}
    enough = []
    for size in labels:
      repeats = tasks.num_draws(size, len(rest.index), options.repeats)
      draws = [_draw(options, rest, size, r) for r in range(repeats)]
      try:
        for one in draws:
          coders.require_classes(goal.labels(one), 'transfer')
      except ValueError as error:
        if size == most:
          raise
        notes.append(f'Of {name}, {size} labels are left out ({error}).')
        continue
      enough.append(size)
      each = compare(options.key, encoder, rows_of, draws, test, goal, most)
      for method, found in each.items():
        lines.setdefault(method, []).append(found)
    floor = float(np.bincount(goal.labels(test)).max() / num_test)
    shift = _shift(options, dataset, goal, rest, rows_of, encoder, most)
    drawn += [(shift.labels, shift.images)] if shift else []
    figures[name] = {
      'labels': enough,
      'accuracy': _plain(lines),
      'commonest_class': floor,
      'shift': shift
      and {
        'factor': shift.factor.name,
        'labels': shift.labels,
        'accuracy': _plain(shift.accuracy),
      },
    }
    tables += _tables(name, goal, enough, lines, shift)
    file = f'transfer_factor_{goal.place}.svg'  # a name may hold a slash
    files[file] = charts.curves(
      enough, lines, f'Accuracy of {name}', 'labelled images', floor=floor
    )
    shown[file] = (
      f'{name} in {goal.num_classes} classes; dashed: always the commonest.'
    )
    notes.append(_verdict(name, enough, lines))
  few = [f'{n} of {of}' for n, of in drawn if tasks.num_draws(n, of, 2) == 1]
  if few and options.repeats > 1:
    notes.append(
      f'There is one draw of {", ".join(dict.fromkeys(few))} images, and no '
      'interval over draws: others would be of much the same images.'
    )
  if len(labels) < len(options.labels):
    left = [str(n) for n in options.labels if n not in labels]
    notes.append(
      f'Left out, as there are {len(told)} labelled images: {", ".join(left)} '
      'labels.'
    )
  return Section(
    'transfer',
    'Transfer to few labels',
    f'Linear classifiers on codes ({count(len(models), "member")}), pixels and '
    f'on a PCA of as many components, and the encoder ({encoder}) trained on '
    f'the labels alone for {probes.STEPS} steps; '
    f'{count(options.repeats, "draw")} of labels. '
    f'{intervals(len(models), "codes")}',
    figures, tuple(tables), files, shown, (*notes, *doubts(models)),
  )  # fmt: skip


def _two(dataset: data.Dataset) -> list[str]:
  """The first factor of a kind and the first ordinal one."""
  known = tasks.discrete(dataset, 'transfer')
  kinds = {f.kind: f.name for f in reversed(known)}
  return list(kinds.values())[::-1]


def _draw(options, rest, size, repeat):
  rng = np.random.default_rng([options.seed, size, repeat])
  return tasks.part(rest, rng.choice(len(rest.index), size, replace=False))


def _plain(table: dict[str, list[statistics.Estimate]]) -> dict[str, list]:
  return {m: [e._asdict() for e in each] for m, each in table.items()}


def _shift(
  options, dataset, goal, rest, rows_of, encoder, most
) -> Shift | None:
  """Accuracy on the half that was trained on, and on the other."""
  known = dataset.factors.factors
  names = [f.name for f in known[::-1] if f.size > 3 and f != goal.factor]
  name = options.factor or next(iter(names), goal.factor.name)
  if name == goal.factor.name:
    return None
  place, factor = coders.factor(dataset, name, 'transfer')
  values = rest.factors[:, place]
  low = values < (factor.size // 2 or 0.5)  # a continuous one is in [0, 1]
  told = coders.known(values, factor)
  near, far = tasks.part(rest, told & low), tasks.part(rest, told & ~low)
  if len(near.index) < 4 or not len(far.index):
    return None
  half = len(near.index) // 2
  size = min(most, half)
  rng = np.random.default_rng([options.seed, size])
  trains = [
    tasks.part(near, rng.choice(half, size, replace=False))
    for _ in range(tasks.num_draws(size, half, options.repeats))
  ]
  tests = tasks.part(near, np.arange(half, 2 * half)), far
  each = [
    compare(options.key, encoder, rows_of, trains, test, goal, most)
    for test in tests
  ]
  both = {m: [one[m] for one in each] for m in each[0]}
  return Shift(factor, size, half, both)


def _tables(name, goal, labels, lines, shift):
  cells = lambda each: tuple((m, *map(str, es)) for m, es in each.items())
  yield Table(
    f'Accuracy of {name} ({goal.num_classes} classes) by number of labels',
    ('', *map(str, labels)),
    cells(lines),
  )
  if shift:
    yield Table(
      f'Covariate shift: {name}, trained on {shift.labels} images of '
      + groups.lower_half(shift.factor),
      ('', 'tested on the same half', 'on the other half'),
      cells(shift.accuracy),
    )


def _verdict(name, labels, lines):
  best: dict[str, list[str]] = {}
  for i, number in enumerate(labels):
    methods = probes.highest({m: line[i].mean for m, line in lines.items()})
    best.setdefault(methods, []).append(str(number))
  told = '; '.join(f'{m} with {", ".join(best[m])} labels' for m in best)
  return f'Of {name}, the highest mean is that of {told}.'
