"""Real sets from small files in the published layouts, made here."""

import errno
import gzip
import hashlib
import io
import json
import logging
import math
import pathlib
import shutil
import tarfile
import zipfile

import helpers
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import io as scipy_io

from bvae_jax import data
from bvae_jax.data import prepare, sets, writing
from bvae_jax.data.sets import mpi3d, nvidia3d, smallnorb

RNG = np.random.default_rng(0)
FORMATS = pathlib.Path(__file__).parents[3] / 'shared' / 'data' / 'formats'


def load(home, name, **changes) -> data.Dataset:
  return helpers.dataset(name=name, data_dir=str(home), **changes)


def made(home, name, source, **kwargs) -> data.Dataset:
  prepare.prepare(name, str(home), str(source), **kwargs)
  return load(home, sets.dataset_name(name))


def pixels(dataset) -> np.ndarray:
  images = dataset.images(jnp.arange(dataset.num_images))
  return np.asarray(images * 255).round().astype(int)


def noise(*shape) -> np.ndarray:
  return RNG.integers(0, 256, shape).astype(np.uint8)


def dsprites_rows(count=20):
  classes = np.stack(
    [RNG.integers(0, n, count) for n in (1, 3, 6, 40, 32, 32)], -1
  )
  lit = RNG.integers(0, 2, (count, 64, 64)).astype(np.uint8)
  return classes, lit


@pytest.mark.parametrize('kind', ['npz', 'hdf5'])
def test_dsprites(kind, tmp_path):
  classes, lit = dsprites_rows()
  path = tmp_path / f'd.{kind}'
  if kind == 'npz':
    np.savez_compressed(
      path,
      imgs=lit,
      latents_classes=classes,
      metadata=np.array({'author': 1}, object),
    )
  else:
    h5py = pytest.importorskip('h5py')
    with h5py.File(path, 'w') as file:
      file['imgs'], file['latents/classes'] = lit, classes
  dataset = made(tmp_path, 'dsprites', path)
  assert dataset.factor_names == ('shape', 'scale', 'orientation', 'x', 'y')
  assert dataset.factor_sizes == (3, 6, 40, 32, 32) and not dataset.is_grid
  np.testing.assert_array_equal(dataset.labels(jnp.arange(20)), classes[:, 1:])
  np.testing.assert_array_equal(pixels(dataset)[..., 0], 255 * lit)
  assert '20 of 737,280' in dataset.description
  assert 'not the published files' in dataset.description
  half = load(tmp_path, 'dsprites_archive', image_size=32)
  np.testing.assert_allclose(
    half.images(jnp.arange(20))[..., 0],
    lit.reshape(20, 32, 2, 32, 2).mean((2, 4)),
  )


def test_shapes3d_by_value_and_not_by_rank(tmp_path):
  h5py = pytest.importorskip('h5py')
  images = noise(3, 64, 64, 3)
  labels = np.array(
    [
      [0.1, 0.9, 0.3, 0.75 + 0.5 / 7 * 5, 3, -30 + 60 / 14 * 2],
      [0.0, 0.0, 0.3, 1.25, 0, 30],
      [0.5, 0.7, 0.8, 0.75, 1, 0],
    ]
  )
  with h5py.File(tmp_path / '3dshapes.h5', 'w') as file:
    file['images'], file['labels'] = images, labels
  dataset = made(tmp_path, 'shapes3d', tmp_path / '3dshapes.h5')
  expected = [[1, 9, 3, 5, 3, 2], [0, 0, 3, 7, 0, 14], [5, 7, 8, 0, 1, 7]]
  np.testing.assert_array_equal(dataset.labels(jnp.arange(3)), expected)
  np.testing.assert_array_equal(pixels(dataset), images)
  with h5py.File(tmp_path / 'f.h5', 'w') as file:
    file['images'], file['labels'] = images / 255, labels
  with pytest.raises(ValueError, match='must be bytes .*, got float64'):
    prepare.prepare('shapes3d', str(tmp_path / 'b'), str(tmp_path / 'f.h5'))
  with h5py.File(tmp_path / 'bad.h5', 'w') as file:
    file['images'], file['labels'] = images, labels + 0.05
  with pytest.raises(ValueError, match='floor_hue has the value 0.15 in row 0'):
    prepare.prepare('shapes3d', str(tmp_path / 'b'), str(tmp_path / 'bad.h5'))


def test_the_one_file_of_a_set_is_found_in_its_folder(tmp_path):
  classes, lit = dsprites_rows(4)
  folder = tmp_path / 'mine'
  folder.mkdir()
  path = folder / sets.SETS['dsprites'].files[0].name
  np.savez(path, imgs=lit, latents_classes=classes)
  dataset = made(tmp_path, 'dsprites', folder)
  np.testing.assert_array_equal(pixels(dataset)[..., 0], 255 * lit)
  assert f'from {path.name} (not the published' in dataset.description


def norb_matrix(array, packed=False) -> bytes:
  code = {'uint8': 0x1E3D4C55, 'int32': 0x1E3D4C54}[array.dtype.name]
  dims = (*array.shape, 1, 1)[: max(3, array.ndim)]
  head = np.array([code, array.ndim, *dims], '<i4').tobytes()
  content = head + array.tobytes()
  return gzip.compress(content) if packed else content


def norb_half(folder, start, instances, packed) -> tuple:
  """All combinations of two elevations and azimuths, with an instance each."""
  grid = np.stack(
    np.meshgrid(range(5), instances, [0, 8], [0, 34], [1, 5], indexing='ij'), -1
  ).reshape(-1, 5)
  rows = RNG.permutation(grid).astype(np.int32)
  pairs = noise(len(rows), 2, 96, 96)
  for part, array in {
    'dat': pairs,
    'cat': np.ascontiguousarray(rows[:, 0]),
    'info': np.ascontiguousarray(rows[:, 1:]),
  }.items():
    name = f'{start}-{part}.mat' + ('.gz' if packed else '')
    (folder / name).write_bytes(norb_matrix(array, packed))
  return rows, pairs


def test_smallnorb_with_and_without_the_instance(tmp_path):
  train, pairs = norb_half(tmp_path, smallnorb._TRAIN, (4, 6, 9), True)
  test, others = norb_half(tmp_path, smallnorb._TEST, (0, 5), False)
  # The file that is compared with the published sum is the one that is read.
  (tmp_path / f'{smallnorb._TRAIN}-dat.mat').write_bytes(b'unpacked by halves')
  prepare.prepare('smallnorb', str(tmp_path), str(tmp_path), image_size=96)
  five = load(tmp_path, 'smallnorb', image_size=96)
  assert five.factor_sizes == (5, 5, 9, 18, 6)
  assert five.factors.factors[1].values == ('4', '6', '7', '8', '9')
  expected = train.copy()
  expected[:, 1] = np.searchsorted([4, 6, 7, 8, 9], train[:, 1])
  expected[:, 3] //= 2
  np.testing.assert_array_equal(five.labels(jnp.arange(len(train))), expected)
  np.testing.assert_array_equal(pixels(five)[..., 0], pairs[:, 0])
  four = made(tmp_path, 'smallnorb_dlib', tmp_path)
  assert four.factor_names == ('category', 'elevation', 'azimuth', 'lighting')
  both = np.concatenate([train, test])[:, [0, 2, 3, 4]] // [1, 1, 2, 1]
  np.testing.assert_array_equal(four.labels(jnp.arange(len(both))), both)
  small = Image.fromarray(others[-1, 0]).resize((64, 64), 2)
  np.testing.assert_array_equal(pixels(four)[-1, ..., 0], small)


def cars(path, lines, stems):
  meshes = {stem: noise(128, 128, 3, 24, 4) for stem in stems}
  with tarfile.open(path, 'w:gz', compresslevel=1) as archive:
    for name, content in {  # other sets of the paper lie beside the cars
      'data/shapes48.mat': mat(noise(2)),
      'data/sprites/sprites_1.mat': mat(noise(2)),
      **{f'data/cars/{stem}.mat': mat(m) for stem, m in meshes.items()},
      'data/cars/list.txt': '\n'.join(lines).encode(),
      'data/sprites/list.txt': b'sprites_1',
    }.items():
      info = tarfile.TarInfo(name)
      info.size = len(content)
      archive.addfile(info, io.BytesIO(content))
  return meshes


def mat(array) -> bytes:
  stream = io.BytesIO()
  scipy_io.savemat(stream, {'im': array})
  return stream.getvalue()


def test_cars3d_in_the_order_of_the_list(tmp_path):
  lines, stems = ('car_7', 'car_2'), ('car_2_mesh', 'car_7_mesh')
  meshes = cars(tmp_path / 'cars.tar.gz', lines, stems)
  dataset = made(tmp_path, 'cars3d', tmp_path / 'cars.tar.gz')
  assert dataset.is_grid and dataset.factor_sizes == (4, 24, 2)
  index = data.factors_to_index(jnp.array([3, 20, 0]), (4, 24, 2))
  image = meshes['car_7_mesh'][..., 20, 3]
  small = Image.fromarray(image).resize((64, 64), 2)
  np.testing.assert_array_equal(pixels(dataset)[index], small)


def npz_of(path, images, compressed=False):
  (np.savez_compressed if compressed else np.savez)(path, images=images)


@pytest.fixture
def small_mpi3d(monkeypatch):
  sizes = (2, 1, 2, 1, 3, 2, 1)
  real = sets.SETS['mpi3d_toy']._replace(
    open=lambda path: mpi3d.open_as(path, sizes)
  )
  monkeypatch.setitem(sets.SETS, 'mpi3d_toy', real)
  return sizes


@pytest.mark.parametrize('compressed', [False, True])
def test_mpi3d(compressed, small_mpi3d, tmp_path):
  images = noise(math.prod(small_mpi3d), 64, 64, 3)
  npz_of(tmp_path / 'a.npz', images, compressed)
  dataset = made(tmp_path, 'mpi3d_toy', tmp_path / 'a.npz')
  told = tuple(size for size in small_mpi3d if size > 1)
  assert dataset.is_grid and dataset.factor_sizes == told
  np.testing.assert_array_equal(pixels(dataset), images)
  called = {f.name: f.values for f in dataset.factors.factors if f.values}
  assert called == {
    'object_size': ('small', 'large'),
    'background_color': ('purple', 'sea green', 'salmon'),
  }


def test_mpi3d_of_another_length_is_refused(tmp_path):
  npz_of(tmp_path / 'a.npz', noise(5, 64, 64, 3))
  with pytest.raises(ValueError, match='the 1,036,800 combinations of'):
    prepare.prepare('mpi3d_real', str(tmp_path), str(tmp_path / 'a.npz'))
  assert [c.open.keywords['sizes'] for c in mpi3d.SETS] == [
    (6, 6, 2, 3, 3, 40, 40),
    (6, 6, 2, 3, 3, 40, 40),
    (6, 6, 2, 3, 3, 40, 40),
    (4, 4, 2, 3, 3, 40, 40),
  ]


def test_damage_is_told_of_the_file(tmp_path):
  """Cut, turned or empty files: one line, which names the file at fault."""
  norb, home = tmp_path / 'norb', tmp_path / 'home'
  norb.mkdir()
  norb_half(norb, smallnorb._TRAIN, (4, 6), True)

  def told(name, path, match):
    with pytest.raises(ValueError, match=match) as caught:
      prepare.prepare(name, str(home), str(path))
    assert path.name in str(caught.value)
    assert not list(home.glob('*'))

  def turned(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 0x5A
    path.write_bytes(content)

  with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
    archive.writestr('images/000000.png', noise(999).tobytes())
  cut = tmp_path / 'cut.zip'
  cut.write_bytes((tmp_path / 'a.zip').read_bytes()[:900])
  told('falcor3d', cut, 'damaged or cut short')
  # Noise is stored as it is: gzip alone can tell that it differs.
  cars(tmp_path / 'cars.tar.gz', ('car_7',), ('car_7_mesh',))
  turned(tmp_path / 'cars.tar.gz', 1_000_000)
  told('cars3d', tmp_path / 'cars.tar.gz', 'damaged or cut short: CRC')
  pixels_of = norb / f'{smallnorb._TRAIN}-dat.mat.gz'
  turned(pixels_of, 100_000)
  told('smallnorb', norb, 'dat: damaged or cut short: CRC')
  pixels_of.unlink()
  pixels_of.mkdir()
  told('smallnorb', norb, r'lacks .*-dat.mat\(.gz\)')
  (norb / f'{smallnorb._TRAIN}-info.mat.gz').write_bytes(
    gzip.compress(b'')[:10] + b'\xff' * 99
  )
  told('smallnorb', norb, 'info: damaged or cut short')
  np.savez(
    tmp_path / 'one.npz', imgs=np.uint8(3), latents_classes=np.zeros((3, 6))
  )
  told('dsprites', tmp_path / 'one.npz', r'imgs holds no rows, .* \(\)')
  faces = tmp_path / 'faces'
  (faces / 'img_align_celeba').mkdir(parents=True)
  (faces / 'img_align_celeba' / '1.jpg').symlink_to('nowhere')
  (faces / 'list_attr_celeba.txt').write_text('1\nHat\n1.jpg 1\n')
  (faces / 'list_eval_partition.txt').write_bytes(b'\xff\xfe\0')
  told('celeba', faces, 'list_eval_partition.txt: no text of UTF-8')
  (faces / 'list_eval_partition.txt').write_text('1.jpg 0\n')
  told('celeba', faces, "img_align_celeba: cannot be read: .*1.jpg'$")
  (faces / 'img_align_celeba' / '1.jpg').unlink()
  (faces / 'img_align_celeba' / '1.jpg').write_bytes(b'none')
  told('celeba', faces, 'img_align_celeba: 1.jpg: no image by its bytes$')


def test_a_folder_without_a_set_is_not_prepared(tmp_path, small_mpi3d):
  npz_of(tmp_path / 'a.npz', noise(math.prod(small_mpi3d), 64, 64, 3))
  folder = tmp_path / 'mpi3d_toy-64'
  folder.mkdir()
  with pytest.raises(ValueError, match='-64 holds no prepared set: delete it'):
    made(tmp_path, 'mpi3d_toy', tmp_path / 'a.npz')
  folder.rmdir()
  made(tmp_path, 'mpi3d_toy', tmp_path / 'a.npz')
  (folder / 'images.npy').unlink()
  with pytest.raises(ValueError, match='-64 is damaged .*: delete it, then'):
    load(tmp_path, 'mpi3d_toy')


def picture(array, kind) -> bytes:
  stream = io.BytesIO()
  Image.fromarray(array).save(stream, kind, quality=95)
  return stream.getvalue()


@pytest.mark.parametrize('zipped', [False, True])
def test_celeba(zipped, tmp_path):
  flat = [(200, 10, 10), (20, 220, 30), (0, 0, 90)]
  names = [f'{i:06d}.jpg' for i in (1, 2, 3)]
  files = {
    f'img_align_celeba/{name}': picture(
      np.full((218, 178, 3), colour, np.uint8), 'jpeg'
    )
    for name, colour in zip(names, flat)
  }
  if zipped:
    with zipfile.ZipFile(tmp_path / 'img_align_celeba.zip', 'w') as archive:
      for name, content in files.items():
        archive.writestr(name, content)
  else:
    (tmp_path / 'img_align_celeba').mkdir()
    for name, content in files.items():
      (tmp_path / name).write_bytes(content)
  rows = ['1 -1', '-1 -1', ' 1  1']
  (tmp_path / 'list_attr_celeba.txt').write_text(
    '3\nSmiling Young \n'
    + ''.join(f'{n}  {row}\n' for n, row in zip(names, rows))
  )
  (tmp_path / 'list_eval_partition.txt').write_text(
    '\ufeff' + ''.join(f'{n} {i}\n' for i, n in enumerate(names)) + ' \n'
  )
  dataset = made(tmp_path / 'out', 'celeba', tmp_path)
  assert dataset.factor_names == ('Smiling', 'Young')
  np.testing.assert_array_equal(
    dataset.labels(jnp.arange(3)), [[1, 0], [0, 0], [1, 1]]
  )
  assert np.abs(pixels(dataset)[:, 30, 30] - flat).max() <= 3
  partition = np.load(tmp_path / 'out' / 'celeba-64' / 'partition.npy')
  np.testing.assert_array_equal(partition, [0, 1, 2])
  if zipped:
    return
  (tmp_path / 'img_align_celeba' / names[1]).unlink()
  part = made(tmp_path / 'part', 'celeba', tmp_path)
  np.testing.assert_array_equal(part.labels(jnp.arange(2)), [[1, 0], [1, 1]])
  assert np.abs(pixels(part)[:, 30, 30] - flat[::2]).max() <= 3
  partition = np.load(tmp_path / 'part' / 'celeba-64' / 'partition.npy')
  np.testing.assert_array_equal(partition, [0, 2])
  for name in names[::2]:
    (tmp_path / 'img_align_celeba' / name).unlink()
  with pytest.raises(ValueError, match='has none of the images of list_attr'):
    made(tmp_path / 'none', 'celeba', tmp_path)


def test_nvidia3d(tmp_path, monkeypatch):
  sizes = (3, 2)
  rows = np.stack(np.unravel_index(np.arange(6), sizes), -1)
  images = noise(6, 128, 128, 3)
  with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
    stream = io.BytesIO()
    np.save(stream, rows / [2, 1])
    archive.writestr('Falcor3D_down128/train-rec.labels', stream.getvalue())
    archive.writestr('__MACOSX/Falcor3D_down128/._train-rec.labels', b'\0')
    for i, image in enumerate(images):
      name = f'Falcor3D_down128/images/{i:06d}.png'
      archive.writestr(name, picture(image, 'png'))
  monkeypatch.setitem(
    sets.SETS,
    'falcor3d',
    sets.SETS['falcor3d']._replace(
      open=lambda path: nvidia3d.open_as(path, 'rec.labels', 'a b', sizes)
    ),
  )
  prepare.prepare('falcor3d', str(tmp_path), str(tmp_path / 'a.zip'))
  dataset = load(tmp_path, 'falcor3d', image_size=128)
  assert dataset.is_grid and dataset.factor_names == ('a', 'b')
  np.testing.assert_array_equal(pixels(dataset), images)
  with zipfile.ZipFile(tmp_path / 'a.zip', 'a') as archive:
    archive.writestr('old/images/000002.png', picture(images[0], 'png'))
  with pytest.raises(
    ValueError, match='a.zip: image number 2 of 6 is there tw'
  ):
    made(tmp_path / 'again', 'falcor3d', tmp_path / 'a.zip')
  thin = load(tmp_path, 'falcor3d', image_size=128, factor_stride=(2, 1))
  assert thin.factor_sizes == (2, 2)
  np.testing.assert_array_equal(pixels(thin), images[[0, 1, 4, 5]])


def test_published_sizes_agree():
  for real in sets.SETS.values():
    assert real.files and real.num_images > 0
    for remote in real.files:
      kind, _, digest = remote.checksum.partition(':')
      lengths = {'sha256': 64, 'md5': 32, 'git': 40, '': 0}
      assert len(digest) == lengths[kind]
  for name, count in {'falcor3d': 233_280, 'isaac3d': 737_280}.items():
    assert math.prod(sets.SETS[name].open.keywords['sizes']) == count
  assert sets.SETS['mpi3d_complex'].num_images == 460_800


@pytest.mark.skipif(not FORMATS.exists(), reason='files of others')
def test_files_made_by_others(tmp_path):
  pytest.importorskip('h5py')
  for name, source in {
    'dsprites': next(FORMATS.glob('*.hdf5')),
    'smallnorb': FORMATS / 'smallnorb',
    'smallnorb_dlib': FORMATS / 'smallnorb',
  }.items():
    dataset = made(tmp_path, name, source)
    assert dataset.num_images == (10 if 'dlib' in name else 5)
    assert dataset.has_factors and not dataset.is_grid


def test_a_whole_set_that_differs_is_refused(tmp_path, monkeypatch, caplog):
  classes, lit = dsprites_rows(4)
  np.savez(tmp_path / 'a.npz', imgs=lit, latents_classes=classes)
  real = sets.SETS['dsprites']
  monkeypatch.setitem(sets.SETS, 'dsprites', real._replace(num_images=4))
  sums = 'git:[0-9a-f]{40} where git:d98996d3f8ee1550e06b9d4ed78d0beb478910d5'
  with pytest.raises(ValueError, match=sums):
    made(tmp_path, 'dsprites', tmp_path / 'a.npz')
  assert not (tmp_path / 'dsprites-64').exists()
  with caplog.at_level(logging.WARNING):
    dataset = made(tmp_path, 'dsprites', tmp_path / 'a.npz', unverified=True)
  assert 'was published' in caplog.text
  assert 'not the published files' in dataset.description


def test_a_file_is_compared_by_what_it_is_not_by_its_name(tmp_path):
  h5py = pytest.importorskip('h5py')
  classes, lit = dsprites_rows(4)
  with h5py.File(tmp_path / 'a.h5', 'w') as file:
    file['imgs'], file['latents/classes'] = lit, classes
  real = sets.SETS['dsprites']
  digest = hashlib.sha256((tmp_path / 'a.h5').read_bytes()).hexdigest()
  npz, hdf5 = real.files
  ours = hdf5._replace(checksum=f'sha256:{digest}', size=0)
  found = prepare._compare(real._replace(files=(npz, ours)), tmp_path / 'a.h5')
  assert found == ('', '')


def test_prepared_once_with_facts_and_a_sheet(tmp_path, small_mpi3d):
  npz_of(tmp_path / 'a.npz', noise(math.prod(small_mpi3d), 64, 64, 3))
  home = tmp_path / 'home'
  folder = prepare.prepare('mpi3d_toy', str(home), str(tmp_path / 'a.npz'))
  assert sorted(p.name for p in folder.iterdir()) == [
    'contact_sheet.png',
    'factors.npy',
    'facts.json',
    'images.npy',
  ]
  facts = json.loads((folder / 'facts.json').read_text())
  assert facts['licence'] == 'CC BY 4.0' and facts['complete_grid']
  with Image.open(folder / 'contact_sheet.png') as sheet:
    assert sheet.size == (512, 512)
  before = (folder / 'images.npy').stat().st_mtime_ns
  prepare.prepare('mpi3d_toy', str(home), 'nowhere')
  assert (folder / 'images.npy').stat().st_mtime_ns == before


def test_nothing_half_made(tmp_path, monkeypatch, small_mpi3d):
  home = tmp_path / 'home'
  npz_of(tmp_path / 'a.npz', noise(math.prod(small_mpi3d), 64, 64, 3))
  left = home / f'.mpi3d_toy-64.{2**22 + 1}'  # of a process that is dead
  left.mkdir(parents=True)

  def killed(*_):
    raise KeyboardInterrupt

  with monkeypatch.context() as patched:
    patched.setattr(writing, '_sheet', killed)
    with pytest.raises(KeyboardInterrupt):
      prepare.prepare('mpi3d_toy', str(home), str(tmp_path / 'a.npz'))
  assert list(home.iterdir()) == []

  def overtaken(*_):  # by the same command beside this one
    (home / 'mpi3d_toy-64').mkdir()
    (home / 'mpi3d_toy-64' / 'facts.json').touch()

  with monkeypatch.context() as patched:
    patched.setattr(writing, '_sheet', overtaken)
    made = prepare.prepare('mpi3d_toy', str(home), str(tmp_path / 'a.npz'))
  assert list(home.iterdir()) == [made]
  assert [path.name for path in made.iterdir()] == ['facts.json']
  shutil.rmtree(made)
  with monkeypatch.context() as patched:
    patched.setattr(
      writing.shutil, 'disk_usage', lambda _: type('U', (), {'free': 9})
    )
    with pytest.raises(OSError, match='bytes needed, 9 free; choose another'):
      prepare.prepare('mpi3d_toy', str(home), str(tmp_path / 'a.npz'))

  def full(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  with monkeypatch.context() as patched:
    patched.setattr(writing, '_sheet', full)
    told = 'home: the prepared set cannot be written: .*No space left.*; ch'
    with pytest.raises(OSError, match=told):
      prepare.prepare('mpi3d_toy', str(home), str(tmp_path / 'a.npz'))
  assert list(home.iterdir()) == []


def test_names_the_command_where_it_is_missing(tmp_path):
  with pytest.raises(
    FileNotFoundError, match='data.prepare shapes3d --data_dir=.*home$'
  ):
    load(tmp_path / 'home', 'shapes3d')
  with pytest.raises(FileNotFoundError, match='smallnorb .*--image_size=48'):
    load(tmp_path / 'home', 'smallnorb', image_size=48)
