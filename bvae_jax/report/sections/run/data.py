"""A data set on a page: samples, factors one by one, histograms, labels."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from bvae_jax.data import dependence, show
from bvae_jax.report import charts, markup, page
from bvae_jax.report import images as image_lib
from bvae_jax.report.view import View

_EACH = 40  # values of a factor that have a bar of their own
_PAIRS = 20  # of factors that have a bar


def _sheet(images: np.ndarray) -> np.ndarray:
  return image_lib.sheet(images, show.ACROSS)


def picture(look: show.Look) -> bytes:
  """Samples, then a row a factor, as one PNG file."""
  sheets = [_sheet(images) for images in (look.samples, *look.varied.values())]
  apart = [
    np.pad(s, ((0, 6), (0, 0), (0, 0)), constant_values=255) for s in sheets
  ]
  return image_lib.png(np.concatenate(apart))


def _samples(look: show.Look) -> Markup:
  shown = markup.image(_sheet(look.samples), 'samples', 'sheet')
  return markup.figure(shown, 'Images of the data set, drawn at random.')


def _varied(look: show.Look) -> Markup:
  """A row a factor."""
  rows = []
  for name, images in look.varied.items():
    strip = image_lib.sheet(images, len(images))
    share = round(len(images) / show.ACROSS, 3)
    shown = markup.image(strip, f'{name} varied', share=share)
    rows.append(markup.element('strip', name, shown))
  if not rows:
    return Markup()
  return markup.figure(
    markup.join(rows),
    'Each factor varied alone, the others held; of more than '
    f'{show.ACROSS} values, {show.ACROSS} spread over them.',
  )


def _called(factor: show.Count) -> Sequence[Any]:
  """What the bars of a factor are called; a bin is by where it begins."""
  if factor.edges is None:
    return factor.values or range(len(factor.images))
  step = factor.edges[1] - factor.edges[0]
  places = max(0, 1 - math.floor(math.log10(step)))
  return [markup.number(float(edge), places) for edge in factor.edges[:-1]]


def _histograms(look: show.Look) -> Markup:
  """How often each value is there; of a grid it needs no chart."""
  if not look.counts or look.varied:
    return Markup()
  panels = []
  for factor in look.counts:
    step = -(-len(factor.images) // _EACH)  # neighbours share a bar
    names = _called(factor)
    rows = [
      {'name': str(names[i]), 'value': int(factor.images[i : i + step].sum())}
      for i in range(0, len(factor.images), step)
    ]
    panels.append(
      charts.bars(rows, title=factor.name, numbers=False, value='images')
    )
  rows = [[f.name, int(f.images.sum()), f.missing] for f in look.counts]
  table = markup.table(['', 'images with a label', 'without'], rows)
  return markup.panels(
    panels,
    'How many images have each value of a factor; a continuous one is cut into '
    '20 bins from its least to its largest value, each named by where it '
    'begins.',
    above=table,
  )


def _dependence(look: show.Look) -> Markup:
  """The pairs of factors that go together most."""
  if not look.dependence:
    return Markup()
  rows = [
    {'name': f'{one}, {two}', 'value': charts.rounded(v)}
    for one, two, v in look.dependence[:_PAIRS]
  ]
  return markup.panels(
    [
      charts.bars(
        rows, title='Factors that go together', value='Cramér’s V', limit=1.0
      )
    ],
    f'Cramér’s V of the {len(rows)} strongest of {len(look.dependence)} pairs '
    'of factors in training: 0 where independent, 1 where one tells the other. '
    f'From {dependence.STRONG} on, scores that compare latents mislead, unless '
    'they are of the whole grid.',
  )


def figures(look: show.Look) -> Markup:
  """The figures of a data set."""
  parts = _samples, _varied, _histograms, _dependence
  return markup.join(part(look) for part in parts)


def section(view: View) -> page.Section:
  """The data that a run was trained on."""
  drawn = view.pictures
  return page.section('Data', *([figures(drawn.data)] if drawn else []))
