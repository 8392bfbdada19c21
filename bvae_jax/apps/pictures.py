"""Images laid out in rows, and the files that they become."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from bvae_jax.report import markup

FORMATS = ('png', 'svg', 'gif', 'webp')
_GREY = 128


def to_bytes(images: Any) -> np.ndarray:
  """Images [..., H, W, C] in [0, 1] as uint8 of three channels."""
  scaled = np.clip(np.nan_to_num(np.asarray(images, np.float32)), 0, 1) * 255
  pixels = np.round(scaled).astype(np.uint8)
  if pixels.shape[-1] == 1:
    return pixels.repeat(3, axis=-1)
  fill = np.zeros((*pixels.shape[:-1], max(0, 3 - pixels.shape[-1])), np.uint8)
  return np.concatenate([pixels, fill], -1)[..., :3]


def tiled(images: Any, *, pad: int = 2, tile: int = 48) -> np.ndarray:
  """Images [R, S, H, W, C] as one picture, uint8 [H', W', 3].

  Each is enlarged by a whole factor to about `tile` pixels.
  """
  pixels = to_bytes(images)
  zoom = max(1, round(tile / pixels.shape[2]))
  pixels = pixels.repeat(zoom, 2).repeat(zoom, 3)
  rows, columns, height, width, _ = pixels.shape
  cells = np.full(
    (rows, height + pad, columns, width + pad, 3), _GREY, np.uint8
  )
  cells[:, :height, :, :width] = pixels.transpose(0, 2, 1, 3, 4)
  whole = cells.reshape(rows * (height + pad), -1, 3)
  return whole[: len(whole) - pad, : whole.shape[1] - pad]


def png(pixels: np.ndarray) -> bytes:
  """A PNG file of uint8 [H, W, 3]."""
  out = io.BytesIO()
  Image.fromarray(pixels).save(out, 'PNG', optimize=True)
  return out.getvalue()


def film(
  frames: Sequence[np.ndarray], kind: str, milliseconds: int = 80
) -> bytes:
  """A GIF or WebP that loops for ever, of frames uint8 [H, W, 3]."""
  first, *rest = (Image.fromarray(frame) for frame in frames)
  out = io.BytesIO()
  first.save(
    out, kind.upper(), save_all=True, append_images=rest, loop=0,
    duration=milliseconds, **({'lossless': True} if kind == 'webp' else {}),
  )  # fmt: skip
  return out.getvalue()


def back_and_forth(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
  """Frames that return to the first without a jump."""
  return [*frames, *list(frames)[-2:0:-1]]


def data_uri(kind: str, raw: bytes) -> str:
  """A file's bytes as an address that needs no file."""
  return f'data:image/{kind};base64,{base64.b64encode(raw).decode()}'


def labelled(
  images: Any,
  rows: Sequence[str],
  columns: Sequence[str] = (),
  title: str = '',
  *,
  tile: int = 48,
) -> str:
  """An SVG of images [R, S, H, W, C] with a label a row and a column."""
  pixels = tiled(images, tile=tile)
  cell = (pixels.shape[0] + 2) / len(rows)
  left = 12 + round(6.6 * max(map(len, rows)))
  top = (22 if title else 4) + (18 if columns else 0)
  parts = [
    markup.tag('text', markup.text(title), x=0, y=14, class_='title')
    if title
    else ''
  ]
  for i, name in enumerate(rows):
    y = top + (i + 0.5) * cell + 3
    parts.append(
      markup.tag('text', markup.text(name), x=left - 8, y=y, class_='end')
    )
  step = (pixels.shape[1] + 2) / max(len(columns), 1)
  for j, name in enumerate(columns):
    x = left + (j + 0.5) * step
    parts.append(
      markup.tag('text', markup.text(name), x=x, y=top - 6, class_='mid')
    )
  parts.append(
    markup.tag(
      'image', href=data_uri('png', png(pixels)), x=left, y=top,
      width=pixels.shape[1], height=pixels.shape[0],
    )
  )  # fmt: skip
  return drawing(
    ''.join(parts), left + pixels.shape[1] + 2, top + pixels.shape[0] + 4
  )


def drawing(content: str, width: float, height: float) -> str:
  """An <svg> that stands alone as a file and within a page."""
  width, height = round(width), round(height)
  style = (
    'text{font:11px system-ui,sans-serif;fill:currentColor}'
    '.title{font-size:12.5px;font-weight:600}.mid{text-anchor:middle}'
    '.end{text-anchor:end}image{image-rendering:pixelated}'
  )
  return (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    f'width="{width}" height="{height}" role="img"><style>{style}</style>'
    f'{content}</svg>'
  )
