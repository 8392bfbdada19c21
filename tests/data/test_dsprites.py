"""The renderer against real frames, and against polygons drawn in float64."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.data import dsprites

FRAMES = pathlib.Path(__file__).with_name('dsprites_frames.npz')

render = jax.jit(data.render_dsprites, static_argnames='image_size')


def random_factors(count: int) -> np.ndarray:
  rng = np.random.default_rng(0)
  return rng.integers(0, dsprites.FACTOR_SIZES, (count, 5), dtype=np.int32)


def outline(shape: int) -> np.ndarray:
  """The three outlines as fine polygons [vertex, (right, down)]."""
  t = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
  if shape == 0:
    return 9.5982 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
  if shape == 1:
    return np.stack([12.7659 * np.cos(t), 7.21235 * np.sin(t)], axis=-1)
  cosines = [np.cos(k * t) for k in range(1, 5)]
  down = -1.43646 - 0.662188 * np.array([13, -5, -2, -1]) @ cosines
  return np.stack([9.59382 * np.sin(t) ** 3, down], axis=-1)


def draw(factors: np.ndarray) -> np.ndarray:
  """Fills the turned polygon by counting crossings to the left [64, 64]."""
  shape, scale, orientation, x, y = factors
  angle = 2 * np.pi * orientation / 39
  turn = np.array(
    [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
  )
  centre = 15.5 + 32 * np.array([x, y]) / 31
  begin = (0.5 + 0.1 * scale) * outline(shape) @ turn.T + centre
  end = np.roll(begin, -1, axis=0)
  image = np.zeros((64, 64), bool)
  for row in range(64):
    crosses = (begin[:, 1] <= row) != (end[:, 1] <= row)
    (x0, y0), (x1, y1) = begin[crosses].T, end[crosses].T
    column = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
    image[row] = (column[:, None] <= np.arange(64)).sum(0) % 2
  return image


def test_equals_real_frames_in_every_pixel():
  with np.load(FRAMES) as frames:
    real = np.unpackbits(frames['bits'], axis=-1).reshape(-1, 64, 64)
    drawn = render(frames['factors'].astype(np.int32))
  assert len(real) == 200
  np.testing.assert_array_equal(drawn[..., 0], real)


def test_equals_polygons():
  factors = random_factors(60)
  expected = np.stack([draw(f) for f in factors])
  drawn = np.asarray(render(factors))[..., 0]
  assert drawn.dtype == np.float32
  assert set(np.unique(drawn)) == {0.0, 1.0}
  # 60 frames have some 2,500 pixels on an outline; a tie may fall either way.
  assert np.sum(drawn != expected) <= 2


@pytest.mark.parametrize(
  'factors, rows, columns, count',
  [
    # Square: half side 9.5982 about 15.5, then 4.7991 about 47.5 and 15.5.
    ((0, 5, 0, 0, 0), (6, 25), (6, 25), 400),
    ((0, 0, 0, 0, 31), (43, 52), (11, 20), 100),
    # Ellipse: half axes 12.77 and 7.21, wide at orientation 0.
    ((1, 5, 0, 0, 31), (41, 54), (3, 28), 288),
    # Heart: tip down, and to the right after 92 degrees.
    ((2, 5, 0, 0, 0), (7, 23), (6, 25), 222),
    ((2, 5, 10, 0, 0), (7, 25), (6, 24), 225),
  ],
)
def test_extent(factors, rows, columns, count):
  image = np.asarray(render(jnp.array(factors)))[..., 0]
  lit_rows, lit_columns = np.nonzero(image)
  assert (lit_rows.min(), lit_rows.max()) == rows
  assert (lit_columns.min(), lit_columns.max()) == columns
  assert image.sum() == count


def test_first_and_last_orientation_are_the_same_image():
  factors = random_factors(64)
  first, last = (render(jnp.array(factors).at[:, 2].set(o)) for o in (0, 39))
  np.testing.assert_array_equal(first, last)


@pytest.mark.parametrize('size', [32, 16, 1])
def test_smaller_frames_are_block_means(size):
  factors = random_factors(8)
  full = np.asarray(render(factors))
  width = 64 // size
  expected = full.reshape(8, size, width, size, width, 1).mean((2, 4))
  drawn = render(factors, image_size=size)
  np.testing.assert_allclose(drawn, expected, atol=1e-6)


def test_frames_are_the_same_under_x64():
  index = np.random.default_rng(0).integers(0, 737_280, 200)
  draw = lambda: np.asarray(
    data.render_dsprites(
      data.index_to_factors(index, dsprites.FACTOR_SIZES), image_size=32
    )
  )
  expected = draw()
  with jax.enable_x64(True):
    found = draw()
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, expected)


def test_jit_and_vmap_equal_eager():
  factors = random_factors(12).reshape(3, 4, 5)
  eager = data.render_dsprites(factors, image_size=32)
  np.testing.assert_array_equal(render(factors, image_size=32), eager)
  one_by_one = jax.vmap(
    jax.vmap(lambda f: data.render_dsprites(f, image_size=32))
  )
  np.testing.assert_array_equal(one_by_one(factors), eager)


@pytest.mark.parametrize(
  'shape, size, message',
  [
    ((4, 6), 64, r'got shape \(4, 6\)'),
    ((), 64, r'got shape \(\)'),
    ((4, 5), 48, 'must divide 64, got 48'),
    ((4, 5), 0, 'must divide 64, got 0'),
  ],
)
def test_bad_input(shape, size, message):
  with pytest.raises(ValueError, match=message):
    data.render_dsprites(jnp.zeros(shape, int), image_size=size)
