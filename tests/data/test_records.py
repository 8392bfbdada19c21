"""Sets of TFDS: ours written and read, and others' read, without TensorFlow."""

import sys

import helpers
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.data import builders, prepare

pytest.importorskip('array_record')
import tensorflow_datasets as tfds  # noqa: E402

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)


pytestmark = pytest.mark.usefixtures('cache')


def load(home, name, **changes) -> data.Dataset:
  own = {'name': name, 'data_dir': str(home), 'image_size': 8}
  return helpers.dataset(**own | changes)


class Toy(tfds.core.GeneratorBasedBuilder):
  """As somebody else would write it: a grid of 3 x 2, and more beside."""

  __module__ = 'toy'  # of a dotted name TFDS wants importlib_resources
  VERSION = tfds.core.Version('1.0.0')
  extra: dict = {}
  images = IMAGES

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(
        {
          'image': tfds.features.Tensor(
            shape=(8, 8, 3), dtype=self.images.dtype
          ),
          'label_side': tfds.features.ClassLabel(num_classes=2),
          'value_side': tfds.features.Scalar(np.float32),
          'name': tfds.features.Text(),
          'label_shape': tfds.features.ClassLabel(names=['a', 'b', 'c']),
          **self.extra,
        }
      ),
    )

  def _split_generators(self, _):
    return {
      'train': self._generate_examples(range(4)),
      'test': self._generate_examples(range(4, 6)),
    }

  def _generate_examples(self, rows):
    for i in rows:
      row = {
        'image': self.images[i],
        'label_side': i // 3,
        'value_side': 0.5 * i,
        'label_shape': i % 3,
        'name': str(i),
      }
      yield i, row | {name: i / 7 for name in self.extra}


class ToyTable(Toy):
  __module__ = 'toy'
  extra = {'size': tfds.features.Scalar(np.float32)}


class ToyNested(Toy):
  __module__ = 'toy'
  extra = {
    'attributes': tfds.features.FeaturesDict(
      {'count': np.int64, 'side': np.bool_}
    )
  }

  def _generate_examples(self, rows):
    for i, row in super()._generate_examples(rows):
      cells = {'count': 10 * (i % 3) - 10, 'side': i >= 3}
      yield i, row | {'label_side': 0, 'label_shape': 0, 'attributes': cells}


class ToyEndless(ToyTable):
  __module__ = 'toy'

  def _generate_examples(self, rows):
    for i, row in super()._generate_examples(rows):
      yield i, row | {'size': np.inf}


class ToyBinary(Toy):
  __module__ = 'toy'
  images = IMAGES // 128  # 0 and 1, as TFDS's dSprites


class ToySigned(Toy):
  __module__ = 'toy'
  images = ToyBinary.images.astype(np.float32) * 2 - 1
  images[0] = 1.0  # does not tell where values begin


def test_sets_of_others(tmp_path):
  for toy in (Toy, ToyTable, ToyBinary, ToySigned):
    made = toy(data_dir=str(tmp_path), file_format='array_record')
    made.download_and_prepare()
  grid = load(tmp_path, 'tfds:toy')
  assert grid.is_grid and grid.factor_names == ('shape', 'side')
  assert grid.factors.factors[0].values == ('a', 'b', 'c')
  index = data.factors_to_index(jnp.array([[2, 0], [0, 1]]), (3, 2))
  images = np.asarray(grid.images(index) * 255).round()
  np.testing.assert_array_equal(images, IMAGES[[2, 3]])
  for name in ('tfds:toy_binary', 'tfds:toy_signed'):
    images = np.asarray(load(tmp_path, name).images(index) * 255).round()
    np.testing.assert_array_equal(images, IMAGES[[2, 3]] // 128 * 255)
  table = load(tmp_path, 'tfds:toy_table')
  assert sorted(table.factor_sizes) == [0, 2, 3]
  labels = np.asarray(table.labels(jnp.arange(6)))
  size = table.factor_names.index('size')
  row = (labels[:, size] * 7).round().astype(int)  # says which image it is
  assert sorted(row) == list(range(6))
  images = np.asarray(table.images(jnp.arange(6)) * 255).round()
  np.testing.assert_array_equal(images, IMAGES[row])
  assert 'tensorflow' not in sys.modules


def test_features_in_a_dict_and_whole_numbers_by_value(tmp_path):
  ToyNested(
    data_dir=str(tmp_path), file_format='array_record'
  ).download_and_prepare()
  grid = load(tmp_path, 'tfds:toy_nested')
  assert grid.is_grid and grid.factors.factors == (
    data.Factor('count', 'ordinal', 3, ('-10', '0', '10')),
    data.Factor('side', 'categorical', 2),
  )
  index = data.factors_to_index(jnp.array([[2, 0], [0, 1]]), (3, 2))
  images = np.asarray(grid.images(index) * 255).round()
  np.testing.assert_array_equal(images, IMAGES[[2, 3]])


def test_records_that_cannot_be_read_are_one_line(tmp_path):
  for toy in (Toy, ToyEndless):
    made = toy(data_dir=str(tmp_path), file_format='array_record')
    made.download_and_prepare()
  with pytest.raises(ValueError, match='size holds an infinite value'):
    load(tmp_path, 'tfds:toy_endless')
  (records,) = (tmp_path / 'toy').glob('*/*test*record*')
  records.write_bytes(records.read_bytes()[:-200])
  with pytest.raises(ValueError, match='toy/1.0.0: cannot be read: Corrupted'):
    load(tmp_path, 'tfds:toy')


def test_a_prepared_set_as_records(tmp_path):
  lit = RNG.integers(0, 2, (5, 64, 64)).astype(np.uint8)
  classes = np.stack([np.zeros(5, int), *[np.arange(5) % 3] * 5], -1)
  np.savez(tmp_path / 'a.npz', imgs=lit, latents_classes=classes)
  folder = prepare.prepare('dsprites', str(tmp_path), str(tmp_path / 'a.npz'))
  made = builders.builder(folder, tmp_path / 'tfds')
  assert isinstance(made, tfds.core.GeneratorBasedBuilder)
  made.download_and_prepare()
  records = list(made.as_data_source(split='train'))
  assert len(records) == 5
  for record in records:
    row = next(i for i in range(5) if (record['image'][..., 0] > 0)[0].tolist()
               == (lit[i, 0] > 0).tolist())  # fmt: skip
    np.testing.assert_array_equal(record['image'][..., 0], 255 * lit[row])
    assert record['scale'] == row % 3
  assert load(tmp_path / 'tfds', 'tfds:dsprites').factor_sizes == (
    40,
    6,
    3,
    32,
    32,
  )


def test_missing_ones_in_one_line(tmp_path):
  with pytest.raises(FileNotFoundError, match='no set toy is prepared in'):
    load(tmp_path, 'tfds:toy')
  with pytest.raises(ValueError, match='needs a name after the colon'):
    load(tmp_path, 'tfds:')
