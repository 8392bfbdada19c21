"""The file: a template, its style and scripts, and the data inline."""

import base64
import html
import io
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax import config as config_lib
from bvae_jax.data import tiles
from bvae_jax.explore import content
from bvae_jax.models import graph

LIMIT = 5_000_000  # bytes, over which a page leaves out what it can
LARGEST = 64_000_000  # bytes, over which there is none
_HERE = pathlib.Path(__file__).parent
_SCRIPTS = [
  'network',
  'state',
  'panels',
  'scatter',
  'gif',
  'saving',
  'explorer',
]
_COLUMNS = 25  # images side by side in a sheet


def assemble(found: content.Content) -> str:
  """The page, one self-contained file."""
  text = _read('explorer.html')
  parts = {
    'TITLE': html.escape(found.title),
    'STYLE': _read('explorer.css'),
    'REPORT': '<a href="report.html">Report</a>\n' * found.scored,
    'SHEETS': _sheets(found),
    'DATA': _json(_data(found)),
    'SCRIPT': '\n'.join(_read(f'{name}.js') for name in _SCRIPTS),
  }
  for name, part in parts.items():
    text = text.replace(f'<!--{name}-->', part)
  return text


def sorry(title: str, reason: str) -> str:
  """A page in place of one that cannot be made; says why."""
  return (
    f'<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title>'
    f'<p>No explorer of {html.escape(title)}: {html.escape(reason)}.</p>\n'
  )


def _read(name: str) -> str:
  return (_HERE / name).read_text(encoding='utf-8')


def _json(value: Any) -> str:
  """JSON that may stand in a script element."""
  text = json.dumps(config_lib.plain(value), separators=(',', ':'))
  return text.replace('<', '\\u003c')


def _data(found: content.Content) -> dict[str, Any]:
  return {
    'title': found.title,
    'description': found.description,
    'shape': found.images.shape[1:],
    'images': _layout(found.images),
    'factors': [
      {'name': f.name, 'values': f.values, 'classes': f.kind == 'categorical'}
      for f in found.factors
    ],
    'labels': found.labels,
    'values': found.values,
    'grid': _layout(found.grid) if len(found.grid) else None,
    'members': [_member(member) for member in found.members],
    'points': found.points,
    'prior': _half([found.prior]),
    'measure': ['variance', 'of the largest']
    if found.points
    else ['KL', 'nats'],
  }


def _member(member: content.Member) -> dict[str, Any]:
  rounded = lambda x: np.round(np.asarray(x, np.float64), 5)
  return {
    'place': member.place,
    'seed': member.seed,
    'about': member.about,
    'mean': _half([member.mean]),
    **{
      name: rounded(getattr(member, name))
      for name in ('sigma', 'kl', 'low', 'high', 'shares')
    },
    'encoder': _network(member.networks.encoder),
    'decoder': _network(member.networks.decoder),
  }


def _network(layers: Sequence[graph.Layer]) -> dict[str, Any]:
  return {
    'layers': [
      {
        'op': layer.operation,
        'inputs': layer.inputs,
        'shape': layer.shape,
        'weights': [w.shape for w in layer.weights],
      }
      for layer in layers
    ],
    'data': _half([w for layer in layers for w in layer.weights]),
  }


def _half(arrays: Sequence[np.ndarray]) -> str:
  """Arrays one after the other as little-endian float16, in base64."""
  largest = float(np.finfo(np.float16).max)
  flat = [np.clip(a, -largest, largest).astype('<f2').ravel() for a in arrays]
  raw = b''.join(a.tobytes() for a in flat)
  return base64.b64encode(raw).decode()


def _layout(images: np.ndarray) -> dict[str, int]:
  return {'columns': min(_COLUMNS, len(images)), 'count': len(images)}


def _sheets(found: content.Content) -> str:
  """The images' sheets as elements, which are there when the page is loaded."""
  parts = {'images-sheet': found.images, 'grid-sheet': found.grid}
  return ''.join(
    f'<img id="{name}" alt="" hidden src="{sheet(images)}">\n'
    for name, images in parts.items()
    if len(images)
  )


def sheet(images: np.ndarray) -> str:
  """Images uint8 [N, H, W, C] side by side, as an image file in a data URI.

  WebP, lossless, or of quality 85 where that would take over half a megabyte.
  """
  from bvae_jax.report import images as image_lib  # the library of pictures

  shown = image_lib.visible(images)
  whole = tiles.tiled(shown, _layout(images)['columns'])
  picture = image_lib.picture(whole)
  raw = _encoded(picture, lossless=True)
  if len(raw) > 500_000:
    raw = _encoded(picture, quality=85, method=2)
  return image_lib.data_uri('webp', raw)


def _encoded(picture: Any, **options: Any) -> bytes:
  stream = io.BytesIO()
  picture.save(stream, format='WEBP', **options)
  return stream.getvalue()
