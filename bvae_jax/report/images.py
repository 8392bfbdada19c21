"""Arrays as pictures: PNG and GIF files, and addresses that hold them."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from bvae_jax.data import tiles

_GREY = 128  # between pictures


def to_uint8(images: Any) -> np.ndarray:
  """Images in [0, 1] as bytes of one channel or three; NaN as black."""
  scaled = np.nan_to_num(np.asarray(images, np.float32)) * 255.0
  return visible(np.clip(np.round(scaled), 0, 255).astype(np.uint8))


def visible(pixels: np.ndarray) -> np.ndarray:
  """Pixels [..., C] of one channel or three.

  Two channels are shown as red and green; of more than three, the first three.
  """
  if pixels.shape[-1] == 2:
    return np.concatenate([pixels, np.zeros_like(pixels[..., :1])], -1)
  return pixels[..., :3]


def picture(pixels: np.ndarray) -> Image.Image:
  """uint8 [H, W, 1 or 3] as a picture of Pillow.

  Raises:
    ValueError: another dtype, rank or number of channels.
  """
  if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((1,), (3,)):
    raise ValueError(
      'expected uint8 pixels [H, W, C] with 1 or 3 channels, got '
      f'{pixels.dtype} {pixels.shape}'
    )
  return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def grid(images: np.ndarray, pad: int = 1) -> np.ndarray:
  """Lays images in [0, 1], [R, S, H, W, C], out as uint8 [H', W', C].

  `pad` grey pixels lie between neighbours and none around the whole.

  Raises:
    ValueError: another rank.
  """
  if np.ndim(images) != 5:
    raise ValueError(
      f'expected images [rows, columns, H, W, C], got {np.shape(images)}'
    )
  rows, columns, *shape = np.shape(images)
  return sheet(np.reshape(images, (rows * columns, *shape)), columns, pad)


def sheet(images: np.ndarray, columns: int, pad: int = 1) -> np.ndarray:
  """`grid` of images [N, H, W, C], the last row filled up with grey."""
  return tiles.tiled(to_uint8(images), columns, pad=pad, fill=_GREY)


def enlarged(images: np.ndarray, zoom: int) -> np.ndarray:
  """Images [..., H, W, C], each pixel as `zoom` x `zoom` of its kind."""
  return np.repeat(np.repeat(images, zoom, -3), zoom, -2)


def png(pixels: np.ndarray) -> bytes:
  """Encodes uint8 [H, W, 1 or 3] as a PNG file.

  Raises:
    ValueError: another dtype, rank or number of channels.
  """
  file = io.BytesIO()
  picture(pixels).save(file, 'PNG', optimize=True)
  return file.getvalue()


def gif(frames: np.ndarray, *, milliseconds: int = 60) -> bytes:
  """Encodes uint8 [T, H, W, 1 or 3] as a GIF that loops for ever.

  All frames share one table of colours; more than 256 are reduced.

  Args:
    frames: the pictures.
    milliseconds: time that each stays, a multiple of 10.

  Raises:
    ValueError: another dtype, rank or number of channels.
  """
  size, height, width = frames.shape[:3]
  whole = picture(frames.reshape(size * height, width, -1))
  if whole.mode == 'RGB':
    whole = whole.quantize(256, dither=Image.Dither.NONE)
  boxes = [(0, t * height, width, (t + 1) * height) for t in range(size)]
  return _looped([whole.crop(box) for box in boxes], 'gif', milliseconds)


def film(
  frames: Sequence[np.ndarray], kind: str, milliseconds: int = 80
) -> bytes:
  """A GIF or WebP that loops for ever, of frames uint8 [H, W, 1 or 3].

  Each frame of a GIF has a table of colours of its own.
  """
  return _looped(list(map(picture, frames)), kind, milliseconds)


def _looped(
  pictures: Sequence[Image.Image], kind: str, milliseconds: int
) -> bytes:
  first, *rest = pictures
  file = io.BytesIO()
  first.save(
    file,
    kind.upper(),
    save_all=True,
    append_images=rest,
    loop=0,
    duration=milliseconds,
    **({'lossless': True} if kind == 'webp' else {}),
  )
  return file.getvalue()


def data_uri(kind: str, raw: bytes) -> str:
  """A file's bytes as an address that needs no file."""
  return f'data:image/{kind};base64,{base64.b64encode(raw).decode()}'
