"""Images of one's own: every kind of file decodes to the picture one sees."""

import io
import logging
import os
import pathlib
import platform
import re
import zipfile

import helpers
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from bvae_jax import config as config_lib
from bvae_jax import data, parallel
from bvae_jax.data import cache as decode_cache
from bvae_jax.data import decode, labels, pixels
from configs import own_images

SIZE = 8
RNG = np.random.default_rng(0)
# Flat quarters, so that no decoder's or resampler's rounding matters.
COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [80, 80, 80]]])
PICTURE = COLOURS.repeat(4, 0).repeat(4, 1).astype(np.uint8)
GREYS = np.array([[0, 255], [51, 204]], np.uint8).repeat(4, 0).repeat(4, 1)


pytestmark = pytest.mark.usefixtures('cache')


@pytest.fixture
def folder(tmp_path):
  made = tmp_path / 'mine'
  made.mkdir()
  return made


def load(path, **changes) -> data.Dataset:
  own = {'name': 'images', 'path': str(path), 'image_size': SIZE}
  return helpers.dataset(**own | changes)


def decoded(path, **changes) -> np.ndarray:
  """All images as bytes."""
  dataset = load(path, **changes)
  images = dataset.images(jnp.arange(dataset.num_images))
  assert images.dtype == jnp.float32
  return np.asarray(images * 255).round().astype(int)


def close(got, expected, most=0):
  assert got.shape == expected.shape
  assert np.abs(got - np.asarray(expected, int)).max() <= most


def test_every_format_nested_and_sorted(folder, caplog):
  (folder / 'b' / 'deep').mkdir(parents=True)
  image = Image.fromarray(PICTURE)
  image.save(folder / 'a.png')
  image.save(folder / 'b' / 'c.BMP')
  image.save(folder / 'b' / 'deep' / 'd.webp', lossless=True)
  other = Image.fromarray(255 - PICTURE)
  image.save(folder / 'e.gif', save_all=True, append_images=[other])
  (folder / '.hidden.png').write_bytes(b'')
  for name in ('notes.txt', 'f.heic', 'g.HEIC', 'Thumbs.db', 'plain'):
    (folder / name).write_text('no image')
  for suffix in ('jp2', 'tga', 'ppm'):
    image.save(folder / f'z.{suffix}')
  close(decoded(folder), np.stack([PICTURE] * 7))
  words = r'endings of no images are not read: 4 \(.heic: 2, .txt: 1, none: 1\)'
  assert re.search(words, caplog.text)


def test_modes_decode_to_what_one_sees(folder):
  image = Image.fromarray(PICTURE)
  image.quantize(4).save(folder / '0_palette.png')
  alpha = np.full((8, 8, 1), 255, np.uint8)
  alpha[:4, :4] = 0
  Image.fromarray(np.concatenate([PICTURE, alpha], -1)).save(
    folder / '1_alpha.png'
  )
  Image.fromarray(np.array(GREYS, np.uint16) * 257).save(folder / '2_16.png')
  turned = image.rotate(90)  # counter-clockwise; EXIF 6 turns it back
  exif = Image.Exif()
  exif[0x0112] = 6
  turned.save(folder / '3_exif.png', exif=exif)
  got = decoded(folder)
  over_white = PICTURE.copy()
  over_white[:4, :4] = 255
  grey = GREYS[..., None].repeat(3, -1)
  close(got, np.stack([PICTURE, over_white, grey, PICTURE]))


def test_cmyk_jpeg(folder):
  Image.fromarray(PICTURE).convert('CMYK').save(
    folder / 'a.jpg', quality=100, subsampling=0
  )
  close(decoded(folder)[0], PICTURE, most=6)


def test_grey_files_have_one_channel_unless_asked(folder):
  Image.fromarray(GREYS).save(folder / 'a.png')
  Image.fromarray(GREYS > 100).save(folder / 'b.png')
  Image.fromarray(GREYS).convert('P').save(folder / 'c.png')
  got = decoded(folder)
  close(got[0], GREYS[..., None])
  close(got[1], 255 * (GREYS[..., None] > 100))
  close(got[2], GREYS[..., None])
  assert decoded(folder, channels=3).shape == (3, 8, 8, 3)


@pytest.mark.parametrize(
  'values',
  [
    np.array(GREYS, np.int32),
    np.array(GREYS, np.int32) * 257,
    np.array(GREYS, np.float32),
    GREYS / np.float32(255),
    GREYS / np.float32(127.5) - 1,
  ],
)
def test_numbers_of_32_bits_are_read_by_their_range(values, folder):
  Image.fromarray(values).save(folder / 'a.tif')
  close(decoded(folder)[0], GREYS[..., None])
  dark = np.minimum(
    values, np.sort(values.ravel())[1]
  )  # has a range of its own
  Image.fromarray(dark).save(folder / 'b.tif')
  expected = np.minimum(GREYS, np.sort(GREYS.ravel())[1])
  close(decoded(folder)[1], expected[..., None])


@pytest.mark.parametrize('suffix', ['png', 'tif'])
def test_16_bits_that_are_not_used_are_no_black_picture(suffix, folder):
  Image.fromarray(GREYS.astype(np.uint16)).save(folder / f'a.{suffix}')
  close(decoded(folder)[0], GREYS[..., None])
  bright = GREYS.astype(np.uint16) * 16  # 12 bits: all files have one range
  Image.fromarray(bright).save(folder / f'b.{suffix}')
  expected = np.stack([GREYS / 257, bright / 257]).round()
  close(decoded(folder), expected[..., None])
  words = r'image files of uint16 from 0 to 65535 \(dark: the largest is 4080'
  assert re.search(words, load(folder).description)
  Image.fromarray(GREYS).save(folder / 'c.png')
  words = words.replace('uint16', 'uint8 from 0 to 255 and uint16')
  assert re.search(words, load(folder).description)
  close(decoded(folder)[2], GREYS[..., None])


def test_crop_and_pad(folder):
  wide = np.zeros((8, 16, 3), np.uint8)
  wide[:, 4:12] = 200
  Image.fromarray(wide).save(folder / 'a.png')
  close(decoded(folder), np.full((1, 8, 8, 3), 200))
  padded = decoded(folder, fit='pad', image_size=16)[0]
  close(padded[4:12], wide)
  assert not padded[:4].any() and not padded[12:].any()
  Image.fromarray(np.zeros((2, 300), np.uint8)).save(folder / 'a.png')
  with pytest.raises(ValueError, match='300x2 is too thin to be seen'):
    load(folder, fit='pad')


def test_broken_files_are_left_out_or_refused(folder, caplog):
  Image.fromarray(PICTURE).save(folder / 'a.png')
  (folder / 'b.png').write_bytes(b'')
  (folder / 'c.png').write_bytes((folder / 'a.png').read_bytes()[:60])
  (folder / 'd.jpg').write_text('<!DOCTYPE html><html>')
  (folder / 'e.jpg').write_text('version https://git-lfs.github.com/spec/v1')
  with caplog.at_level(logging.WARNING):
    dataset = load(folder)
  assert dataset.num_images == 1
  assert '4 files that cannot be decoded left out' in dataset.description
  assert '4 files cannot be decoded: b.png: an empty file; c.png' in caplog.text
  with pytest.raises(ValueError, match='d.jpg: an HTML page') as caught:
    load(folder, strict=True)
  assert '\n' not in str(caught.value)
  (folder / 'a.png').unlink()
  with pytest.raises(ValueError, match='none of 4 images could be decoded'):
    load(folder)


def test_decoded_once_and_anew_when_a_file_changes(folder, cache, monkeypatch):
  Image.fromarray(PICTURE).save(folder / 'a.png')
  left = cache / f'making_x.{platform.node()}.{2**22 + 1}'
  left.mkdir(parents=True)  # of a process that was killed the day before
  os.utime(left, (0, 0))
  first = decoded(folder)
  assert sorted(p.suffix for p in cache.iterdir()) == ['.json', '.npy']
  with monkeypatch.context() as patched:
    patched.setattr('bvae_jax.data.decode.read', None)
    close(decoded(folder), first)
  Image.fromarray(255 - PICTURE).save(folder / 'a.png')
  close(decoded(folder), 255 - first)
  assert len(list(cache.iterdir())) == 4
  for note in cache.glob('*.json'):
    note.write_text('{"rows": 1}')  # damaged
  close(decoded(folder), 255 - first)


def test_a_file_that_could_not_be_read_is_tried_again(folder, monkeypatch):
  for name, picture in (('a.png', PICTURE), ('b.png', 255 - PICTURE)):
    Image.fromarray(picture).save(folder / name)
  read = decode.read

  def away(path, *args):  # closed to this user, or on a disk that is away
    if path.name == 'b.png':
      raise PermissionError(13, 'Permission denied')
    return read(path, *args)

  with monkeypatch.context() as patched:
    patched.setattr(decode, 'read', away)
    assert len(decoded(folder)) == len(decoded(folder)) == 1
  one, other = decoded(folder)
  close(other, 255 - one)


@pytest.mark.skipif(not hasattr(os, 'posix_fallocate'), reason='as macOS')
def test_a_mapped_array_has_its_room_at_once(tmp_path):
  """A disk that was full while it was filled ended the process by SIGBUS."""
  made = decode_cache.mapped(tmp_path / 'a.npy', (1 << 20,))
  assert (tmp_path / 'a.npy').stat().st_blocks * 512 >= made.nbytes == 1 << 20


def test_a_cache_that_cannot_be_written(folder, tmp_path, monkeypatch):
  Image.fromarray(PICTURE).save(folder / 'a.png')
  (tmp_path / 'file').write_text('')
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
  with pytest.raises(OSError, match='set XDG_CACHE_HOME to another folder'):
    load(folder)


IMAGES = RNG.integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
BINARY = RNG.integers(0, 2, (5, 8, 8))


@pytest.mark.parametrize(
  'array, expected, most',
  [
    (IMAGES, IMAGES, 0),
    (IMAGES.transpose(0, 3, 1, 2), IMAGES, 0),
    (np.asfortranarray(IMAGES), IMAGES, 0),
    (IMAGES[..., 0], IMAGES[..., :1], 0),
    (IMAGES.astype('>f4') / 255, IMAGES, 0),
    (IMAGES / 127.5 - 1, IMAGES, 1),
    (IMAGES.astype(np.int64), IMAGES, 0),
    (IMAGES.astype(np.uint16) * 257, IMAGES, 0),
    (BINARY > 0, 255 * BINARY[..., None], 0),
    (BINARY.astype(np.uint8), 255 * BINARY[..., None], 0),
    (255.0 * BINARY, 255 * BINARY[..., None], 0),
  ],
)
@pytest.mark.parametrize('suffix', ['npy', 'npz'])
def test_arrays(array, expected, most, suffix, tmp_path):
  path = tmp_path / f'a.{suffix}'
  if suffix == 'npy':
    np.save(path, array)
  else:
    np.savez(path, x=array, y=np.arange(5))
  close(decoded(path), expected, most)


def test_sixteen_bits_of_which_few_are_used_are_called_dark(tmp_path):
  np.save(tmp_path / 'a.npy', IMAGES.astype(np.uint16) * 16)
  close(decoded(tmp_path / 'a.npy'), np.round(IMAGES * (16 / 257)))
  words = r'uint16 from 0 to 65535 \(dark: the largest is 4080'
  assert re.search(words, load(tmp_path / 'a.npy').description)


def test_arrays_with_transparency_lie_over_white(tmp_path):
  np.save(tmp_path / 'a.npy', np.zeros((2, 8, 8, 4), np.uint8))
  close(decoded(tmp_path / 'a.npy'), np.full((2, 8, 8, 3), 255))
  np.save(tmp_path / 'b.npy', np.zeros((2, 8, 8, 2), np.uint8))
  close(decoded(tmp_path / 'b.npy'), np.full((2, 8, 8, 1), 255))


def test_hdf5(tmp_path):
  h5py = pytest.importorskip('h5py')
  with h5py.File(tmp_path / 'a.h5', 'w') as file:
    file['deep/images'] = IMAGES
    file['labels'] = np.arange(5)
    file['none'] = h5py.Empty('f')
    file['word'] = np.char.encode(list('ßaßab'), 'utf-8')
    file['latin'] = np.char.encode(list('ßaßab'), 'latin-1')
  (word,) = load(tmp_path / 'a.h5', label_keys=('word',)).factors.factors
  assert word.values == ('a', 'b', 'ß')
  with pytest.raises(ValueError, match='a.h5: latin is no UTF-8; save its tex'):
    load(tmp_path / 'a.h5', label_keys=('latin',))
  with pytest.raises(ValueError, match='no none among deep/images, labels, l'):
    load(tmp_path / 'a.h5', label_keys=('none',))
  with h5py.File(tmp_path / 'vast.h5', 'w') as file:  # 17.6 PB of none
    file.create_dataset('x', (2**40, 128, 128), np.uint8, chunks=(1, 4, 4))
  with pytest.raises(ValueError, match='x has 1.8e.07 GB, more than the mem'):
    load(tmp_path / 'vast.h5')
  close(decoded(tmp_path / 'a.h5'), IMAGES)
  close(decoded(tmp_path / 'a.h5', image_key='/deep/images'), IMAGES)


def test_an_npz_that_macos_packed_anew(tmp_path):
  np.savez(tmp_path / 'a.npz', x=IMAGES)
  with zipfile.ZipFile(tmp_path / 'a.npz', 'a') as archive:
    archive.writestr('__MACOSX/._x.npy', b'\0\5\x16\7')
  close(decoded(tmp_path / 'a.npz'), IMAGES)


def test_an_npz_that_memory_does_not_hold_is_not_unpacked(
  tmp_path, monkeypatch
):
  np.savez_compressed(tmp_path / 'a.npz', x=np.zeros((1000, 10, 10)))
  monkeypatch.setattr(parallel, 'host_memory', lambda: 800_000)
  with pytest.raises(ValueError, match=r'a\.npz: x has 0\.0008 GB, more than'):
    load(tmp_path / 'a.npz')


def _pickled(path):
  np.savez(path, images=np.array([None, 'a'], object))


def _short(path):
  np.save(path, IMAGES)
  raw = path.with_suffix('.npz.npy').read_bytes()
  path.write_bytes(raw[:-100])


def _cut_zip(path):
  np.savez(path, images=IMAGES)
  path.write_bytes(path.read_bytes()[:-200])


def _lying(path):
  """An array whose header tells of 3.6e13 bytes; 128 + 12 are there."""
  header = io.BytesIO()
  told = {'descr': '|u1', 'fortran_order': False, 'shape': (10**12, 6, 6)}
  np.lib.format.write_array_header_1_0(header, told)
  with zipfile.ZipFile(path, 'w') as archive:
    archive.writestr('images.npy', header.getvalue() + bytes(12))


def _array(array):
  return lambda path: np.savez(path, images=array)


@pytest.mark.parametrize(
  'write, message',
  [
    (lambda p: p.write_bytes(b''), 'an empty file'),
    (lambda p: p.write_text('\n<html>quota'), 'an HTML page'),
    (lambda p: p.write_text('version https://git-lfs.'), 'a Git LFS pointer'),
    (lambda p: p.write_bytes(b'\x80\x04pickle'), 'a pickle, which could run'),
    (lambda p: p.write_bytes(b'PK\x05\x06' + bytes(18)), 'a zip of other fil'),
    (lambda p: p.write_bytes(b'\x1f\x8bx'), 'a gzip file'),
    (lambda p: p.write_bytes(b'hello'), 'by its first bytes'),
    (_pickled, 'without pickled objects; it holds 0 among images'),
    (_short, 'damaged or cut short'),
    (_cut_zip, 'damaged or cut short'),
    (_lying, 'cut short: 140 of 36000000000128 bytes of images.npy'),
    (
      lambda p: np.savez(p, a=IMAGES, b=IMAGES),
      '2 among a, b; dataset.image_k',
    ),
    (lambda p: np.savez(p, a=IMAGES[:, 0, 0]), 'it holds 0 among a$'),
    (
      lambda p: p.write_bytes(b'MATLAB 7.3 MAT-file'),
      'a MATLAB file; save its',
    ),
    (lambda p: p.write_bytes(b'GIF89a'), 'one image; give the folder'),
    (_array(np.zeros((3, 4, 9, 3))), 'cannot tell height, width and channels'),
    (_array(np.zeros((9, 9, 3))), 'cannot tell height'),
    (_array(np.full((3, 9, 9), np.nan)), 'NaN or infinite'),
    (_array(np.full((3, 9, 9), -7.0)), 'from -7 to -7 are no images'),
    (_array(np.zeros((0, 9, 9))), 'holds no image'),
    (_array(np.full((3, 9, 9), 'a')), 'must be numbers or bool'),
  ],
)
def test_bad_files_in_one_line(write, message, tmp_path):
  path = tmp_path / 'a.npz'
  write(path)
  with pytest.raises(ValueError, match=message) as caught:
    load(path)
  assert str(path) in str(caught.value) and '\n' not in str(caught.value)


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'path': ''}, 'dataset.path must name a folder'),
    ({'channels': 2}, 'must be 0 .as found., 1 or 3, got 2'),
    ({'fit': 'squash'}, "'squash' is unknown; valid: crop, pad"),
    ({'image_size': 0}, 'image_size must be at least 1'),
    ({'factor_stride': (1,)}, 'has no use'),
    (
      {'label_keys': ('a',)},
      'is a folder: leave them out; labels are read fro',
    ),
    ({'path': '/caf\udce9'}, 'is no UTF-8; rename it'),
    ({}, 'no image in this folder'),
  ],
)
def test_bad_config(changes, message, folder):
  with pytest.raises(ValueError, match=message):
    load(**{'path': folder} | changes)


def test_home_is_expanded_and_must_exist(folder, monkeypatch):
  Image.fromarray(PICTURE).save(folder / 'a.png')
  monkeypatch.setenv('HOME', str(folder.parent))
  assert load('~/mine').num_images == 1
  with pytest.raises(FileNotFoundError, match='no such file or folder'):
    load('~/none')
  monkeypatch.chdir(folder)  # a relative path is told with where it starts
  with pytest.raises(FileNotFoundError, match=rf'folder in {folder}: none'):
    load('none')


def test_folders_are_classes(folder):
  for name in ('cat/1.png', 'dog/1.png', 'cat/2.png'):
    (folder / name).parent.mkdir(exist_ok=True)
    Image.fromarray(PICTURE).save(folder / name)
  dataset = load(folder)
  assert dataset.factors.factors == (
    data.Factor('class', 'categorical', 2, ('cat', 'dog')),
  )
  np.testing.assert_array_equal(dataset.labels(jnp.arange(3)), [[0], [0], [1]])


def test_folders_by_names_that_are_no_utf8(folder):
  names = [f'{os.fsdecode(b)}/1.png' for b in (b'caf\xe9', b'caf\xe8')]
  (factor,) = labels.of_files(folder, names).factors
  assert factor.values == ('caf\\xe8', 'caf\\xe9')


def test_what_is_left_out_is_said(folder, caplog):
  assert labels.of_files(folder, ['a/1.png', 'b/1.png', 'cover.png']) is None
  (folder / 'factors.csv').write_text('file,x,y,z\na,0.5,1,u\nb,0.5,1,v\n')
  (factor,) = labels.of_files(folder, ['a', 'b']).factors
  assert factor.name == 'z'
  for words in ('folders are no classes', 'x has one value', 'y has one value'):
    assert words in caplog.text


@pytest.mark.parametrize(
  ('cells', 'words'),
  [
    ('"1,500" 900', r'numbers and words \(1,500\)'),
    ('"1,5" "2,5"', r'no plain number \(1,5\).* no order; write numbers as'),
    ('10% 20%', r'no plain number \(10%\)'),
    ('2024-01-01 2024-01-02', 'no plain number .2024-01-01'),
    ('Cat cat', 'x holds Cat and cat, which are taken for values of their own'),
    ('b1 b2', ''),
  ],
)
def test_words_that_may_be_meant_otherwise_are_told(
  cells, words, folder, caplog
):
  one, other = cells.split()
  (folder / 'factors.csv').write_text(f'file,x\na,{one}\nb,{other}\n')
  table = labels.of_files(folder, ['a', 'b'])
  assert table.sizes == (2,) and len(caplog.messages) == bool(words)
  assert re.search(words, caplog.text)


def test_numbers_that_32_bits_cannot_tell_apart_count_from_the_least(folder):
  seconds = 1_700_000_000 + np.arange(30)
  rows = [f'{i},{t}.5' for i, t in enumerate(seconds)]
  (folder / 'factors.csv').write_text('\n'.join(['file,t', *rows]))
  table = labels.of_files(folder, list(map(str, range(30))))
  np.testing.assert_array_equal(table.values[:, 0], np.arange(30))
  unknown = data.Table.of(table.factors, np.full((2, 1), np.nan))
  assert np.isnan(unknown.values).all()


def test_labels_of_a_file_that_is_left_out_go_to_no_other(folder):
  (folder / 'factors.csv').write_text('file,x\na,1\nb.png,2\nc,3\n')
  names = ['c.png', 'e/b.png', 'f/a.png']
  table = labels.of_files(folder, names, ['a.png', 'd/b.png'])
  assert table is None  # c alone has a label: one value
  table = labels.of_files(folder, [*names, 'b.png'], ['a.png'])
  np.testing.assert_array_equal(table.values, [[1], [-1], [-1], [0]])
  table = labels.of_files(folder, ['c.png', 'f/a.png'])
  np.testing.assert_array_equal(table.values, [[1], [0]])


def test_labels_from_a_table(folder):
  rows = ['file,shape,count,size,same', 'b.png,round,10,0.5,1']
  rows += ['d/a.png,flat,9.0,,1', 'c.png,,2,1e1,1', 'gone.png,flat,2,1,1']
  (folder / 'factors.csv').write_text('\ufeff' + '\n'.join(rows))
  table = labels.of_files(folder, ['b.png', 'c.png', 'd/a.png', 'e.png'])
  assert table.factors == (
    data.Factor('shape', 'categorical', 2, ('flat', 'round')),
    data.Factor('count', 'ordinal', 3, ('2', '9', '10')),
    data.Factor('size', 'ordinal', 2, ('0.5', '10')),
  )
  np.testing.assert_array_equal(
    table.values, [[1, 2, 0], [-1, 0, 1], [0, 1, -1], [-1] * 3]
  )
  assert table.num_missing() == (2, 1, 2)
  (folder / 'factors.csv').write_text('file,a\na,x\nb,\nc,y\n')
  table = labels.of_files(folder, ['a', 'b', 'c'])
  assert table.values.dtype == np.int32
  np.testing.assert_array_equal(table.values, [[0], [-1], [1]])
  assert labels.of_files(folder / 'none', ['a', 'b/c']) is None


@pytest.mark.parametrize(
  'text, message',
  [
    ('', 'needs a header and rows'),
    ('file\na\n', 'one column a factor'),
    ('file,x,x\na,1,2\n', 'a name of its own'),
    ('file,x\na,1,2\n', 'row 2 has 3 cells, the header 2'),
    ('file,x\na,1\na,2\n', 'names a twice, the second time in row 3'),
    ('file,x\nq,1\n', 'its first is q; the first column must hold the na'),
    ('file,x\na,\n', 'column x has no value'),
    ('file,x\na,inf\n', 'infinite value'),
    ('file,x\na,1e39\nb,0.5\n', 'infinite value .1e39, beyond 32 bits'),
    ('a.png,1\nb.png,2\n', 'needs a header; its first row names a.png'),
    ('file,x\na,1\0\n', 'no text in UTF-8; save it anew'),
  ],
)
def test_bad_labels(text, message, folder):
  (folder / 'factors.csv').write_text(text)
  with pytest.raises(ValueError, match=message):
    labels.of_files(folder, ['a', 'b'])


@pytest.mark.parametrize(
  'text, values',
  [
    ('file;x\na.png;3,5\nB.png;2,5\n', [1, 0]),
    ('file\tx\r\na.png\t3\r\n\r\nB.png\t4\r\n', [0, 1]),
    ('file,x\ra.png,3\rB.png,4\r', [0, 1]),
    ('file\tx\na.png\t3,5\nB.png\t2,5\n', [1, 0]),
    ('file, x\n"a.png", "7"\nB.png, 9\n', [0, 1]),
    (f'file,x\na,{2**53 + 1}\nB,{2**53}\n', [1, 0]),
    ('file,x\na,1_1\nB,011\n', [1, 0]),
    ('file,x\na,TRUE\nB,false\n', [1, 0]),
    ('file,x\nA.PNG,3\nb.png,4\n', [0, 1]),
    ('file,x\nFOLDER/a.png,3\n.\\B.png,4\n', [0, 1]),
    ('file,x,y\na.png,3,\nB.png,4,na\n', [0, 1]),
    ('file,x,\na.png,3,\nB.png,4,\n', [0, 1]),
    ('x,file\n3,a.png\n4,B.png\n', [0, 1]),
    (',file,x\n0,B.png,4\n1,a.png,3\n', [0, 1]),  # a data frame
    ('# by me\nfile,x\na.png,3\nB.png,4\n', [0, 1]),
    (',file,x\n0,B,4\n1,a,3\n', [0, 1]),
    ('x,file\n4,B\n3,a\n', [0, 1]),
    ('file,"x\ny"\na.png,3\nB.png,4\n', [0, 1]),
  ],
)
def test_tables_as_programs_save_them(text, values, folder):
  text = text.replace('FOLDER', str(folder))
  (folder / 'factors.csv').write_bytes(text.encode())
  table = labels.of_files(folder, ['a.png', 'B.png'])
  np.testing.assert_array_equal(table.values, np.array(values)[:, None])
  assert (table.factors[0].values == ('2.5', '3.5')) == (',5' in text)


@pytest.mark.parametrize(
  'numbers, kind, words',
  [
    ([0.5, 1, 1.0, 0.5], 'ordinal', ('0.5', '1')),
    ([k * np.pi / 20 for k in range(40)] * 3, 'ordinal', None),
    ([1 / 3, 1 / 3 + 1e-9], 'ordinal', (str(1 / 3), str(1 / 3 + 1e-9))),
    ([k / 7 for k in range(21)], 'continuous', ()),
    ([k / 7 for k in range(257)] * 9, 'continuous', ()),
    ([k / 7 for k in range(256)] * 2, 'ordinal', None),
  ],
)
def test_numbers_whose_values_recur_are_ordinal(
  numbers, kind, words, folder, caplog
):
  names = [f'{i}.png' for i in range(len(numbers))]
  rows = [f'{name},{x}' for name, x in zip(names, numbers)]
  rows = ['file,x', *rows, 'blank.png,', 'gone.png,7']
  (folder / 'factors.csv').write_text('\n'.join(rows))
  table = labels.of_files(folder, [*names, 'blank.png', 'told_of_nowhere.png'])
  (factor,) = table.factors
  assert factor.kind == kind and words in (None, factor.values)
  expected = np.unique(numbers, return_inverse=True)[1]
  expected = np.float32(numbers) if kind == 'continuous' else expected
  missing = np.nan if kind == 'continuous' else -1
  np.testing.assert_array_equal(
    table.values[:, 0], [*expected, missing, missing]
  )
  assert table.num_missing() == (2,)
  told = f'x holds {1 / 3} and {1 / 3 + 1e-9}, which are taken for values of'
  assert (told in caplog.text) == (numbers[0] == 1 / 3)


def test_numbers_of_rows_are_not_taken_for_names_of_files(folder):
  """A data frame with its index, of files that are called by numbers."""
  files = [f'{i}.png' for i in range(6)]
  for suffix in ('', '.jpg', '.png'):
    rows = [f'{i},{5 - i}{suffix},{i}' for i in range(6)]
    (folder / 'factors.csv').write_text('\n'.join([',file,x', *rows]))
    if suffix == '.png':
      found = labels.of_files(folder, files)
      np.testing.assert_array_equal(found.values[:, 0], np.arange(6)[::-1])
      continue
    with pytest.raises(ValueError, match="columns '' and 'file' may both name"):
      labels.of_files(folder, files)


def test_every_combination_once_is_a_grid_in_its_order(folder, tmp_path):
  rows, images = [], np.zeros((6, SIZE, SIZE), np.uint8)
  for i, place in enumerate((4, 0, 3, 5, 1, 2)):  # of 2 x 3 combinations
    images[i] = 40 * place
    Image.fromarray(images[i]).save(folder / f'{i}.png')
    rows.append(f'{i}.png,{place // 3},{"abc"[place % 3]}')
  table = folder / 'factors.csv'
  table.write_text('\n'.join(['file,side,kind', *rows]))
  mine = load(folder)
  assert mine.is_grid and mine.factor_sizes == (2, 3)
  assert [f.name for f in mine.factors.factors] == ['side', 'kind']
  expected = [40 * place for place in range(6)]
  assert decoded(folder)[:, 0, 0, 0].tolist() == expected  # from the cache
  held = load(folder, holdout_where=('kind=b..c', 'side=1')).split.held_out
  assert held.tolist() == [4, 5]
  np.savez(tmp_path / 'mine.npz', images=images, id=np.arange(6))
  assert not load(tmp_path / 'mine.npz', label_keys=('id',)).is_grid
  table.write_text('\n'.join(['file,side,kind', *rows[:5], '5.png,0,b']))
  assert not load(folder).is_grid  # one combination twice
  assert decoded(folder)[:, 0, 0, 0].tolist() == images[:, 0, 0].tolist()


def test_a_table_names_whole_paths_and_the_folder_is_named_from_here(
  folder, monkeypatch
):
  (folder / 'factors.csv').write_text(f'file,x\n{folder}/a,1\n{folder}/b,2\n')
  monkeypatch.chdir(folder.parent)
  table = labels.of_files(pathlib.Path(folder.name), ['a', 'b'])
  np.testing.assert_array_equal(table.values, [[0], [1]])


def test_names_of_files_are_compared_as_one_reads_them(folder):
  composed, apart = '\u00fc.png', 'u\u0308.png'
  (folder / 'factors.csv').write_text(f'file,x\n{composed},1\nd/a,2\n')
  table = labels.of_files(folder, [apart, 'd/a.png', 'e/a.png'])
  np.testing.assert_array_equal(table.values, [[0], [1], [-1]])
  (folder / 'factors.csv').write_text('file,x\na,1\nb,2\n')
  with pytest.raises(ValueError, match='names none'):  # a is two files
    labels.of_files(folder, ['d/a.png', 'e/a.png'])


def test_links_are_followed_once_and_what_is_no_file_is_left_out(
  folder, tmp_path_factory, caplog
):
  away = tmp_path_factory.mktemp('away')
  Image.fromarray(PICTURE).save(away / 'a.png')
  (folder / 'linked').symlink_to(away)
  (away / 'back').symlink_to(folder)
  (folder / 'dead.png').symlink_to('nowhere')
  (folder / 'self.png').symlink_to('self.png')
  os.mkfifo(folder / 'pipe.png')
  dataset = load(folder)
  assert dataset.num_images == 1
  assert '3 files cannot be decoded: dead.png: no file, or a' in caplog.text


def test_axes(caplog):
  assert pixels.to_nhwc((9, 8, 8, 3)) == (0, 1, 2, 3)
  assert pixels.to_nhwc((9, 3, 8, 8)) == (0, 2, 3, 1)
  assert pixels.to_nhwc((9, 8, 8)) == (0, 1, 2)
  assert pixels.to_nhwc((8, 8, 8)) == (0, 1, 2) and not caplog.text
  assert pixels.to_nhwc((8, 8, 500)) == (0, 1, 2)
  assert 'read as 8 images of 8x500; if it is [H, W, N]' in caplog.text


def test_the_config_for_own_images_is_valid():
  config = own_images.get_config()
  config_lib.validate(config)
  assert config.dataset.name == 'images'
  assert '--config=configs/own_images.py' in own_images.__doc__
