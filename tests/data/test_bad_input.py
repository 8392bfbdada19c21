"""Labels in archives, and input that is refused in one line."""

import io
import pathlib
import tarfile
import zipfile

import helpers
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from bvae_jax import data
from bvae_jax.data import prepare
from bvae_jax.data.sets import tree

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
LABELS = {
  'whole': np.array([9, 0, 9, 4]),
  'number': np.array([0.5, np.nan, 2.0, -1.0], np.float32),
  'flag': np.array([True, False, False, True]),
  'word': np.array(['dog', 'cat', 'dog', '']),
  'two': np.array([[0, 1], [1, 1], [0, 0], [0, 1]], np.uint8),
}


pytestmark = pytest.mark.usefixtures('cache')


def load(path, **changes) -> data.Dataset:
  own = {'name': 'images', 'path': str(path), 'image_size': 8}
  return helpers.dataset(**own | changes)


@pytest.mark.parametrize('kind', ['npz', 'h5'])
def test_labels_as_arrays(kind, tmp_path, caplog):
  path = tmp_path / f'a.{kind}'
  other = 255 - IMAGES
  if kind == 'npz':
    np.savez(path, mine=IMAGES, other=other, **LABELS)
  else:
    h5py = pytest.importorskip('h5py')
    with h5py.File(path, 'w') as file:
      file['mine'], file['other'] = IMAGES, other
      for name, values in LABELS.items():
        file[name] = values.tolist() if name == 'word' else values
  with caplog.at_level('INFO'):
    assert load(path, image_key='mine').factors is None
  names = tuple(sorted(LABELS) if kind == 'h5' else LABELS)
  assert f'--config.dataset.label_keys="{names}"' in caplog.text
  dataset = load(path, image_key='mine', label_keys=tuple(LABELS))
  images = np.asarray(dataset.images(jnp.arange(4)) * 255).round()
  np.testing.assert_array_equal(images, IMAGES)
  found = {f.name: f for f in dataset.factors.factors}
  assert list(found) == ['whole', 'number', 'flag', 'word', 'two_0', 'two_1']
  assert found['whole'].values == ('0', '4', '9')
  assert found['word'].values == ('cat', 'dog')
  assert found['flag'].size == 2 and found['number'].kind == 'ordinal'
  assert found['number'].values == ('-1', '0.5', '2')
  np.testing.assert_array_equal(
    dataset.labels(jnp.arange(4)),
    [
      [2, 1, 1, 1, 0, 1],
      [0, -1, 0, 0, 1, 1],
      [2, 2, 0, 1, 0, 0],
      [1, 0, 1, -1, 0, 1],
    ],
  )
  assert load(path, image_key='other').factors is None


def npz(path, **arrays) -> pathlib.Path:
  np.savez(path / 'a.npz', **({'images': IMAGES} | arrays))
  return path / 'a.npz'


def encrypted(path) -> pathlib.Path:
  """A zip whose members say that they are encrypted."""
  found = npz(path)
  raw = bytearray(found.read_bytes())
  for magic, offset in ((b'PK\x03\x04', 6), (b'PK\x01\x02', 8)):
    at = raw.find(magic)
    while at >= 0:
      raw[at + offset] |= 1
      at = raw.find(magic, at + 1)
  found.write_bytes(raw)
  return found


def csv(path, text) -> pathlib.Path:
  for name in ('a.png', 'b.png'):
    Image.fromarray(IMAGES[0]).save(path / name)
  (path / 'factors.csv').write_text(text)
  return path


def dated(path) -> pathlib.Path:
  return npz(
    path, day=np.arange(4).astype('M8[D]'), raw=np.array([b'\xff'] * 4)
  )


def pickled(path) -> pathlib.Path:
  return npz(path, words=np.array([{'a': 1}] * 4, object))


@pytest.mark.parametrize(
  'make, changes, message',
  [
    (encrypted, {}, 'encrypted'),
    (pickled, {'label_keys': ('words',)}, 'words holds pickled objects'),
    (npz, {'label_keys': ('none',)}, 'holds no none among images'),
    (dated, {'label_keys': ('day',)}, 'labels day must be numbers, bools or'),
    (dated, {'label_keys': ('raw',)}, 'labels raw are no UTF-8'),
    (npz, {'image_key': 'none'}, 'holds no none among images'),
    (
      lambda p: npz(p, few=np.arange(3)),
      {'label_keys': ('few',)},
      r'labels few must be \[4\] or \[4, K\], got \(3,\)',
    ),
    (
      lambda p: npz(p, x=np.array([0, np.inf, 1, 2])),
      {'label_keys': ('x',)},
      'column x holds an infinite value',
    ),
    (lambda p: csv(p, 'file,a\na.png,1\na.png,2\n'), {}, 'names a.png twice'),
    (lambda p: csv(p, 'file,a,a\na.png,1,2\n'), {}, 'a name of its own for ea'),
    (lambda p: csv(p, 'file,a\nc.png,1\n'), {}, 'names none of the images'),
    (lambda p: csv(p, 'file,a\na.png,1,2\n'), {}, 'row 2 has 3 cells'),
  ],
)
def test_images_refused_in_one_line(make, changes, message, tmp_path):
  path = make(tmp_path)
  with pytest.raises(ValueError, match=message) as caught:
    load(path, **changes)
  assert '\n' not in str(caught.value) and str(path) in str(caught.value)


def zipped(path, name, content=b'x') -> pathlib.Path:
  with zipfile.ZipFile(path / 'a.zip', 'w') as archive:
    archive.writestr(name, content)
  return path / 'a.zip'


def tarred(path, name, cut=0) -> pathlib.Path:
  with tarfile.open(path / 'a.tar.gz', 'w:gz') as archive:
    info = tarfile.TarInfo(name)
    info.size = 5000
    noise = np.random.default_rng(0).bytes(5000)
    archive.addfile(info, io.BytesIO(noise))
  raw = (path / 'a.tar.gz').read_bytes()
  (path / 'a.tar.gz').write_bytes(raw[: len(raw) - cut])
  return path / 'a.tar.gz'


def dsprites(path, **changes) -> pathlib.Path:
  arrays = {
    'imgs': np.zeros((2, 64, 64), np.uint8),
    'latents_classes': np.zeros((2, 6), int),
  }
  np.savez(path / 'a.npz', **(arrays | changes))
  return path / 'a.npz'


def cut(path) -> pathlib.Path:
  noise = np.random.default_rng(0).integers(0, 2, (2, 64, 64), np.uint8)
  found = dsprites(path, imgs=noise)
  raw = bytearray(found.read_bytes())
  raw[raw.find(b'\x93NUMPY') + 1000] ^= 1
  found.write_bytes(raw)
  return found


def page(path) -> pathlib.Path:
  (path / 'a.zip').write_text('<!DOCTYPE html><html>Quota exceeded</html>')
  return path / 'a.zip'


@pytest.mark.parametrize(
  'name, make, message',
  [
    ('falcor3d', lambda p: zipped(p, '../../x'), 'which points out of it'),
    ('falcor3d', lambda p: zipped(p, '/etc/x'), 'which points out of it'),
    ('cars3d', lambda p: tarred(p, '../x.mat'), 'which points out of it'),
    ('cars3d', lambda p: tarred(p, 'x.mat', 3000), 'damaged or cut short'),
    ('cars3d', lambda p: zipped(p, 'x.txt'), 'needs cars/list.txt'),
    ('celeba', page, 'an HTML page, perhaps of a failed download'),
    ('smallnorb', lambda p: p, 'lacks smallnorb-5x46789.*-training-cat'),
    ('dsprites', cut, 'damaged or cut short: Bad CRC'),
    (
      'dsprites',
      lambda p: dsprites(p, latents_classes=np.full((2, 6), 40)),
      'color has the value 40 in row 0, none of its 1 values',
    ),
    ('dsprites', lambda p: dsprites(p, imgs=None), 'plain array, got object'),
    (
      'dsprites',
      lambda p: dsprites(p, imgs=np.zeros((2, 32, 32))),
      r'images must be bytes \(64, 64, 1\), got uint8 \(32, 32, 1\)',
    ),
    ('shapes3d', dsprites, 'holds no images, only imgs, latents_classes'),
    ('shapes3d', lambda p: p, 'a folder; name the .npz or HDF5 file in it'),
    (
      'falcor3d',
      lambda p: zipped(p, 'a/train-rec.labels'),
      'train-rec.labels: no .npy of numbers, or one cut short',
    ),
  ],
)
def test_sets_refused_in_one_line(name, make, message, tmp_path):
  path = make(tmp_path)
  with pytest.raises(ValueError, match=message) as caught:
    prepare.prepare(name, str(tmp_path / 'home'), str(path))
  assert '\n' not in str(caught.value) and str(path) in str(caught.value)
  assert not list((tmp_path / 'home').glob('*'))
  assert not (tmp_path.parent / 'x').exists()


def test_a_damaged_set_is_prepared_anew(tmp_path):
  classes = np.array([[0] * 6, [0, 1, 0, 0, 0, 0]])
  source = dsprites(tmp_path, latents_classes=classes)
  folder = prepare.prepare('dsprites', str(tmp_path / 'home'), str(source))
  for name, raw in {
    'images.npy': (folder / 'images.npy').read_bytes()[:-1],
    'factors.npy': b'',
    'facts.json': b'{}',
  }.items():
    (folder / name).write_bytes(raw)
    with pytest.raises(ValueError, match='is damaged .*: delete it, then run'):
      helpers.dataset(name='dsprites_archive', data_dir=str(tmp_path / 'home'))


def test_names_of_sets_and_files(tmp_path):
  with pytest.raises(ValueError, match='unknown set mnist; one of: dsprites'):
    prepare.prepare('mnist')
  with pytest.raises(FileNotFoundError, match='--from: no such file'):
    prepare.prepare('cars3d', str(tmp_path), str(tmp_path / 'none'))
  with pytest.raises(ValueError, match='no zip or tar by its first bytes'):
    (tmp_path / 'a').write_bytes(b'hello')
    list(tree.members(tmp_path / 'a', bool))


@pytest.mark.parametrize('count', [1, 2])
def test_one_image_and_two(count, tmp_path):
  for i in range(count):
    Image.fromarray(IMAGES[i]).save(tmp_path / f'{i}.png')
  dataset = load(tmp_path)
  assert dataset.num_images == count and dataset.factors is None
