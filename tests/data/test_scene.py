"""The drawn room: geometry by hand, and the real frames where they are."""

import functools
import pathlib

import jax
import ml_collections
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.data import scene3d

FRAMES = pathlib.Path(__file__).parents[3] / 'shared/data/shapes3d_frames.npz'


def render(factors, **options) -> np.ndarray:
  draw = functools.partial(data.render_scene3d, **options)
  return np.asarray(jax.jit(draw)(factors))


@pytest.fixture(scope='module')
def frames() -> np.ndarray:
  """Factors of a few frames, and the frames."""
  factors = np.array(
    [
      [0, 3, 6, 0, 0, 7],
      [0, 3, 6, 7, 0, 7],
      [5, 3, 6, 7, 1, 7],
      [0, 3, 6, 4, 2, 0],
      [0, 3, 6, 4, 2, 14],
      [0, 3, 6, 4, 3, 7],
    ]
  )
  return render(factors)


def of_object(frame: np.ndarray) -> np.ndarray:
  """Where the blue of hue 6 is: (0, 0.4, 1) in any shade."""
  red, green, blue = np.moveaxis(frame, -1, 0)
  return (blue > 2 * green) & (blue > 0.2) & (red < 0.1)


def test_frames_are_what_their_factors_say(frames):
  assert frames.shape == (6, 64, 64, 3) and frames.dtype == np.float32
  assert frames.min() >= 0 and frames.max() <= 1
  c = scene3d.FITTED
  np.testing.assert_allclose(frames[:, 0, 0], [c.sky] * 6, atol=1e-6)
  # Cubes seen face on: as wide as the pinhole says, in pixels.
  for frame, size in zip(frames[:2], (0.75, 1.25)):
    half = c.cube * size
    wide = 2 * half * c.focal / (c.distance - half)
    assert abs(of_object(frame).any(0).sum() - wide) <= 2
  # The floor's hues, at the bottom: red, and the cyan opposite to it.
  assert frames[0, -1, 5, 0] > 0.5 and frames[0, -1, 5, 1:].max() < 1e-6
  assert frames[2, -1, 5, 0] < 1e-6 and frames[2, -1, 5, 1:].min() > 0.5
  # A sphere looks the same from both sides, and the room does not.
  one, two = (of_object(frames[i]) for i in (3, 4))
  assert np.mean(one != two) < 0.01 < np.mean(np.abs(frames[3] - frames[4]))
  tall = [np.ptp(np.flatnonzero(of_object(f).any(1))) for f in frames]
  assert tall[5] > 1.5 * tall[4]  # a capsule beside a sphere


def test_small_frames_are_means_of_blocks_and_shadows_fall(frames):
  factors = np.array([0, 3, 6, 0, 0, 7])
  small = render(factors, image_size=16)
  pooled = frames[0].reshape(16, 4, 16, 4, 3).mean((1, 3))
  np.testing.assert_allclose(small, pooled, atol=2e-3)
  lit = scene3d.FITTED._replace(ambient=0.0, head=0.0)
  dark = render(np.array([0, 3, 6, 4, 3, 14]), constants=lit)
  floor = dark[48:, :, 0]
  assert (floor == 0).sum() > 20 and (floor > 0.2).sum() > 300


def test_scene3d_is_a_data_set():
  config = ml_collections.ConfigDict(
    {
      'name': 'scene3d',
      'path': '',
      'image_size': 32,
      'factor_stride': (5, 5, 5, 7, 1, 7),
    }
  )
  made = data.load(config)
  assert made.factor_sizes == (2, 2, 2, 2, 4, 3) and made.num_images == 192
  shapes = ('cube', 'cylinder', 'sphere', 'capsule')
  called = [factor.values for factor in made.factors.factors]
  assert called == [(), (), (), (), shapes, ()]
  assert 'procedural' in made.description and 'thinned' in made.description
  index = np.r_[0:191:17, 191]
  factors = made.labels(index) * np.array([5, 5, 5, 7, 1, 7])
  np.testing.assert_array_equal(factors[-1], [5, 5, 5, 7, 3, 14])
  want = render(factors, image_size=32)
  np.testing.assert_allclose(made.images(index), want, atol=1e-5)
  with pytest.raises(ValueError, match='must divide 64'):
    data.load(ml_collections.ConfigDict({**config, 'image_size': 48}))
  with pytest.raises(ValueError, match='dataset.name=scene3d is drawn'):
    data.load(ml_collections.ConfigDict({**config, 'path': 'x.npz'}))
  with pytest.raises(ValueError, match='must be .* 6'):
    data.render_scene3d(np.zeros((2, 5), int))


@pytest.mark.skipif(not FRAMES.exists(), reason='the real frames are not here')
def test_frames_held_out_from_the_fit():
  with np.load(FRAMES) as real:
    images, factors = (real[k][3::4] for k in ('images', 'factors'))
  error = ((render(factors) - images / 255) ** 2).mean((1, 2, 3))
  assert np.mean(-10 * np.log10(error)) > 25
