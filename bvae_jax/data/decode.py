"""Image files as bytes: whatever was saved, as grey or RGB of one size."""

import contextlib
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bvae_jax.data import pixels

Ends = Mapping[str, tuple[float, float]]
FITS = ('crop', 'pad')
SUFFIXES = (
  *('.png', '.jpg', '.jpeg', '.jfif', '.webp', '.bmp', '.gif', '.tif', '.tiff'),
  *('.pgm', '.ppm', '.pbm', '.pnm', '.jpe', '.jp2', '.avif', '.tga', '.apng'),
)
# Those that may hold numbers over 8 bits.
_WIDE = ('.tif', '.tiff', '.pgm', '.pnm', '.png', '.jp2')
_PNG, _DEPTH = b'\x89PNG', 24  # its first bytes, and where its bits stand
_BYTES = 'u1', 0.0, 255.0  # of every other file
_GREY = ('1', 'L', 'LA', 'La', 'I', 'F')


def is_picture(name: str) -> bool:
  """Whether a file's name is an image's, and no hidden one."""
  return name[0] != '.' and name.lower().endswith(SUFFIXES)


def is_grey(path: pathlib.Path) -> bool:
  """Whether a file holds no colour, by its header alone.

  Raises:
    OSError: no image file.
  """
  from PIL import Image

  with Image.open(path) as image:
    if image.mode != 'P':
      return image.mode in _GREY or image.mode.startswith('I;16')
    colours = np.array(image.getpalette() or [0, 0, 0]).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def ends_of(paths: Iterable[pathlib.Path]) -> Ends:
  """The range of grey numbers, of all files of a type.

  One file alone may be dark or flat, and 16 bits may hold 0 to 255. What cannot
  be read is left out.

  Returns:
    The least and the largest value of each type, as 'u2'; all of 8 bits.
  """
  found = {}
  for path in paths:
    with contextlib.suppress(Exception):  # whoever decodes it says why
      wide = path.suffix.lower() in _WIDE
      kind, low, high = _extremes(path) if wide else _BYTES
      least, most = found.get(kind, (low, high))
      found[kind] = min(low, least), max(high, most)
  return found


def words_of(ends: Ends) -> str:
  """How the numbers of `ends_of` are read; empty where all are of 8 bits."""
  told = []
  for kind, limits in sorted(ends.items()):
    with contextlib.suppress(ValueError):  # told of each file
      told.append(pixels.scale_of(np.dtype(kind), *limits)[2])
  return ' and '.join(told) if {*ends} - {_BYTES[0]} else ''


def _extremes(path: pathlib.Path) -> tuple[str, float, float]:
  """The type of a file's numbers, the least and the largest of them.

  Raises:
    OSError: no image file.
    ValueError: no file, or a value that is no number.
  """
  from PIL import Image

  if not path.is_file():
    raise ValueError('no file')
  with open(path, 'rb') as stream:
    head = stream.read(_DEPTH + 1)
  if head.startswith(_PNG) and head[-1] < 16:
    return _BYTES
  with Image.open(path) as image:
    if image.mode[0] not in 'IF':
      return _BYTES
    values = np.asarray(image)
  return _kind(values), *pixels.extremes(values)


def _kind(values: np.ndarray) -> str:
  return values.dtype.str[1:]


def read(
  path: Any,
  image_size: int,
  channels: int,
  fit: str,
  ends: Ends = {},  # noqa: B006 (it is read)
) -> np.ndarray:
  """Decodes a file, uint8 [image_size, image_size, channels].

  Turned as EXIF says; the first frame of many; transparency over white; 16 bits
  to the nearest of 8; other numbers by their range, as `pixels.scale_of` tells
  it. Errors are those of the decoder, of any type.

  Args:
    path: the file, or a stream of it.
    image_size: height and width [pixels].
    channels: 1 or 3.
    fit: 'crop' the longer side about its middle, or 'pad' the shorter one.
    ends: the range of numbers over 8 bits by their type (`ends_of`); by default
      all 16 bits, or that of the file.
  """
  from PIL import Image, ImageOps

  with Image.open(path) as image:
    image.draft(None, (2 * image_size, 2 * image_size))  # of a large JPEG
    image.load()
    turned = ImageOps.exif_transpose(image)
  return resize(_plain(turned, channels, ends), image_size, fit)


def resize(image: Any, image_size: int, fit: str) -> np.ndarray:
  """A Pillow image, L or RGB, as uint8 [image_size, image_size, C].

  Raises:
    ValueError: padded, its shorter side would be less than half a pixel.
  """
  from PIL import Image, ImageOps

  method = ImageOps.fit if fit == 'crop' else ImageOps.pad
  size = image_size, image_size
  if fit == 'pad' and min(image.size) * image_size < max(image.size) / 2:
    raise ValueError(
      f'{image.size[0]}x{image.size[1]} is too thin to be seen in a square of '
      f'{image_size}'
    )
  if image.size != size:
    image = method(image, size, Image.Resampling.BILINEAR)
  return np.asarray(image, np.uint8).reshape(*size, -1)


def from_pixels(
  values: np.ndarray, image_size: int, channels: int, fit: str
) -> np.ndarray:
  """Resizes uint8 [H, W, 1 to 4] to uint8 [image_size, image_size, channels].

  Two channels are grey with transparency, four are RGB with transparency.
  """
  from PIL import Image

  mode = {1: 'L', 2: 'LA', 3: 'RGB', 4: 'RGBA'}[values.shape[-1]]
  squeezed = values[..., 0] if mode == 'L' else values
  image = Image.fromarray(np.ascontiguousarray(squeezed))
  return resize(_plain(image, channels), image_size, fit)


def _plain(image: Any, channels: int, ends: Ends = {}) -> Any:  # noqa: B006
  """A Pillow image of any mode as L or RGB, over white where transparent."""
  from PIL import Image

  if image.mode[0] in 'IF':  # I;16 is 16 bits, I and F are 32
    values = np.asarray(image)
    usual = (0, 65535) if ';' in image.mode else pixels.extremes(values)
    limits = ends.get(_kind(values), usual)
    offset, factor, _ = pixels.scale_of(values.dtype, *limits)
    image = Image.fromarray(pixels.to_bytes(values, offset, factor))
  if image.has_transparency_data:
    image = image.convert('RGBA')
    white = Image.new('RGBA', image.size, 'white')
    image = Image.alpha_composite(white, image)
  mode = 'L' if channels == 1 else 'RGB'
  if image.mode not in ('L', mode):
    image = image.convert('RGB')
  return image.convert(mode)
