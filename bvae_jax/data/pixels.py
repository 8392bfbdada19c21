"""Arrays of images as people store them: which axis, which range of values."""

import logging

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.data import dataset
from bvae_jax.data import factors as factors_lib

_LOG = logging.getLogger(__name__)
_ROWS = 1024  # images that are looked at together
_DARK = 8192  # of 16 bits: fewer are used than there are


def to_nhwc(shape: tuple[int, ...]) -> tuple[int, ...]:
  """Returns the order of axes that makes an array of images NHW or NHWC.

  Raises:
    ValueError: the axes cannot be told apart.
  """
  if len(shape) == 3 and min(shape[1:]) > 4:
    if shape[0] == shape[1] != shape[2]:
      _LOG.warning(
        'shape %s is read as %d images of %dx%d; if it is [H, W, N], save the '
        'transpose(2, 0, 1)',
        *(shape, *shape),
      )
    return (0, 1, 2)
  if len(shape) == 4:
    first, last = shape[1] <= 4, shape[3] <= 4
    if last and not first:
      return (0, 1, 2, 3)
    if first and not last:
      return (0, 2, 3, 1)
  raise ValueError(
    f'cannot tell height, width and channels apart in shape {shape}; save the '
    'images as [N, H, W], [N, H, W, C] or [N, C, H, W] with sides above 4 and '
    '1 to 4 channels'
  )


def scale_of(
  dtype: np.dtype, smallest: float, largest: float
) -> tuple[float, float, str]:
  """Returns (offset, factor, words): bytes are (x + offset) * factor.

  Args:
    dtype: of the images.
    smallest: of all their values.
    largest: of all their values.

  Raises:
    ValueError: the range is none that images have.
  """
  near = 1e-3 if dtype.kind == 'f' else 0
  inside = lambda low, high: low - near <= smallest <= largest <= high + near
  if dtype.kind == 'b':
    return 0, 255, 'bool'
  if inside(0, 1):
    return 0, 255, f'{dtype} from 0 to 1'
  if dtype.kind == 'f' and smallest > -0.2 and largest < 2:
    # Resizing overshoots so: neither -1 to 1 nor a dark 0 to 255.
    raise ValueError(
      f'values of {dtype} from {smallest:g} to {largest:g} are a little '
      'outside 0 to 1; clip them to it'
    )
  if inside(-1, 1):
    return 1, 127.5, f'{dtype} from -1 to 1'
  if inside(0, 255):
    return 0, 1, f'{dtype} from 0 to 255'
  if dtype.kind in 'iu' and inside(0, 65535):
    words = f'{dtype} from 0 to 65535'
    if largest < _DARK:
      words += f' (dark: the largest is {largest:.0f}; scale them to 65535)'
    return 0, 1 / 257, words
  raise ValueError(
    f'values of {dtype} from {smallest:g} to {largest:g} are no images; use 0 '
    'to 255, 0 to 1 or -1 to 1'
  )


def to_bytes(values: np.ndarray, offset: float, factor: float) -> np.ndarray:
  """Images in the range of `scale_of` as uint8, rounded to the nearest."""
  if values.dtype == np.uint8 and (offset, factor) == (0, 1):
    return values
  scaled = (values.astype(np.float32) + offset) * factor
  return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


def extremes(array: np.ndarray) -> tuple[float, float]:
  """The smallest and largest value, read some rows at a time.

  Raises:
    ValueError: no image, or a value that is no number.
  """
  if array.dtype.kind not in 'biuf':
    raise ValueError(f'images must be numbers or bool, got {array.dtype}')
  if not len(array):
    raise ValueError('the array holds no image')
  parts = [array[i : i + _ROWS] for i in range(0, len(array), _ROWS)]
  smallest = float(min(part.min() for part in parts))
  largest = float(max(part.max() for part in parts))
  if not np.isfinite([smallest, largest]).all():
    raise ValueError(
      'the images hold NaN or infinite values; save them without'
    )
  return smallest, largest


def block_width(image_size: int, full_size: int) -> int:
  """Returns the pooling width full_size / image_size.

  Raises:
    ValueError: if `image_size` is not a positive divisor of `full_size`.
  """
  if image_size < 1 or full_size % image_size:
    raise ValueError(
      f'image_size must divide {full_size}, got {image_size}; give '
      f'dataset.image_size={full_size} or a divisor'
    )
  return full_size // image_size


def of_bytes(
  name: str,
  description: str,
  images: np.ndarray,
  factors: factors_lib.Table | factors_lib.Grid | None,
) -> dataset.Dataset:
  """The data set of stored images, uint8 [N, H, W, C]."""
  count, *image_shape = images.shape
  return dataset.Dataset(
    name=name,
    description=description,
    image_shape=tuple(image_shape),
    num_images=count,
    arrays=images,
    images_fn=scaled,
    factors=factors,
  )


def scaled(arrays: jax.Array, index: jax.Array) -> jax.Array:
  """Bytes of the chosen images as float32 in [0, 1]."""
  return arrays[index].astype(jnp.float32) / 255
