"""A room with one solid in it, drawn on 3D Shapes' own grid of factors.

A pixel is the mean of the rays through it; of what a ray meets (`room`),

  colour = hsv(hue / 10, 1, 1) min(1, shade).
"""

import dataclasses

import jax
import jax.numpy as jnp

from bvae_jax.data import dataset, drawn, grid, pixels, room
from bvae_jax.data import factors as factors_lib
from bvae_jax.data.room import FITTED, SIZE, Constants

FACTOR_NAMES = (
  'floor_hue',
  'wall_hue',
  'object_hue',
  'scale',
  'shape',
  'orientation',
)
FACTOR_SIZES = (10, 10, 10, 8, 4, 15)
FACTORS = factors_lib.Grid.of(
  FACTOR_NAMES,
  FACTOR_SIZES,
  ('ordinal', 'ordinal', 'ordinal', 'ordinal', 'categorical', 'ordinal'),
  {'shape': ('cube', 'cylinder', 'sphere', 'capsule')},
)
_SAMPLES = 2  # rays a pixel, along each side


def _hue(hue: jax.Array, channel: int) -> jax.Array:
  """One channel of hsv(hue / 10, 1, 1)."""
  turned = hue.astype(jnp.float32) * 0.6
  k = jnp.mod((5, 3, 1)[channel] + turned, 6)
  return 1 - jnp.clip(jnp.minimum(k, 4 - k), 0, 1)


def _shares(met: jax.Array) -> jax.Array:
  """Of rays [R, ..., H, W]: floor, wall and solid, lit, and sky [..., 4]."""
  kind = jnp.floor(met / 2)
  shade = met - 2 * kind
  parts = [jnp.where(kind == k, shade, 0).mean(0) for k in range(3)]
  sky = (kind == 3).astype(jnp.float32).mean(0)
  return jnp.stack([*parts, sky], -1)


def _colour(shares: jax.Array, factors: jax.Array, c: Constants) -> jax.Array:
  """Colours [..., H, W, 3] of what is met [..., H, W, 4]."""
  *parts, sky = jnp.moveaxis(shares, -1, 0)
  hues = jnp.moveaxis(factors[..., :3], -1, 0)[..., None, None]

  def channel(i):
    return sky * c.sky[i] + sum(p * _hue(h, i) for p, h in zip(parts, hues))

  return jnp.stack([channel(i) for i in range(3)], -1)


def render_scene3d(
  factors: jax.Array, *, image_size: int = SIZE, constants: Constants = FITTED
) -> jax.Array:
  """Draws frames of the room, float32 [..., image_size, image_size, 3].

  The hues are tenths of the circle from red on, the scale 0.75 + s / 14, and
  the camera goes around the middle from one side to the other. A pixel is the
  mean over 2 x 2 rays; one of a smaller frame, that over its block of the 64x64
  frame.

  Args:
    factors: int [..., 6]: hue of the floor, of the walls and of the object, its
      scale, its shape (cube, cylinder, sphere, capsule), and the orientation,
      each below `FACTOR_SIZES`.
    image_size: height and width [pixels], a divisor of 64.
    constants: of the camera, the room and the light.

  Raises:
    ValueError: if `factors` does not end in 6 factors, or `image_size` is not
      a divisor of 64.

  Source: the grid is that of Burgess and Kim (2018), 3D Shapes dataset.
  """
  factors = jnp.asarray(factors)
  if factors.ndim < 1 or factors.shape[-1] != len(FACTOR_SIZES):
    raise ValueError(
      f'factors must be [..., 6] {FACTOR_NAMES}, got shape {factors.shape}'
    )
  return _colour(_seen(factors, image_size, constants), factors, constants)


def _seen(
  factors: jax.Array, image_size: int, constants: Constants
) -> jax.Array:
  """What the pixels see, whatever its hue: `_shares`."""
  width = pixels.block_width(image_size, SIZE)
  rays = _SAMPLES * width
  first = jnp.arange(image_size, dtype=jnp.float32) * width
  view = room.view(factors, constants)

  def meet(k):
    row = first + (k // rays + 0.5) / _SAMPLES
    column = first + (k % rays + 0.5) / _SAMPLES
    return room.trace(view, row, column, constants)

  return _shares(jax.lax.map(meet, jnp.arange(rays**2)))


def load(config) -> dataset.Dataset:
  """Returns the room drawn on the fly, on the whole grid or a thinned one.

  What pixels see depends on the scale, the shape and the orientation alone, 480
  combinations that are drawn once; an image is coloured when it is looked at.

  Args:
    config: see `drawn.on_grid`; `image_size` is a divisor of 64.

  Raises:
    ValueError: if one of its keys does not fit.
  """
  made = drawn.on_grid(
    config,
    "a procedural room on 3D Shapes' grid of factors (not the official "
    'archive; camera, colours and light fitted to 32 of its frames)',
    render_scene3d,
    3,
    FACTORS,
  )
  sizes, stride, _ = grid.thin(FACTOR_SIZES, config.factor_stride)
  count = grid.num_combinations(sizes[3:])

  def factors(index: jax.Array) -> jax.Array:
    return grid.index_to_factors(index, sizes) * jnp.array(stride)

  def seen(index: jax.Array) -> jax.Array:
    return _seen(factors(index), config.image_size, FITTED)

  # The last factors are the fastest: the first images have all combinations.
  first = jnp.arange(count)
  arrays = jax.jit(lambda x: jax.lax.map(seen, x, batch_size=32))(first)

  def images(arrays: jax.Array, index: jax.Array) -> jax.Array:
    return _colour(arrays[index % count], factors(index), FITTED)

  return dataclasses.replace(made, arrays=arrays, images_fn=images)
