"""New training images that vary one named factor, their labels kept.

For each labelled image, the latent that knows the factor takes the value that
it has in some other image of the data, and the result is decoded: the label
stays, as long as the latent is of that factor alone. Beside it: no
augmentation, and random shifts.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from bvae_jax.apps import coders, pictures, probes, responses, tasks, transfer
from bvae_jax.apps.options import Options, called, doubts
from bvae_jax.apps.section import Section, Table
from bvae_jax.report.markup import count

COPIES = 8  # of each labelled image
_STEPS = 400  # of the classifier
_TEST = 2000


class Augmented(NamedTuple):
  """Images with the place of the one that each was made of."""

  images: np.ndarray  # [B * copies, H, W, C]
  source: np.ndarray  # int [B * copies]


def vary(
  coder: coders.Coder,
  images: Any,
  latents: list[int],
  pool: Any,
  rng: np.random.Generator,
  *,
  copies: int = COPIES,
  residual: bool = False,
) -> Augmented:
  """Copies of images in which latents take values of other images.

  Args:
    coder: the model.
    images: labelled ones [B, H, W, C].
    latents: that vary.
    pool: codes of the data [N, D], of which the values come.
    rng: which ones.
    copies: of each image.
    residual: adds decode(z') - decode(z) to the image instead of replacing it,
      so that what the code does not hold stays.
  """
  images = np.asarray(images)
  source = np.repeat(np.arange(len(images)), copies)
  mean = np.asarray(coder.encode(images)[0])
  z = mean[source]
  z[:, latents] = np.asarray(pool)[rng.integers(len(pool), size=len(source))][
    :, latents
  ]
  made = np.asarray(coder.decode(z))
  if residual:
    plain = np.asarray(coder.decode(mean))
    made = np.clip(images[source] + made - plain[source], 0, 1)
  return Augmented(made, source)


def shift(images: Any, rng: np.random.Generator) -> Augmented:
  """Copies moved by up to an eighth of the size, the border black."""
  images = np.asarray(images)
  source = np.repeat(np.arange(len(images)), COPIES)
  most = max(1, images.shape[1] // 8)
  padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
  starts = rng.integers(2 * most + 1, size=(len(source), 2))
  height, width = images.shape[1:3]
  window = lambda i, y, x: padded[i, y : y + height, x : x + width]
  made = np.stack([window(i, y, x) for i, (y, x) in zip(source, starts)])
  return Augmented(made, source)


def run(options: Options) -> Section:
  """A classifier of few labels with each augmentation, for all members."""
  models, dataset = options.load()
  goal = tasks.task(dataset, options.target or _coarse(dataset), 'augment')
  others = [n for n in dataset.factor_names[::-1] if n != goal.factor.name]
  if not others:
    raise ValueError(
      f'augment: needs two factors, data set {dataset.name} has one'
    )
  name = options.factor or others[0]
  place, factor = coders.factor(dataset, name, 'augment')
  if place == goal.place:
    raise ValueError('augment: --factor and --target must be two factors')
  size = options.labels[0]
  told = tasks.labelled(dataset, [goal.place, place])
  num_test = min(_TEST, len(told) // 2)
  most = min(len(told), num_test + max(4000, size * options.repeats))
  everything = coders.draw(dataset, options.key, most, told)
  test = tasks.part(everything, np.arange(num_test))
  rest = tasks.part(everything, np.arange(num_test, most))
  if size > len(rest.index):
    raise ValueError(
      f'augment: --labels={size} are more than the {len(rest.index)} images '
      f'that data set {dataset.name} leaves; give fewer'
    )
  shown: dict[str, np.ndarray] = {}
  accuracy: dict[str, list[list[float]]] = {}
  latents: list[list[list[int]]] = [[] for _ in models]  # by draw
  codes = [np.asarray(m.encode(rest.images)[0]) for m in models]
  repeats = tasks.num_draws(size, len(rest.index), options.repeats)
  for r in range(repeats):
    rng = np.random.default_rng([options.seed, size, r])
    chosen = rng.choice(len(rest.index), size, replace=False)
    few = tasks.part(rest, chosen)
    coders.require_classes(goal.labels(few), 'augment')
    own = jax.random.fold_in(options.key, r)

    tried = [('none', 0, None), ('shifts', 0, shift(few.images, rng))]
    for i, model in enumerate(models):
      answer = responses.fit(codes[i][chosen], few.factors[:, place], factor)
      d = list(options.latents) or [responses.best_latent(answer)]
      latents[i].append(coders.check_latents(d, model.num_latents))
      for method, residual in (('latent', False), ('latent + residual', True)):
        made = vary(model, few.images, d, codes[i], rng, residual=residual)
        tried.append((method, i, made))
    for method, i, made in tried:
      value = _score(own, models[0].config.encoder, few, made, test, goal)
      rows = accuracy.setdefault(method, [])
      if len(rows) <= i:
        rows.append([])
      rows[i].append(value)
      if r == i == 0 and made is not None:
        shown[method] = made.images[:COPIES]
  cells = {m: transfer.over_members(np.array(v)) for m, v in accuracy.items()}
  base = np.mean(accuracy['none'][0])
  rows = tuple((m, str(e), f'{e.mean - base:+.3f}') for m, e in cells.items())
  table = Table(
    f'Accuracy of {goal.factor.name} ({goal.num_classes} classes) with {size} '
    f'labels and {COPIES} copies of each, {count(repeats, "draw")}',
    ('augmentation', 'accuracy', 'gain'),
    rows,
  )
  strips = np.stack(list(shown.values()))
  picture = pictures.labelled(strips, list(shown), title='Copies of one image')
  best = probes.highest({m: e.mean for m, e in cells.items()})
  return Section(
    'augment',
    f'Augmentation: {name} varied',
    f'The run’s encoder is trained on {size} labels for {_STEPS} steps, with '
    f'and without copies. {transfer.intervals(len(models), "latents")}',
    {
      'factor': name,
      'target': goal.factor.name,
      'labels': size,
      'latents': latents,
      'accuracy': {m: e._asdict() for m, e in cells.items()},
    },
    (table,),
    {'augment.svg': picture},
    {
      'augment.svg': f'{COPIES} copies of one labelled image, by '
      f'{called(models[0])}.'
    },
    (
      f'The highest mean is that of: {best}.',
      'A copy from the decoder loses what the code does not hold; where that '
      'is what the label hangs on, augmentation harms.',
      *doubts(models),
    ),
  )


def _score(key, encoder, few, made, test, goal) -> float:
  """Accuracy of the network on real images and copies."""
  images, labels = few.images, goal.labels(few)
  if made is not None:
    images = np.concatenate([images, made.images])
    labels = np.concatenate([labels, labels[made.source]])
  told = probes.supervised(
    key, encoder, images, labels, test.images, goal.num_classes,
    rows=len(few.images) * (1 + COPIES), steps=_STEPS,
  )  # fmt: skip
  return float((told == goal.labels(test)).mean())


def _coarse(dataset: Any) -> str:
  """The ordinal factor of the fewest values, else the first factor."""
  known = tasks.discrete(dataset, 'augment')
  ordinal = [f for f in known if f.kind == 'ordinal'] or list(known)
  return min(ordinal, key=lambda f: f.size).name
