"""dSprites drawn from its factors, so that no download is needed.

Each sprite is a polygon, turned, scaled and moved, and a pixel is lit when its
centre lies inside, as a graphics card fills a polygon without smoothing. A row
of pixels is the exclusive or over the polygon's edges of "lit from the crossing
on", held in two 32-bit words, so that a frame costs little more than its
outline.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.data import dataset, grid

FACTOR_SIZES = (3, 6, 40, 32, 32)
FACTOR_NAMES = ('shape', 'scale', 'orientation', 'x', 'y')
SIZE = 64
_NUM_VERTICES = 128


def _outlines() -> np.ndarray:
  """Returns the three outlines at scale 1 [3, vertex, (right, down)], pixels.

  The square has half side 9.6, the ellipse half axes 12.78 and 7.22, the heart
  is a short Fourier series symmetric about its vertical axis. The constants
  were fitted offline to 200 labelled frames of the real archive: every pixel
  centre of every frame was carried back to the sprite's own frame, and the
  outline moved until the lit centres lay inside and the others outside.
  """
  t = np.linspace(0, 2 * np.pi, _NUM_VERTICES, endpoint=False)
  k = np.arange(5)[:, None]
  corners = 9.6 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
  square = np.repeat(corners, _NUM_VERTICES // 4, axis=0)
  ellipse = np.stack([12.78 * np.cos(t), 7.22 * np.sin(t)], axis=-1)
  right = np.array([0, 7.12210, -0.16283, -2.46994, -0.00964])
  down = np.array([-1.38216, -8.37292, 3.53075, 1.44863, 0.69645])
  heart = np.stack([right @ np.sin(k * t), down @ np.cos(k * t)], axis=-1)
  return np.stack([square, ellipse, heart]).astype(np.float32)


_OUTLINES = _outlines()


def render_dsprites(factors: jax.Array, *, image_size: int = SIZE) -> jax.Array:
  """Draws dSprites frames, float32 [..., image_size, image_size, 1].

  Scale is 0.5 + 0.1 s; the angle 2 pi o / 39, counter-clockwise, so that the
  first and last orientation coincide; the centre moves from pixel 15.5 to 47.5.
  At size 64 pixels are 0 or 1. A smaller size is the mean over blocks of the
  64x64 frame, in [0, 1]: its grey edges keep the position below a pixel.

  Args:
    factors: int [..., 5]: shape (square, ellipse, heart), scale, orientation,
      x, y, below `FACTOR_SIZES`.
    image_size: height and width [pixels], a divisor of 64.

  Raises:
    ValueError: if `factors` does not end in 5 factors, or `image_size` is not
      a divisor of 64.

  Source: Matthey et al. (2017), dSprites: disentanglement testing sprites.
  """
  factors = jnp.asarray(factors)
  if factors.ndim < 1 or factors.shape[-1] != len(FACTOR_SIZES):
    raise ValueError(
      f'factors must be [..., 5] {FACTOR_NAMES}, got shape {factors.shape}'
    )
  width = dataset.check_image_size(image_size, SIZE)
  words = _fill(*_vertices(factors))
  # Blocks never straddle a word: width divides 32, save for the 64-pixel block.
  start = jnp.arange(0, SIZE, min(width, 32), dtype=jnp.uint32)
  block = words[..., start // 32] >> (start % 32)
  block &= jnp.uint32((1 << min(width, 32)) - 1)
  lit = jax.lax.population_count(block).astype(jnp.float32)
  lit = lit.reshape(*lit.shape[:-2], image_size, width, image_size, -1)
  return lit.sum((-3, -1))[..., None] / (width * width)


def _vertices(factors: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns the vertices' positions on the screen, x and y, each [..., V]."""
  shape, scale, orientation, x, y = jnp.moveaxis(factors, -1, 0)[..., None]
  angle = 2 * jnp.pi / 39 * orientation
  size = 0.5 + 0.1 * scale
  cos, sin = size * jnp.cos(angle), size * jnp.sin(angle)
  right, down = jnp.moveaxis(jnp.asarray(_OUTLINES)[shape[..., 0]], -1, 0)
  return (
    cos * right + sin * down + (15.5 + 32 / 31 * x),
    cos * down - sin * right + (15.5 + 32 / 31 * y),
  )


def _fill(x: jax.Array, y: jax.Array) -> jax.Array:
  """Returns the lit pixels of each row as bits, uint32 [..., 64, 2].

  Pixel (i, j) is the point (j, i). An edge that crosses row i at x = c flips
  the pixels j >= c, so a pixel with an odd number of crossings on its left is
  inside.

  Args:
    x: the vertices' columns [..., V].
    y: the vertices' rows [..., V].
  """
  x, y = x[..., None, :], y[..., None, :]
  next_x, next_y = jnp.roll(x, -1, axis=-1), jnp.roll(y, -1, axis=-1)
  row = jnp.arange(SIZE, dtype=x.dtype)[:, None]
  crossed = (y <= row) != (next_y <= row)
  slope = (next_x - x) / jnp.where(next_y == y, 1, next_y - y)
  first = jnp.ceil(x + (row - y) * slope)
  first = jnp.where(crossed, first, SIZE).astype(jnp.int32)
  return jnp.stack([_xor(_bits_from(first)), _xor(_bits_from(first - 32))], -1)


def _bits_from(first: jax.Array) -> jax.Array:
  """Returns words whose bits from `first` up are set, none from 32 on."""
  shift = jnp.clip(first, 0, 31).astype(jnp.uint32)
  ones = jnp.uint32(0xFFFFFFFF) << shift
  return jnp.where(first < 32, ones, jnp.uint32(0))


def _xor(words: jax.Array) -> jax.Array:
  """Returns the exclusive or over the last axis."""
  return jax.lax.reduce(
    words, jnp.uint32(0), jax.lax.bitwise_xor, (words.ndim - 1,)
  )


def load(config) -> dataset.Dataset:
  """Returns dSprites drawn on the fly, whole or thinned.

  Args:
    config: `image_size`, a divisor of 64, and `factor_stride`.

  Raises:
    ValueError: if one of them does not fit.
  """
  sizes, stride, thinning = dataset.thin(FACTOR_SIZES, config.factor_stride)
  dataset.check_image_size(config.image_size, SIZE)
  return dataset.Dataset(
    name='dsprites',
    description=(
      'dSprites, re-rendered procedurally (not the official archive)' + thinning
    ),
    factor_sizes=sizes,
    factor_names=FACTOR_NAMES,
    image_shape=(config.image_size, config.image_size, 1),
    arrays=(),
    images_fn=functools.partial(
      _images, sizes=sizes, stride=stride, image_size=config.image_size
    ),
  )


def _images(arrays, index, *, sizes, stride, image_size) -> jax.Array:
  """Draws the frames at positions of the thinned grid."""
  del arrays  # Nothing is stored.
  factors = grid.index_to_factors(index, sizes) * jnp.array(stride)
  return render_dsprites(factors, image_size=image_size)
