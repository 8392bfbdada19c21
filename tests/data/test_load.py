"""Data sets by name: the drawn one, and a small archive of dSprites' layout."""

import pathlib

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.data import pixels

ARCHIVE_SIZES = (3, 2, 2, 3, 2)

# One program a shape: its operations one by one take longer to compile.
render = jax.jit(data.render_dsprites, static_argnames='image_size')


def members(seed: int = 0) -> dict[str, np.ndarray]:
  """An archive's arrays, in a random order of the grid."""
  factors = np.array(data.factor_grid(ARCHIVE_SIZES))
  factors = np.random.default_rng(seed).permutation(factors)
  images = np.asarray(render(factors))[..., 0]
  color = np.zeros((len(factors), 1), np.int64)
  return {
    'imgs': images.astype(np.uint8),
    'latents_classes': np.concatenate([color, factors], axis=1),
    # The real archive has a pickled member, which nobody may open.
    'metadata': np.array({'pickled': True}, object),
  }


def write(path: pathlib.Path, **changes) -> str:
  """Writes an archive; a change to None leaves the member out."""
  arrays = members() | changes
  np.savez_compressed(
    path, **{k: v for k, v in arrays.items() if v is not None}
  )
  return str(path)


@pytest.fixture(scope='module')
def archive(tmp_path_factory) -> str:
  return write(tmp_path_factory.mktemp('data') / 'small.npz')


def test_dsprites():
  dataset = helpers.dataset()
  assert dataset.factor_sizes == (3, 6, 40, 32, 32)
  assert dataset.factor_names == ('shape', 'scale', 'orientation', 'x', 'y')
  assert dataset.num_images == 737_280
  assert dataset.image_shape == (64, 64, 1)
  assert 're-rendered procedurally (not the official' in dataset.description
  index = jnp.array([[0, 737_279], [5, 400_000]])
  np.testing.assert_array_equal(
    dataset.images(index), render(dataset.labels(index))
  )
  # JAX compiles a function once: under equal settings it is the same one.
  assert helpers.dataset().images_fn is dataset.images_fn
  assert helpers.dataset(image_size=32).images_fn is not dataset.images_fn


def test_factors_of_one_value_are_left_out(monkeypatch):
  grid = data.Grid.of(('a', 'only', 'b'), (2, 1, 3))
  images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)

  def load(factors):
    made = pixels.of_bytes('own', '', images[: factors.num_images], factors)
    monkeypatch.setitem(data.DATASETS, 'own', lambda _: made)
    return helpers.dataset(name='own')

  found = load(grid)
  assert found.factor_names == ('a', 'b') and found.is_grid
  np.testing.assert_array_equal(found.labels(np.array([4])), [[1, 1]])
  table = data.Table.of(grid.factors, np.asarray(grid.labels(np.arange(6))))
  np.testing.assert_array_equal(load(table).labels(np.array([4])), [[1, 1]])
  assert not load(data.Grid.of(('only',), (1,))).has_factors


def test_thinned_dsprites_keeps_every_nth_value():
  dataset = helpers.dataset(image_size=16, factor_stride=(1, 1, 2, 2, 3))
  assert dataset.factor_sizes == (3, 6, 20, 16, 11)
  assert dataset.image_shape == (16, 16, 1)
  assert 'factor_stride (1, 1, 2, 2, 3) to 63360 of 737280' in (
    dataset.description
  )
  index = jnp.array([0, 17, dataset.num_images - 1])
  factors = dataset.labels(index) * jnp.array([1, 1, 2, 2, 3])
  np.testing.assert_array_equal(
    dataset.images(index), render(factors, image_size=16)
  )


def test_archive_in_any_order(archive):
  dataset = helpers.dataset(name='npz', path=archive)
  assert dataset.factor_sizes == ARCHIVE_SIZES
  assert dataset.factor_names == ('shape', 'scale', 'orientation', 'x', 'y')
  assert dataset.description == 'dSprites archive small.npz, 72 images'
  images = dataset.images(jnp.arange(72))
  assert images.dtype == jnp.float32
  np.testing.assert_array_equal(images, render(data.factor_grid(ARCHIVE_SIZES)))


def test_thinned_and_pooled_archive(archive):
  stride = (2, 1, 1, 2, 1)
  dataset = helpers.dataset(
    name='npz', path=archive, image_size=32, factor_stride=stride
  )
  assert dataset.factor_sizes == (2, 2, 2, 2, 2)
  assert 'to 32 of 72 images' in dataset.description
  factors = data.factor_grid(dataset.factor_sizes) * jnp.array(stride)
  np.testing.assert_allclose(
    dataset.images(jnp.arange(32)), render(factors, image_size=32), atol=1e-6
  )


def test_factors_with_one_value_are_dropped(tmp_path):
  arrays = members()
  keep = arrays['latents_classes'][:, 2] == 0
  path = write(
    tmp_path / 'a.npz',
    imgs=arrays['imgs'][keep],
    latents_classes=arrays['latents_classes'][keep],
  )
  dataset = helpers.dataset(name='npz', path=path)
  assert dataset.factor_sizes == (3, 2, 3, 2)
  assert dataset.factor_names == ('shape', 'orientation', 'x', 'y')


@pytest.mark.parametrize('name', ['dsprites', 'npz'])
def test_dataset_is_a_jit_argument(name, archive):
  dataset = helpers.dataset(name=name, path=archive if name == 'npz' else '')
  index = jnp.array([3, 71, 0, 3])
  images = jax.jit(lambda dataset, index: dataset.images(index))
  np.testing.assert_array_equal(images(dataset, index), dataset.images(index))
  # Passed as an argument, the images are no constant of the program.
  constants = images.trace(dataset, index).jaxpr.consts
  assert sum(np.size(c) for c in constants) < 100
  one_by_one = jax.vmap(dataset.images)(index)
  np.testing.assert_array_equal(one_by_one, dataset.images(index))


@pytest.mark.parametrize(
  'key, value',
  [('channels', 1), ('fit', 'pad'), ('strict', True), ('image_key', 'x'),
   ('label_keys', ('x',))],
)  # fmt: skip
def test_keys_of_own_images_are_refused_elsewhere(key, value, archive):
  for changes in ({'name': 'npz', 'path': archive}, {'name': 'blob'}):
    with pytest.raises(ValueError, match=rf'dataset.{key}=.* has no use for'):
      helpers.dataset(**changes, **{key: value})


def test_images_of_somebodys_loader_are_looked_at(monkeypatch):
  good = np.linspace(0, 1, 300 * 64, dtype=np.float32).reshape(300, 8, 8, 1)
  for images, message in [
    (good, None),
    (good * 255, 'its images are float32 from 0 to 255; let images_fn give'),
    (good - 0.5, 'from -0.5 to 0.5'),
    (np.where(good < 1, good, np.nan), 'from nan to nan'),
    ((good * 255).astype(np.uint8), 'its images are uint8 from 0 to 255'),
    ((good > 0.5).astype(np.uint8), 'its images are uint8 from 0 to 1'),
    (good[..., 0], r'are \(8, 8\), and image_shape is \(8, 8, 1\)'),
  ]:
    look = lambda arrays, index: arrays[index]
    made = data.Dataset('own', 'own', (8, 8, 1), 300, images, look)
    monkeypatch.setitem(data.DATASETS, 'own', lambda config, made=made: made)
    for storage in ('auto', 'host'):
      if message is None:
        helpers.dataset(name='own', storage=storage, channels=3)
        continue
      with pytest.raises(ValueError, match=message):
        helpers.dataset(name='own', storage=storage)
  monkeypatch.setitem(data.DATASETS, 'own', lambda config: None)
  with pytest.raises(ValueError, match='must return a Dataset, got NoneType'):
    helpers.dataset(name='own')


def test_unknown_name():
  with pytest.raises(
    ValueError, match="'dsprits'; one of: .*dsprites, .*images, .*npz"
  ):
    helpers.dataset(name='dsprits')


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'image_size': 48}, 'must divide 64, got 48'),
    ({'image_size': 128}, 'must divide 64, got 128'),
    ({'factor_stride': (1, 2)}, 'must be 5 positive integers'),
    ({'factor_stride': (1, 1, 1, 0, 1)}, 'must be 5 positive integers'),
    ({'factor_stride': (3, 1, 1, 1, 1)}, 'leaves a factor with a single value'),
  ],
)
@pytest.mark.parametrize('name', ['dsprites', 'npz'])
def test_bad_size_or_stride(name, changes, message, archive):
  path = archive if name == 'npz' else ''
  with pytest.raises(ValueError, match=message):
    helpers.dataset(name=name, path=path, **changes)


def test_a_path_that_would_be_ignored(archive):
  with pytest.raises(ValueError, match='dataset.name=npz'):
    helpers.dataset(path=archive)


@pytest.mark.parametrize(
  'path, error, message',
  [
    ('', ValueError, 'empty path'),
    ('nowhere.npz', FileNotFoundError, 'no such file: .*nowhere.npz'),
    ('.', ValueError, 'not a file'),
  ],
)
def test_bad_path(path, error, message, tmp_path):
  path = path and str(tmp_path / path)
  with pytest.raises(error, match=message):
    helpers.dataset(name='npz', path=path)


def test_damaged_archive(archive, tmp_path):
  content = bytearray(pathlib.Path(archive).read_bytes())
  flipped = content.copy()
  flipped[len(content) // 4] ^= 0xFF
  for name, damaged in {
    'text.npz': b'not an archive',
    'empty.npz': b'',
    'short.npz': content[: len(content) // 2],
    'flipped.npz': flipped,
  }.items():
    path = tmp_path / name
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=f'{name}: damaged .npz archive'):
      helpers.dataset(name='npz', path=str(path))


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'imgs': None}, 'no imgs in the archive'),
    ({'latents_classes': None}, 'no latents_classes in the archive'),
    ({'imgs': np.zeros((72, 64, 32), np.uint8)}, 'square, .*32'),
    ({'imgs': np.full((72, 64, 64), -7)}, 'from -7 to -7 are no images'),
    ({'imgs': np.zeros((71, 64, 64), np.uint8)}, 'differ in length'),
    ({'imgs': np.full((72, 64, 64), None)}, 'plain array'),
    ({'latents_classes': members()['latents_classes'] + 0.5}, 'whole numbers'),
    ({'latents_classes': members()['latents_classes'][:, 2:]}, r'\(72, 4\)'),
    ({'latents_classes': members()['latents_classes'][1:]}, '71 rows. differ'),
    ({'latents_classes': members()['latents_classes'] - 1}, 'from 0 on'),
    ({'latents_classes': np.zeros((72, 6), int)}, 'no factor with more than'),
    ({'latents_classes': np.zeros((0, 6), int)}, 'holds no row'),
    ({'latents_classes': np.zeros((1, 6), int)}, 'no factor with more than'),
  ],
)
def test_bad_members(changes, message, tmp_path):
  path = write(tmp_path / 'bad.npz', **changes)
  with pytest.raises(ValueError, match=f'bad.npz: .*{message}'):
    helpers.dataset(name='npz', path=path)


@pytest.mark.parametrize(
  'change',
  [
    lambda a: {'imgs': a['imgs'] * 255},
    lambda a: {'imgs': a['imgs'] > 0},
    lambda a: {'imgs': a['imgs'].astype(np.float32)},
    lambda a: {'imgs': a['imgs'][..., None]},
    lambda a: {'imgs': a['imgs'] * 2.0 - 1},
    lambda a: {'imgs': np.asfortranarray(a['imgs'])},
    lambda a: {'latents_classes': a['latents_classes'][:, 1:]},
    lambda a: {'latents_classes': a['latents_classes'].astype(float)},
    lambda a: {'latents_classes': a['latents_classes'] + 1},
    lambda a: {'latents_classes': np.asfortranarray(a['latents_classes'])},
  ],
)
def test_archives_as_people_make_them(change, tmp_path):
  path = write(tmp_path / 'a.npz', **change(members()))
  dataset = helpers.dataset(name='npz', path=path)
  assert dataset.is_grid and dataset.factor_sizes == ARCHIVE_SIZES
  np.testing.assert_array_equal(
    dataset.images(jnp.arange(72)), render(data.factor_grid(ARCHIVE_SIZES))
  )


def test_a_subset_in_colour_is_a_table_by_row(tmp_path):
  arrays = members()
  colours = np.array([255, 0, 51], np.uint8)
  path = write(
    tmp_path / 'a.npz',
    imgs=arrays['imgs'][:20, ..., None] * colours,
    latents_classes=arrays['latents_classes'][:20],
  )
  dataset = helpers.dataset(name='npz', path=path, image_size=32)
  assert dataset.has_factors and not dataset.is_grid
  index = jnp.array([3, 19])
  factors = arrays['latents_classes'][index, 1:]
  np.testing.assert_array_equal(dataset.labels(index), factors)
  np.testing.assert_allclose(
    dataset.images(index),
    render(factors, image_size=32) * (colours / 255),
    atol=1e-6,
  )
  with pytest.raises(ValueError, match='factor_stride thins a full grid'):
    helpers.dataset(name='npz', path=path, factor_stride=(1,) * 5)
