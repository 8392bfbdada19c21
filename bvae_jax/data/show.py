"""A look at a data set: samples, factors one by one, histograms, what it is.

    python -m bvae_jax.data.show scene3d
    python -m bvae_jax.data.show images --path=DIR --image_size=64

It writes NAME.html, which needs no other file, NAME.png, its pictures, and, of
a grid, NAME.gif, in which one factor a panel moves.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import data, usage, workdir
from bvae_jax.data import dependence

ACROSS = 12  # images in a row
_SAMPLES = 48
_TILE = 96  # pixels a side of an image, at most
_BINS = 20  # of a continuous factor
_FRAMES = 24  # of the moving picture, there and back


class Count(NamedTuple):
  """How often each value of a factor is there.

  Attributes:
    name: of the factor.
    images: with each value, or in each of 20 bins [S].
    missing: images without a label.
    values: what the values are called; may be empty.
    edges: of the bins of a continuous factor [S + 1].
  """

  name: str
  images: np.ndarray
  missing: int
  values: tuple[str, ...] = ()
  edges: np.ndarray | None = None


class Look(NamedTuple):
  """What is to be seen of a data set; images are float in [0, 1].

  Attributes:
    samples: [n, H, W, C].
    varied: the images of each factor varied alone, of a grid.
    counts: of the factors.
    dependence: two factors and their Cramér's V, the strongest first.
  """

  samples: np.ndarray
  varied: dict[str, np.ndarray]
  counts: list[Count]
  dependence: Sequence[tuple[str, str, float]] = ()


def look(dataset: data.Dataset, samples: int = _SAMPLES) -> Look:
  """Looks at a data set: the same images whenever it is called."""
  draw = np.random.default_rng(0)
  count = min(samples, dataset.num_images)
  chosen = draw.choice(dataset.num_images, count, replace=False)
  height, width, _ = dataset.image_shape
  apart = -(-max(height, width) // _TILE)

  indices = {'': np.sort(chosen)}  # of the sample, then of each factor
  if isinstance(dataset.factors, data.Grid):
    sizes = dataset.factors.sizes
    # Values apart, so that no hue hides another.
    base = np.arange(len(sizes)) * np.array(sizes) // len(sizes)
    for k, factor in enumerate(dataset.factors.factors):
      values = np.linspace(0, factor.size - 1, min(factor.size, ACROSS))
      rows = np.tile(base, (len(values), 1))
      rows[:, k] = np.round(values)
      indices[factor.name] = np.asarray(data.factors_to_index(rows, sizes))
  together = dependence.pairs(dataset.factor_names, dependence.of(dataset))
  index = np.concatenate([*indices.values()]).astype(np.int32)
  images = np.asarray(dataset.images(index))[:, ::apart, ::apart]
  ends = np.cumsum([len(part) for part in indices.values()])[:-1]
  varied = dict(zip(indices, np.split(images, ends)))
  shown = varied.pop('')
  return Look(shown, varied, counts(dataset), together)


def film(dataset: data.Dataset) -> bytes | None:
  """A GIF with a panel a factor, which moves alone; None without a grid."""
  from bvae_jax.report import images as images_lib  # the libraries of pages

  if not isinstance(dataset.factors, data.Grid):
    return None
  sizes = np.array(dataset.factors.sizes)
  base = np.arange(len(sizes)) * sizes // len(sizes)
  share = (1 - np.cos(2 * np.pi * np.arange(_FRAMES) / _FRAMES)) / 2
  rows = np.tile(base, (_FRAMES, len(sizes), 1))
  for k, size in enumerate(sizes):
    rows[:, k, k] = np.round(share * (size - 1))
  index = data.factors_to_index(rows, tuple(sizes.tolist()))
  images = images_lib.enlarged(np.asarray(dataset.images(index)), 2)
  frames = [images_lib.sheet(panels, len(sizes), pad=0) for panels in images]
  return images_lib.film(frames, 'gif', 90)


def counts(dataset: data.Dataset) -> list[Count]:
  """How often each value of each factor is there.

  A grid has each combination once, and needs no count.
  """
  known = dataset.factors
  if known is None:
    return []
  if isinstance(known, data.Grid):
    each = [dataset.num_images // factor.size for factor in known.factors]
    return [
      Count(factor.name, np.full(factor.size, n), 0)
      for factor, n in zip(known.factors, each)
    ]
  values, told = np.asarray(known.values), np.asarray(known.known)
  found = []
  for k, factor in enumerate(known.factors):
    there = values[told[:, k], k].astype(np.float64)
    edges = None
    if factor.kind == 'continuous':
      histogram, edges = np.histogram(there, _BINS)
    else:
      histogram = np.bincount(there.astype(int), minlength=factor.size)
    missing = len(values) - len(there)
    found.append(Count(factor.name, histogram, missing, factor.values, edges))
  return found


def page(dataset: data.Dataset, found: Look) -> str:
  """The whole page, HTML that needs no other file."""
  from bvae_jax.report import markup  # the libraries of pages
  from bvae_jax.report import page as page_lib
  from bvae_jax.report.sections.run import data as figures

  lede = (
    f'{markup.count(dataset.num_images, "image")} of '
    f'{"×".join(map(str, dataset.image_shape))} (height, width, channels).'
  )
  if dataset.noisy_fn is not None:
    lede += ' Training draws fresh noise at every look; here it is fixed.'
  factors = ', '.join(
    f'{name} ({f"{size} values" if size else "continuous"})'
    for name, size in zip(dataset.factor_names, dataset.factor_sizes)
  )
  head = page_lib.Head(
    dataset.name,
    markup.element('lede', lede, dataset.description, ()),
    [],
    [('Factors', factors or 'none known')],
  )
  return page_lib.document(
    head, [page_lib.Section('Images', figures.figures(found))], {}
  )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
  parser = usage.Parser(
    'python -m bvae_jax.data.show', description='Draws a look at a data set.'
  )
  parser.add_argument(
    'name', help='as dataset.name: ' + ', '.join(data.DATASETS)
  )
  parser.add_argument('--path', default='', help='as dataset.path')
  parser.add_argument('--image_key', default='', help='as dataset.image_key')
  parser.add_argument(
    '--label_keys', default='', help='as dataset.label_keys, with commas'
  )
  parser.add_argument('--data_dir', default='', help='of prepared sets')
  parser.add_argument('--image_size', type=int, default=64)
  parser.add_argument(
    '--out', type=usage.folder, default='.', help='the folder to write to'
  )
  return parser.parse_args(argv)


def main(argv: Sequence[str]) -> None:
  """Writes the page and the pictures of the data set on the command line."""
  from bvae_jax.report.sections.run import data as figures  # of pages

  args = _parse(argv)
  config = config_lib.default_config('beta_vae').dataset
  keys = 'name', 'path', 'data_dir', 'image_size', 'image_key'
  config.update({key: getattr(args, key) for key in keys})
  config.label_keys = tuple(usage.listed(args.label_keys))
  with usage.one_line_errors():
    out = workdir.Folder(args.out)
    out.check_writable()
    stem = args.name.replace(':', '_').replace('/', '_')
    names = (f'{stem}.{kind}' for kind in ('html', 'png', 'gif'))
    html, png, gif = (out.path / name for name in names)
    workdir.check_replaceable(html, png, *[gif] * gif.exists())
    dataset = data.load(config)
    found = look(dataset)
    files = {html: page(dataset, found), png: figures.picture(found)}
    if moving := film(dataset):
      files[gif] = moving
    workdir.replace_files(files)
    print(f'{html}: open it in a browser')


if __name__ == '__main__':
  main(sys.argv[1:])
