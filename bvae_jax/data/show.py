"""A look at a data set: samples, factors one by one, histograms, what it is.

    python -m bvae_jax.data.show scene3d
    python -m bvae_jax.data.show images --path=DIR --image_size=64

It writes NAME.html, which needs no other file, and NAME.png, its pictures.
"""

import argparse
import base64
import html
import io
import pathlib
import sys
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import data

_ACROSS = 12  # images in a row
_SAMPLES = 48
_MOST_COUNTED = 100_000  # images whose factors are counted
_BINS = 20  # of a continuous factor

Section = tuple[str, np.ndarray]  # its heading, and uint8 [H, W, C]


def sheet(images: np.ndarray) -> np.ndarray:
  """Images [n, H, W, C] in [0, 1] as one, in rows of 12, uint8 [., ., C]."""
  count, height, width, channels = images.shape
  rows = -(-count // _ACROSS)
  across = min(count, _ACROSS)
  cells = np.ones((rows * across, height + 1, width + 1, channels))
  cells[:count, :height, :width] = images
  cells = cells.reshape(rows, across, height + 1, width + 1, channels)
  flat = cells.swapaxes(1, 2).reshape(rows * (height + 1), -1, channels)
  return np.round(255 * np.clip(flat, 0, 1)).astype(np.uint8)


def pictures(dataset: data.Dataset) -> list[Section]:
  """Samples of a data set and, of a grid, each factor varied alone."""
  draw = np.random.default_rng(0)
  count = min(_SAMPLES, dataset.num_images)
  chosen = draw.choice(dataset.num_images, count, replace=False)
  look = lambda index: sheet(np.asarray(dataset.images(jnp.asarray(index))))
  sections = [('samples', look(np.sort(chosen).astype(np.int32)))]
  if isinstance(dataset.factors, data.Grid):
    sizes = dataset.factors.sizes
    # Values apart, so that no hue hides another.
    base = np.arange(len(sizes)) * np.array(sizes) // len(sizes)
    for k, factor in enumerate(dataset.factors.factors):
      values = np.linspace(0, factor.size - 1, min(factor.size, _ACROSS))
      rows = np.tile(base, (len(values), 1))
      rows[:, k] = np.round(values)
      index = data.factors_to_index(jnp.asarray(rows), sizes)
      sections.append((f'{factor.name}: {factor.size} values', look(index)))
  return sections


def counts(dataset: data.Dataset) -> list[tuple[str, np.ndarray, int]]:
  """The name of each factor, its histogram, and how many labels are missing.

  Of at most the first 100,000 images; a grid has each combination once, and
  needs no count.
  """
  known = dataset.factors
  if known is None:
    return []
  if isinstance(known, data.Grid):
    each = [dataset.num_images // factor.size for factor in known.factors]
    return [
      (factor.name, np.full(factor.size, n), 0)
      for factor, n in zip(known.factors, each)
    ]
  values = np.asarray(known.values)[:_MOST_COUNTED].astype(np.float64)
  values = np.where(values < 0, np.nan, values) if _discrete(known) else values
  found = []
  for column, factor in zip(values.T, known.factors):
    there = column[np.isfinite(column)]
    if factor.kind == 'continuous':
      histogram = np.histogram(there, _BINS)[0]
    else:
      histogram = np.bincount(there.astype(int), minlength=factor.size)
    found.append((factor.name, histogram, len(column) - len(there)))
  return found


def _discrete(table: data.Table) -> bool:
  return np.asarray(table.values).dtype.kind != 'f'


def _png(pixels: np.ndarray) -> bytes:
  from PIL import Image

  squeezed = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
  stream = io.BytesIO()
  Image.fromarray(squeezed).save(stream, 'png')
  return stream.getvalue()


def _bars(histogram: np.ndarray) -> str:
  """A histogram as an SVG picture, 4 pixels a bar."""
  top = max(int(histogram.max(initial=0)), 1)
  bars = ''.join(
    f'<rect x="{6 * i}" y="{40 - 40 * n / top:.1f}" width="5" '
    f'height="{40 * n / top:.1f}"><title>{i}: {n}</title></rect>'
    for i, n in enumerate(histogram)
  )
  return f'<svg width="{6 * len(histogram)}" height="40">{bars}</svg>'


def page(dataset: data.Dataset, sections: Sequence[Section]) -> str:
  """The whole page, HTML that needs no other file."""
  facts = (
    f'{dataset.description}. {dataset.num_images:,} images of '
    f'{" x ".join(map(str, dataset.image_shape))} (height, width, channels).'
  )
  if dataset.noisy_fn is not None:
    facts += ' Training draws fresh noise at every look; here it is fixed.'
  parts = [f'<h1>{html.escape(dataset.name)}</h1><p>{html.escape(facts)}</p>']
  for heading, pixels in sections:
    encoded = base64.b64encode(_png(pixels)).decode()
    name = html.escape(heading)
    parts.append(
      f'<h2>{name}</h2><img alt="{name}" src="data:image/png;base64,{encoded}">'
    )
  rows = ''.join(
    f'<tr><td>{html.escape(name)}</td><td>{len(histogram)}</td>'
    f'<td>{missing}</td><td>{_bars(histogram)}</td></tr>'
    for name, histogram, missing in counts(dataset)
  )
  table = (
    '<tr><th>factor</th><th>values or bins</th><th>labels missing</th>'
    f'<th>images of each</th></tr>{rows}'
  )
  told = f'<table>{table}</table>' if rows else '<p>None is known.</p>'
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    f'<title>{html.escape(dataset.name)}</title><style>'
    'body{font:16px sans-serif;margin:2em auto;max-width:60em}'
    'img{max-width:100%;image-rendering:pixelated}td{padding:0 1em 0 0}'
    f'</style>{"".join(parts)}<h2>factors</h2>{told}</html>'
  )


def stacked(sections: Sequence[Section]) -> np.ndarray:
  """The pictures beneath each other, uint8 [H, W, C]."""
  width = max(pixels.shape[1] for _, pixels in sections)
  wide = [
    np.pad(p, ((0, 6), (0, width - p.shape[1]), (0, 0)), constant_values=255)
    for _, p in sections
  ]
  return np.concatenate(wide)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
  parser = argparse.ArgumentParser(
    'python -m bvae_jax.data.show', description='Draws a look at a data set.'
  )
  parser.add_argument(
    'name', help='as dataset.name: ' + ', '.join(data.DATASETS)
  )
  parser.add_argument('--path', default='', help='as dataset.path')
  parser.add_argument('--data_dir', default='', help='of prepared sets')
  parser.add_argument('--image_size', type=int, default=64)
  parser.add_argument('--out', default='.', help='the folder to write to')
  return parser.parse_args(argv)


def main(argv: Sequence[str]) -> None:
  """Writes NAME.html and NAME.png of the data set on the command line."""
  args = _parse(argv)
  config = config_lib.default_config('beta_vae').dataset
  config.update(
    {k: getattr(args, k) for k in ('name', 'path', 'data_dir', 'image_size')}
  )
  try:
    dataset = data.load(config)
    sections = pictures(dataset)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    stem = out / args.name.replace(':', '_').replace('/', '_')
    stem.with_suffix('.png').write_bytes(_png(stacked(sections)))
    stem.with_suffix('.html').write_text(page(dataset, sections))
  except (ValueError, OSError, ImportError) as error:
    sys.exit('error: ' + ' '.join(str(error).split()))
  print(f'{stem}.html: open it in a browser')


if __name__ == '__main__':
  main(sys.argv[1:])
