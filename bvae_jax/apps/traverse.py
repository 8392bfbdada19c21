"""Images along single latents, as a paper prints them, and as films.

A walk starts at an image's posterior mean and moves one latent through a range:
of the prior (-2 to 2 deviations), of the posterior (2 deviations of the codes
of the data around their mean), or from their 1st to their 99th percentile.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from PIL import Image

from bvae_jax import models as models_lib
from bvae_jax import trained
from bvae_jax.apps import coders, pictures
from bvae_jax.apps.options import SPANS, Options, called, doubts
from bvae_jax.apps.section import Section, Table
from bvae_jax.report import images as image_lib
from bvae_jax.report.markup import count

_SAMPLE = 2000  # images whose codes give the ranges


class Walks(NamedTuple):
  """One member's walks.

  Attributes:
    images: float [A, L, S, H, W, C] for A anchors.
    values: of the latents [L, S]; of discrete ones, those of the codebook.
    latents: which ones [L].
    carried: by each of them [L], see `coders.carried`.
  """

  images: np.ndarray
  values: np.ndarray
  latents: tuple[int, ...]
  carried: np.ndarray


def ranges(codes: Any, span: str, steps: int) -> np.ndarray:
  """Values that each latent takes [D, steps].

  Args:
    codes: posterior means of the data [N, D].
    span: one of `SPANS`.
    steps: values, evenly spaced.

  Raises:
    ValueError: another span, or fewer than two steps.
  """
  if span not in SPANS or steps < 2:
    raise ValueError(
      f'span must be one of {", ".join(SPANS)} and steps at least 2, got '
      f'{span} and {steps}'
    )
  codes = np.asarray(codes, np.float64)
  if span == 'prior':
    low, high = np.full(codes.shape[1], -2.0), np.full(codes.shape[1], 2.0)
  elif span == 'posterior':
    middle, spread = codes.mean(0), coders.deviations(codes)
    low, high = middle - 2 * spread, middle + 2 * spread
  else:
    low, high = np.percentile(codes, [1, 99], axis=0)
  return np.linspace(low, high, steps, axis=1)


def walks(
  coder: coders.Posterior,
  anchors: Any,
  images: Any,
  *,
  span: str = 'posterior',
  steps: int = 11,
  latents: Sequence[int] = (),
) -> Walks:
  """Decodes walks from anchors [A, H, W, C]; ranges come from `images`.

  Args:
    coder: the model.
    anchors: images where the walks start.
    images: of the data [N, H, W, C].
    span: one of `SPANS`.
    steps: images along a walk.
    latents: which ones; by default all, what carries most first.

  Raises:
    ValueError: no such latent, span or steps.
  """
  mean, logvar = (np.asarray(x) for x in coder.encode(images))
  carried = coders.carried(coder, mean, logvar)
  chosen = coders.check_latents(latents, coder.num_latents)
  chosen = chosen or [int(d) for d in np.argsort(-carried)]
  values = ranges(mean, span, steps)
  if (book := getattr(coder, 'codebook', None)) is not None:
    near = models_lib.nearest(jnp.asarray(values.T), jnp.asarray(book))
    values = np.asarray(near).T  # as they are decoded
  values = values[chosen]
  start = np.asarray(coder.encode(anchors)[0])
  z = np.stack([trained.walk(one, np.array(chosen), values) for one in start])
  decoded = np.asarray(coder.decode(z.reshape(-1, z.shape[-1])))
  shape = (*z.shape[:3], *decoded.shape[1:])
  return Walks(decoded.reshape(shape), values, tuple(chosen), carried[chosen])


def run(options: Options) -> Section:
  """Walks of chosen members from several images, and the film of training."""
  models, dataset = options.load()
  measure = coders.unit(models[0])
  if options.span == 'prior' and models[0].experiment.objective.points:
    raise ValueError(
      f'the codes of {models[0].config.objective} are points without a prior; '
      '--range must be posterior or percentile'
    )
  sample = coders.draw(dataset, options.key, min(_SAMPLE, dataset.num_images))
  chosen = (
    sample.index[: options.anchors]
    if options.index is None
    else [check_index(options.index, dataset.num_images)]
  )
  anchors = coders.take(dataset, chosen).images
  files, shown, rows = {}, {}, []
  for model in models:
    found = walks(
      model, anchors, sample.images, span=options.span, steps=options.steps,
      latents=options.latents,
    )  # fmt: skip
    name = f'traverse_member_{model.member}'
    labels = [
      f'z{d} · {amount:.2f} {measure}'
      for d, amount in zip(found.latents, found.carried)
    ]
    for a, images in enumerate(found.images):
      title = f'{called(model)}, image {chosen[a]}, {options.span} range'
      stem = f'{name}_image_{chosen[a]}'
      files[f'{stem}.png'] = image_lib.png(pictures.tiled(images))
      columns = _heads(found.values, options.span)
      svg = pictures.labelled(images, labels, columns, title)
      files[f'{stem}.svg'] = svg
      if a == 0:
        shown[f'{stem}.svg'] = (
          f'Of {called(model)}: one latent a row, what carries most '
          'first, the others held at the image’s code.'
        )
    steps = found.images.transpose(2, 0, 1, 3, 4, 5)
    frames = [pictures.tiled(images) for images in steps]
    frames += frames[-2:0:-1]  # back to the first without a jump
    for kind in ('gif', 'webp'):
      files[f'{name}.{kind}'] = image_lib.film(frames, kind)
    rows += [
      (f'{model.member}', f'z{d}', f'{k:.3f}', f'{v[0]:.2f}', f'{v[-1]:.2f}')
      for d, k, v in zip(found.latents, found.carried, found.values)
      if k >= coders.IDLE
    ]
  first = f'traverse_member_{models[0].member}.gif'
  shown[first] = (
    'The walks of the first member side by side: a row an image, a column a '
    'latent in the order of its figure.'
  )
  history, notes = training_film(options)
  if history:
    files['traverse_training.gif'] = history
    shown['traverse_training.gif'] = (
      'How the latents came apart: the best member’s walks at each '
      'checkpoint of the training.'
    )
  return Section(
    'traverse',
    'Traversals',
    f'{count(len(models), "member")}, {count(len(chosen), "image")}, the '
    f'{options.span} range. '
    'PNG, SVG with labels, GIF and WebP lie in apps/.',
    {'rows': rows, 'files': sorted(files)},
    (
      Table(
        f'Ranges of the latents of {coders.IDLE} {measure} or more',
        ('member', 'latent', measure, 'from', 'to'), tuple(rows),
      ),
    ),
    files,
    shown,
    (
      'A latent that carries next to nothing holds nothing of the image: its '
      'row does not move, whatever the range.',
      *notes,
      *doubts(models),
    ),
  )  # fmt: skip


def training_film(options: Options) -> tuple[bytes | None, list[str]]:
  """The strips of RUN/traversals as a GIF, and what is to say of them."""
  strips = sorted((options.run / 'traversals').glob('step_*.png'))
  if len(strips) < 2:
    return None, [
      'The run left fewer than two strips in traversals/: no film of training.'
    ]
  frames = [np.asarray(Image.open(path).convert('RGB')) for path in strips]
  zoom = max(1, 800 // frames[-1].shape[1])
  large = [image_lib.enlarged(frame, zoom) for frame in frames]
  steps = ', '.join(
    path.stem.removeprefix('step_').lstrip('0') for path in strips
  )
  return image_lib.film(large, 'gif', 700), [f'Steps of the film: {steps}.']


def _heads(values: np.ndarray, span: str) -> list[str]:
  """What stands above the columns."""
  if span == 'prior':
    return [f'{v:.1f}' for v in values[0]]
  first, last = ('−2σ', '+2σ') if span == 'posterior' else ('1 %', '99 %')
  return [first, *[''] * (values.shape[1] - 2), last]


def check_index(index: int, num_images: int) -> int:
  """The place of an image, or an error of one line."""
  if not 0 <= index < num_images:
    raise ValueError(f'--index must be from 0 to {num_images - 1}, got {index}')
  return index
