"""dSprites whose colours and backgrounds are drawn anew at every look."""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from bvae_jax import data
from bvae_jax.data import variants
from bvae_jax.losses import wiring
from bvae_jax.training import batches

INDEX = jnp.array([5, 70_000, 70_000, 700_000])


def masks(dataset: data.Dataset) -> np.ndarray:
  return np.asarray(jax.jit(data.render_dsprites)(dataset.labels(INDEX)))


@pytest.mark.parametrize('name', variants.NAMES)
def test_evaluation_sees_the_same_noise_and_training_fresh_noise(name):
  dataset = helpers.dataset(name=name)
  assert dataset.image_shape == (64, 64, 3) and dataset.num_images == 737_280
  one, two = (np.asarray(dataset.images(INDEX)) for _ in range(2))
  np.testing.assert_array_equal(one, two)
  np.testing.assert_array_equal(one[1], one[2])
  assert one.min() >= 0 and one.max() <= 1
  keys = jax.random.split(jax.random.key(3), 4)
  look = jax.jit(dataset.noisy_fn)
  fresh = np.asarray(look(dataset.arrays, INDEX, keys))
  assert np.abs(fresh[1] - fresh[2]).mean() > 1e-3
  lit = masks(dataset)[..., 0] == 1
  if name == 'dsprites_color':
    assert not fresh[~lit].any() and fresh[lit].min() >= 0.5
    assert all(np.ptp(f[m], axis=0).max() == 0 for f, m in zip(fresh, lit))
  elif name == 'dsprites_noisy':
    assert (fresh[lit] == 1).all()
    assert abs(fresh[~lit].mean() - 0.5) < 0.01
    assert abs(fresh[~lit].std() - 12**-0.5) < 0.01
  else:  # Inverted inside the sprite, so a flat picture stays two-valued.
    flat = jnp.full((80, 80, 3), 0.5)
    images = np.asarray(look(flat, INDEX, keys))
    inside, outside = images[0][lit[0]][0], images[0][~lit[0]][0]
    np.testing.assert_allclose(inside + outside, 1, atol=1e-6)
    assert np.ptp(images[0][lit[0]], axis=0).max() < 1e-6


def test_each_place_of_a_batch_draws_its_own_noise():
  dataset = helpers.dataset(name='dsprites_color')
  context = wiring.Context(lambda *_: jnp.zeros(()), 4, 4)

  def look(noise: int, shard=lambda x: x) -> np.ndarray:
    source = batches.Source(
      dataset,
      lambda index, keys: dataset.noisy_fn((), index, keys),
      context._replace(shard=shard),
      jax.random.key(0),
      noise=jax.random.key(noise),
    )
    return np.asarray(batches.look_up({'images': INDEX}, source)['images'])

  whole = look(1)
  assert (whole[1] != whole[2]).any() and (whole != look(2)).any()
  # A device's share of the batch is what one device alone would see of it.
  np.testing.assert_array_equal(look(1, lambda x: x[2:]), whole[2:])


def test_a_picture_of_ones_own(tmp_path):
  path = tmp_path / 'red.png'
  Image.new('RGB', (90, 70), (255, 0, 0)).save(path)
  dataset = helpers.dataset(
    name='dsprites_textured', path=str(path), image_size=32
  )
  np.testing.assert_allclose(dataset.arrays, [[[1, 0, 0]] * 160] * 160)
  assert 'red.png' in dataset.description
  corner = dataset.images(INDEX)[:, 0, 0]
  assert (corner[:, 0] >= 0.5).all() and (corner[:, 1:] <= 0.5).all()
  path.write_text('no picture')
  with pytest.raises(ValueError, match='cannot be read as a picture'):
    helpers.dataset(name='dsprites_textured', path=str(path))
  with pytest.raises(FileNotFoundError, match='give a picture'):
    helpers.dataset(name='dsprites_textured', path='nowhere.png')
  with pytest.raises(ValueError, match='dataset.name=dsprites_noisy is drawn'):
    helpers.dataset(name='dsprites_noisy', path=str(path))
