"""Image files as bytes: whatever was saved, as grey or RGB of one size."""

import pathlib
from typing import Any

import numpy as np

from bvae_jax.data import pixels

FITS = ('crop', 'pad')
SUFFIXES = (
  *('.png', '.jpg', '.jpeg', '.jfif', '.webp', '.bmp', '.gif', '.tif', '.tiff'),
  *('.pgm', '.ppm'),
)
WIDE = ('.tif', '.tiff', '.pgm')  # which may hold numbers of 32 bits
_GREY = ('1', 'L', 'LA', 'La', 'I', 'F')


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


def extremes(path: pathlib.Path) -> tuple[float, float] | None:
  """The least and the largest number of a file of 32 bits, None of any other.

  Raises:
    OSError: no image file.
    ValueError: a value that is no number.
  """
  from PIL import Image

  with Image.open(path) as image:
    wide = image.mode in ('I', 'F')
    return pixels.extremes(np.asarray(image)) if wide else None


def read(
  path: Any,
  image_size: int,
  channels: int,
  fit: str,
  ends: tuple[float, float] | None = None,
) -> np.ndarray:
  """Decodes a file, uint8 [image_size, image_size, channels].

  Turned as EXIF says; the first frame of many; transparency over white; 16 bits
  to the nearest of 8; numbers of 32 by their range, as `pixels.scale_of` tells
  it. Errors are those of the decoder, of any type.

  Args:
    path: the file, or a stream of it.
    image_size: height and width [pixels].
    channels: 1 or 3.
    fit: 'crop' the longer side about its middle, or 'pad' the shorter one.
    ends: the range of numbers of 32 bits; by default that of the file.
  """
  from PIL import Image, ImageOps

  with Image.open(path) as image:
    image.draft(None, (2 * image_size, 2 * image_size))  # of a large JPEG
    image.load()
    turned = ImageOps.exif_transpose(image)
  return resize(_plain(turned, channels, ends), image_size, fit)


def resize(image: Any, image_size: int, fit: str) -> np.ndarray:
  """A Pillow image, L or RGB, as uint8 [image_size, image_size, C]."""
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
  pixels: np.ndarray, image_size: int, channels: int, fit: str
) -> np.ndarray:
  """Resizes uint8 [H, W, 1 to 4] to uint8 [image_size, image_size, channels].

  Two channels are grey with transparency, four are RGB with transparency.
  """
  from PIL import Image

  mode = {1: 'L', 2: 'LA', 3: 'RGB', 4: 'RGBA'}[pixels.shape[-1]]
  squeezed = pixels[..., 0] if mode == 'L' else pixels
  image = Image.fromarray(np.ascontiguousarray(squeezed))
  return resize(_plain(image, channels), image_size, fit)


def _plain(
  image: Any, channels: int, ends: tuple[float, float] | None = None
) -> Any:
  """A Pillow image of any mode as L or RGB, over white where transparent."""
  from PIL import Image

  if image.mode[0] in 'IF':  # I;16 is 16 bits, I and F are 32
    values = np.asarray(image)
    if ';' in image.mode:
      ends = 0, 65535
    ends = ends or pixels.extremes(values)
    offset, factor, _ = pixels.scale_of(values.dtype, *ends)
    image = Image.fromarray(pixels.to_bytes(values, offset, factor))
  if image.has_transparency_data:
    image = image.convert('RGBA')
    white = Image.new('RGBA', image.size, 'white')
    image = Image.alpha_composite(white, image)
  mode = 'L' if channels == 1 else 'RGB'
  if image.mode not in ('L', mode):
    image = image.convert('RGB')
  return image.convert(mode)
