"""The look at a data set: one page without other files, and its picture."""

import numpy as np
import pages
import pytest
from PIL import Image

from bvae_jax import data
from bvae_jax.data import show
from bvae_jax.report.sections.run import data as figures


def test_show_writes_a_page_and_a_picture(tmp_path, capsys):
  show.main(['blob', '--image_size=16', f'--out={tmp_path}'])
  assert 'blob.html' in capsys.readouterr().out
  page = (tmp_path / 'blob.html').read_text()
  assert (tmp_path / 'blob.gif').read_bytes()[:6] == b'GIF89a'
  pictures = [e for e in pages.tree(page).iter('img') if e.get('alt')]
  # Samples, and each of both factors varied alone.
  assert [e.get('alt') for e in pictures] == ['samples', 'x varied', 'y varied']
  assert all(e.get('src').startswith('data:') for e in pictures)
  assert 'drawn procedurally' in page and '256 images' in page
  # 4 rows of samples and 2 of factors, cells of 17 pixels but the last, gaps of
  # 6 below each of the three.
  size = 12 * 17 - 1, 4 * 17 - 1 + 2 * 16 + 3 * 6
  with Image.open(tmp_path / 'blob.png') as picture:
    assert picture.size == size


def test_a_strip_is_as_long_as_its_factor_has_values():
  strips = {'kind': np.ones((3, 8, 8, 1)), 'x': np.ones((12, 8, 8, 1))}
  look = show.Look(np.ones((12, 8, 8, 1)), strips, [])
  tree = pages.tree(f'<div>{figures.figures(look)}</div>')
  kind, x = (e for e in tree.iter('img') if e.get('alt').endswith('varied'))
  assert kind.get('width') == str(3 * 9 - 1)  # no place without an image
  assert kind.get('style') == '--share:0.25' and x.get('style') is None


def test_counts_leave_missing_labels_out():
  factors = (
    data.Factor('class', 'categorical', 3),
    data.Factor('size', 'ordinal', 2),
  )
  table = data.Table(factors, np.array([[0, -1], [2, 1], [2, 0], [-1, -1]]))
  dataset = data.Dataset(
    'x', 'x', (8, 8, 1), 4, (), lambda *_: np.zeros((4, 8, 8, 1)), table
  )
  one, two = show.counts(dataset)
  assert one.images.tolist() == [1, 0, 2] and one.missing == 1
  assert two.images.tolist() == [1, 1] and two.missing == 2
  shown = figures.figures(show.Look(np.zeros((4, 8, 8, 1)), {}, [one, two]))
  charts = pages.charts(pages.tree(f'<div>{shown}</div>'))
  assert [row['value'] for row in charts['class']] == [1, 0, 2]
  # All images count, as where they come class by class.
  many = data.Table(factors[:1], np.repeat([0, 1, 2], 50_000)[:, None])
  dataset = data.Dataset('x', 'x', (8, 8, 1), 150_000, (), print, many)
  assert show.counts(dataset)[0].images.tolist() == [50_000] * 3


def test_bins_of_a_continuous_factor_are_named_by_value():
  values = np.float32([[-1.0, np.nan], [0.0, 3.5], [1.0, 103.5]])
  factors = [data.Factor(n, 'continuous', 0) for n in ('angle', 'mass')]
  table = data.Table.of(factors, values)
  dataset = data.Dataset('x', 'x', (8, 8, 1), 3, (), print, table)
  look = show.Look(np.zeros((3, 8, 8, 1)), {}, show.counts(dataset))
  charts = pages.charts(pages.tree(f'<div>{figures.figures(look)}</div>'))
  angle = [(row['name'], row['value']) for row in charts['angle']]
  assert angle[:2] == [('−1.00', 1), ('−0.90', 0)] and len(angle) == 20
  assert (angle[10], angle[-1]) == (('0.00', 1), ('0.90', 1))
  mass = [row['name'] for row in charts['mass']]
  assert mass[:2] == ['3.5', '8.5'] and mass[-1] == '98.5'  # steps of 5


def test_one_array_of_several_is_shown(tmp_path, monkeypatch, capsys):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setenv('HOME', str(tmp_path))
  images = np.zeros((6, 8, 8), np.uint8)
  np.savez(tmp_path / 'x.npz', a=images, b=images, y=np.arange(6) % 3)
  argv = ['images', f'--path={tmp_path / "x.npz"}', '--image_size=8']
  show.main([*argv, '--image_key=a', '--label_keys=y', '--out=~/shown'])
  assert 'y (3 values)' in (tmp_path / 'shown' / 'images.html').read_text()
  for more, line in (('--image_key=c', 'no c among'), ('--out=', 'is empty')):
    with pytest.raises(SystemExit, match=line):
      show.main([*argv, more])
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'images.png').write_bytes(b'mine')
  with pytest.raises(SystemExit, match=r'images\.png is there already'):
    show.main([*argv, '--image_key=a'])
  assert (tmp_path / 'images.png').read_bytes() == b'mine'


def test_show_refuses_in_one_line():
  with pytest.raises(SystemExit, match='^error: unknown dataset.name'):
    show.main(['nothing'])
