"""What a code says of one image: nats by latent, what each does, neighbours."""

from typing import Any, NamedTuple

import numpy as np

from bvae_jax import data
from bvae_jax.apps import coders, pictures, responses, tasks, traverse
from bvae_jax.apps.options import Options, called, doubts
from bvae_jax.apps.section import Section, Table
from bvae_jax.evaluation import statistics
from bvae_jax.report import images as image_lib
from bvae_jax.report.markup import count

_SAMPLE = 4000  # images that are searched
_NEIGHBOURS = 4


class Explanation(NamedTuple):
  """One image as one member sees it.

  Attributes:
    nats: KL that each latent spends on it [D]; NaN of codes that are points.
    usual: what it spends on an image of the data [D]; of codes that are points
      its variance over the data, as a share of the largest one.
    far: its distance from the data's mean, in standard deviations [D].
    place: of each latent among the data, from 0 to 1 [D]: the share below it,
      and half of those that are equal, as the codes of a codebook often are.
    neighbours: those of the images that are nearest in each latent, by their
      place, int [D, n].
  """

  nats: np.ndarray
  usual: np.ndarray
  far: np.ndarray
  place: np.ndarray
  neighbours: np.ndarray


def explain(
  coder: coders.Posterior, image: Any, images: Any, *, count: int = _NEIGHBOURS
) -> Explanation:
  """Explains an image [H, W, C] among other images [N, H, W, C] of the data."""
  mean, logvar = (np.asarray(x, np.float64) for x in coder.encode(images))
  own, own_logvar = (
    np.asarray(x) for x in coder.encode(np.asarray(image)[None])
  )
  gap = np.abs(mean - own)
  return Explanation(
    np.full(own.shape[1], np.nan)
    if coders.are_points(logvar)
    else np.asarray(coder.kl(own, own_logvar))[0],
    coders.carried(coder, mean, logvar),
    np.abs(own[0] - mean.mean(0)) / coders.deviations(mean),
    ((mean < own).mean(0) + (mean <= own).mean(0)) / 2,
    np.argsort(gap, axis=0, kind='stable')[:count].T,
  )


def purposes(
  codes: Any, sample: coders.Sample, dataset: data.Dataset
) -> list[str]:
  """What each latent follows: the factor that explains most of it, its share.

  Args:
    codes: of the sample [N, D].
    sample: images with their factors.
    dataset: that they are of; nothing is told where its factors are unknown.
  """
  if dataset.factors is None:
    return [''] * np.shape(codes)[1]
  known = dataset.factors.factors
  shares = []
  for k, one in enumerate(known):
    values = sample.factors[:, k]
    told = coders.known(values, one)
    try:
      fitted = responses.fit(np.asarray(codes)[told], values[told], one)
      shares.append(fitted.share)
    except ValueError:  # too few of the images know of it
      shares.append(np.zeros(np.shape(codes)[1]))
  best = np.argmax(shares, 0)
  return [f'{known[k].name} {shares[k][d]:.2f}' for d, k in enumerate(best)]


def run(options: Options) -> Section:
  """One image, as all members see it."""
  models, dataset = options.load()
  sample = coders.draw(dataset, options.key, min(_SAMPLE, dataset.num_images))
  index = int(sample.index[0]) if options.index is None else options.index
  traverse.check_index(index, dataset.num_images)
  image = coders.take(dataset, [index]).images
  sample = tasks.part(sample, sample.index != index)  # its own nearest
  points = models[0].experiment.objective.points
  here, unit = ('far', 'σ') if points else ('nats', 'nats')
  rows, files, shown, every = [], {}, {}, []
  for model in models:
    found = explain(model, image[0], sample.images)
    places = sample.index[found.neighbours]
    every.append(found._replace(neighbours=places))
    codes = np.asarray(model.encode(sample.images)[0])
    does = purposes(codes, sample, dataset)
    own = getattr(found, here)
    carries = np.fmax(found.nats, found.usual)  # points have no nats
    order = [int(d) for d in np.argsort(-own) if carries[d] >= coders.IDLE]
    rows += [
      (f'{model.member}', f'z{d}', f'{own[d]:.2f}',
       f'{found.usual[d]:.2f}', f'{100 * found.place[d]:.0f} %', does[d])
      for d in order
    ]  # fmt: skip
    if not order:
      continue
    walks = traverse.walks(
      model, image, sample.images, steps=6, latents=order
    ).images[0]
    near = sample.images[found.neighbours[order]]
    strips = np.concatenate([walks, near], 1)
    names = [
      f'z{d} · {own[d]:.2f} {unit}' + (does[d] and f' · {does[d]}')
      for d in order
    ]
    heads = ['−2σ', *[''] * 4, '+2σ', 'nearest', *[''] * (near.shape[1] - 1)]
    file = f'explain_member_{model.member}.svg'
    files[file] = pictures.labelled(
      strips, names, heads, f'image {index}, {called(model)}'
    )
    shown[file] = (
      f'Of {called(model)}: each latent’s walk from the image, then '
      'the images of the data that are nearest in that latent alone.'
    )
  picture = pictures.tiled(image[None], tile=128)
  files['explain_image.png'] = image_lib.png(picture)
  shown = {'explain_image.png': f'Image {index} of {dataset.name}.', **shown}
  sums = (getattr(one, here).sum() for one in every)
  spent = statistics.estimate(sums, (0.0, np.inf))
  answer = (
    f'its codes lie {spent} standard deviations from the data’s means, summed '
    'over latents'
    if points
    else f'{spent} nats are spent on this image'
  )
  return Section(
    'explain',
    'Explanation of one image',
    f'{count(len(models), "member")}: {answer}.',
    {
      'index': index, here: spent._asdict(),
      'members': [one._asdict() for one in every],
    },
    (
      Table(
        f'Latents of {coders.IDLE} {coders.unit(models[0])} or more'
        + ('' if points else ', on this image or usually'),
        ('member', 'latent', f'{unit} here',
         'variance' if points else 'usually', 'place in the data',
         'follows (share)'), tuple(rows),
      ),
    ),
    files, shown,
    (
      'The factor is the one that explains most of the latent’s variance over '
      'the data; a low share says that the name is a poor one.',
      'Nearest is in one latent alone: neighbours may differ in all the rest.',
      *doubts(models),
    ),
  )  # fmt: skip
