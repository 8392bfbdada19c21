"""PNG and GIF: a reader finds the very pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from bvae_jax.report import images


def random_pixels(*shape, levels=256, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, levels, shape).astype(np.uint8)


def read_gif(raw):
  """Frames uint8 [T, H, W, 3], and the file's settings."""
  moving = Image.open(io.BytesIO(raw))
  frames = []
  for t in range(getattr(moving, 'n_frames', 1)):
    moving.seek(t)
    frames.append(np.asarray(moving.convert('RGB')))
  return np.stack(frames), moving.info


def as_rgb(pixels):
  return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))


@pytest.mark.parametrize('shape', [(1, 1, 1), (7, 5, 1), (4, 9, 3)])
def test_png_holds_the_pixels(shape):
  pixels = random_pixels(*shape)
  read = np.asarray(Image.open(io.BytesIO(images.png(pixels))))
  np.testing.assert_array_equal(read.reshape(shape), pixels)


@pytest.mark.parametrize(
  'frames',
  [
    random_pixels(2, 90, 90, 1),
    random_pixels(3, 60, 70, 1, levels=2),
    random_pixels(2, 30, 30, 3, levels=6),  # 216 colours
    random_pixels(1, 1, 1, 3),
  ],
  ids=['noise', 'binary', 'colours', 'pixel'],
)
def test_gif_holds_the_pixels_of_up_to_256_colours(frames):
  found, _ = read_gif(images.gif(frames))
  np.testing.assert_array_equal(found, as_rgb(frames))


def test_gif_reduces_more_colours_with_a_small_error():
  y, x = np.mgrid[:48, :48]
  frame = np.stack([5 * x, 5 * y, 2 * (x + y)], -1).astype(np.uint8)
  found, _ = read_gif(images.gif(frame[None]))
  assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 2000
  assert np.abs(found[0].astype(float) - frame).mean() < 6.0


def test_gif_loops_at_its_pace():
  frames = random_pixels(3, 20, 30, 3, levels=5)
  found, info = read_gif(images.gif(frames, milliseconds=80))
  assert (len(found), info['duration'], info['loop']) == (3, 80, 0)


def test_to_uint8_rounds_and_clips():
  values = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan])[:, None]
  np.testing.assert_array_equal(
    images.to_uint8(values)[:, 0], [0, 0, 128, 255, 255, 0]
  )


@pytest.mark.parametrize(
  'pixels',
  [np.zeros((2, 2, 1)), random_pixels(2, 2), random_pixels(2, 2, 4)],
  ids=['float', 'rank', 'channels'],
)
def test_wrong_pixels_are_refused_by_shape(pixels):
  with pytest.raises(ValueError, match=str(pixels.shape[-1])):
    images.png(pixels)
