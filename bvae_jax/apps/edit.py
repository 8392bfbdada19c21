"""Change one attribute of given images, and keep the rest.

The latent is named, or the one that a factor explains best among few labelled
examples. It is set to what the fit calls for at the wanted value; the others
stay. How far the attribute came, and how far every other factor moved, tells
`truth`: the nearest render, or the nearest observed image.
"""

from typing import Any, NamedTuple

import numpy as np

from bvae_jax.apps import coders, linear, pictures, renders, responses, truth
from bvae_jax.apps.options import Options, called, doubts, load_members
from bvae_jax.apps.section import Section, Table
from bvae_jax.evaluation.statistics import SHARE, estimate
from bvae_jax.report.markup import count

_STILL = 0.3  # deviation of posterior means, below which a latent is idle
_MIN_SHARE = 0.5  # of a latent's variance, below which an edit is not trusted


class Edit(NamedTuple):
  """Images with one attribute changed.

  Attributes:
    images: after the edit, float [B, H, W, C].
    reconstructions: without it.
    latent: that was set.
    share: of its variance that the attribute explains.
    reencoded: how far the latent came when the image is encoded again, as a
      share of the way it was set [B].
    drift: how far the other latents moved then, in deviations [B].
  """

  images: np.ndarray
  reconstructions: np.ndarray
  latent: int
  share: float
  reencoded: np.ndarray
  drift: np.ndarray


def edit(
  coder: coders.Coder,
  images: Any,
  wanted: Any,
  examples: coders.Sample,
  place: int,
  factor: Any,
  *,
  latent: int | None = None,
) -> Edit:
  """Sets one attribute of images.

  Args:
    coder: the model.
    images: to edit [B, H, W, C].
    wanted: value of the attribute of each [B].
    examples: labelled images.
    place: of the attribute among their factors.
    factor: what is known of it, a `data.Factor`.
    latent: to set; by default the one that the examples point to.

  Raises:
    ValueError: too few examples, or no such latent.
  """
  labelled, logvar = (
    np.asarray(x, np.float64) for x in coder.encode(examples.images)
  )
  response = responses.fit(labelled, examples.factors[:, place], factor)
  d = responses.best_latent(response) if latent is None else latent
  coders.check_latents([d], coder.num_latents)
  mean = np.asarray(coder.encode(images)[0], np.float64)
  z = mean.copy()
  z[:, d] = response.at(wanted)[:, d]
  edited = np.asarray(coder.decode(z))
  plain = np.asarray(coder.decode(mean))
  # Against the reconstruction encoded again, so that blur is not counted.
  again = np.asarray(coder.encode(edited)[0], np.float64)
  before = np.asarray(coder.encode(plain)[0], np.float64)
  way = z[:, d] - mean[:, d]
  steps = np.where(np.abs(way) > 1e-6, way, np.nan)
  spread = coders.deviations(labelled)
  others = np.delete((again - before) / spread, d, 1)
  # Points have a scale of their own.
  points = coders.are_points(logvar)
  idle = coders.IDLE**0.5 * spread.max() if points else _STILL
  active = np.delete(spread > idle, d)
  drift = np.abs(others[:, active]).mean(1) if active.any() else 0 * way
  return Edit(
    edited, plain, d, float(response.share[d]),
    (again[:, d] - before[:, d]) / steps, drift,
  )  # fmt: skip


def run(options: Options) -> Section:
  """The edit on all members, on a PCA, and on the members of another run."""
  models, dataset = options.load()
  known = dataset.require_factors('edit').factors
  name = options.factor or _default(known)
  place, factor = coders.factor(dataset, name, 'edit')
  others = {}
  if options.against:
    other = load_members(options.against)
    if other[0].image_shape != models[0].image_shape:
      raise ValueError(
        f'--against={options.against} has images {other[0].image_shape}, this '
        f'run {models[0].image_shape}; give a run on the same images'
      )
    others[options.against] = other
  bench = truth.bench(dataset, options, place)
  work, basis = bench.work, bench.basis
  pca = linear.fit_pca(basis.images, models[0].num_latents)
  named = options.latents[0] if options.latents else None
  methods = {'this run': models, 'PCA': (pca,), **others}
  rows, figures, strips = [], {}, {}
  starts = truth.starts(work.factors, place, bench.wanted)
  for method, members in methods.items():
    truths, drifts, shares = [], [], []
    for m, member in enumerate(members):
      own = named if method == 'this run' else None
      plain = np.asarray(member.decode(member.encode(work.images)[0]))
      alone, _ = bench.judge(plain, starts)
      for draw in bench.draws:
        done = edit(
          member, work.images, bench.wanted, draw, place, factor, latent=own
        )
        truths.append(truth.measure(
          bench.judge, known, done.images, alone, work.factors, place,
          bench.wanted,
        ))  # fmt: skip
        drifts.append(done.drift.mean())
        shares.append(done.share)
      if m == 0:
        strips[method] = done.images[:8]
    cells = _cells(truths, drifts, shares, len(members), place)
    rows.append((method, *map(str, cells.values())))
    figures[method] = {k: v._asdict() for k, v in cells.items()} | {
      'moved': _means(truths, 'moved', known),
      'reconstruction_moved': _means(truths, 'kept', known),
    }
  images, labels = [work.images[:8], *strips.values()], ['before', *strips]
  if dataset.is_grid:
    goal = work.factors[:8].copy()
    goal[:, place] = bench.wanted[:8]
    places = np.ravel_multi_index(goal.T, dataset.factor_sizes)
    wanted = dataset.images_like(places, work.index[:8])
    images.insert(1, np.asarray(wanted))
    labels.insert(1, 'wanted')
  heads = ('', 'progress', 'arrived', 'others moved', 'others, unedited',
           'drift of latents', 'share found')  # fmt: skip
  table = Table(
    f'{name} set to another value in {len(work.index)} images; the latent '
    f'found from {options.labels[0]} labelled images, '
    f'{count(options.repeats, "draw")}; moves are mean shares of a '
    'factor’s range',
    heads,
    tuple(rows),
  )
  drawn = pictures.labelled(np.stack(images), labels, title=f'{name} edited')
  return Section(
    'edit',
    f'Edit: {name}',
    f'One latent is set so that {name} takes another value, and the rest is '
    f'kept. {_judged(dataset, len(basis.index))} judges.',
    {'factor': name, 'latent': named, 'methods': figures},
    (table, _by_factor(figures, dataset.factor_names, bench.error)),
    {'edit.svg': drawn},
    {
      'edit.svg': 'Images before and after the edit; of a grid, also as the '
      f'renderer would have them. This run: {called(models[0])}.'
    },
    (*_notes(name, figures, named), *doubts(models)),
  )


def _means(truths: list[truth.Truth], field: str, factors: Any) -> dict:
  """{factor: mean over all edits} of a field [K] of `Truth`."""
  means = np.mean([getattr(t, field) for t in truths], 0)
  return {one.name: float(v) for one, v in zip(factors, means)}


def _cells(truths, drifts, shares, count, place):
  """Estimates over members, each a mean over draws."""
  others = lambda x: coders.known_mean(np.delete(x, place))
  columns = {
    'progress': [t.progress for t in truths],
    'arrived': [t.arrived for t in truths],
    'others': [others(t.moved) for t in truths],
    'others_unedited': [others(t.kept) for t in truths],
    'drift': drifts,
    'share': shares,
  }
  spans = {'progress': (-np.inf, 1.0), 'drift': (0.0, np.inf)}
  by_member = lambda k: np.reshape(columns[k], (count, -1)).mean(1)
  return {k: estimate(by_member(k), spans.get(k, SHARE)) for k in columns}


def _by_factor(figures, names, error):
  rows = [
    (method, *(f'{one["moved"][n]:.3f} ({one["reconstruction_moved"][n]:.3f})'
               for n in names))
    for method, one in figures.items()
  ]  # fmt: skip
  if error.any():
    rows.append(('the judge on real images', *(f'{e:.3f}' for e in error)))
  caption = 'By how much each factor moved; in brackets, without any edit'
  return Table(caption, ('', *names), tuple(rows))


def _judged(dataset, count):
  if dataset.is_grid:
    return (
      'The nearest render of all values of all factors, as a search from '
      f'{renders.STARTS + 2} starts finds it,'
    )
  return (
    f'There is no renderer: the nearest of {count} other images, which errs by '
    'the last row below,'
  )


def _notes(name, figures, named):
  share = figures['this run']['share']['mean']
  if share < _MIN_SHARE:
    which = 'No latent follows' if named is None else f'z{named} is not of'
    yield (
      f'{which} {name}: it explains {share:.2f} of '
      f'{"the best one" if named is None else "it"}. The edit does not do what '
      'its name says.'
    )
  yield (
    'Progress: the share of the way to the wanted value, below 0 away from it; '
    'arrived: how often it is there; drift: of the edited image encoded again, '
    f'in deviations; share found: of the set latent’s variance, that of {name}.'
  )
  yield (
    'Blur moves factors too: an edit is only as good as the reconstruction '
    'that it starts from (the bracketed figures).'
  )
  if len(figures) < 3:
    yield 'Give --against=RUN of a plain VAE to set it beside this run.'


def _default(known):
  """The last ordinal factor."""
  return next(
    (f.name for f in known[::-1] if f.kind == 'ordinal'), known[0].name
  )
