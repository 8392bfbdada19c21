"""The look at a data set: one page without other files, and its picture."""

import re

import numpy as np
import pytest
from PIL import Image

from bvae_jax import data
from bvae_jax.data import show


def test_show_writes_a_page_and_a_picture(tmp_path, capsys):
  show.main(['blob', '--image_size=16', f'--out={tmp_path}'])
  assert 'blob.html' in capsys.readouterr().out
  page = (tmp_path / 'blob.html').read_text()
  # Samples, and each of both factors varied alone.
  assert page.count('src="data:image/png;base64,') == 3
  assert not re.findall(r'(?:src|href)="(?!data:)', page)
  assert 'drawn procedurally' in page and '256 images' in page
  # 4 rows of samples and 2 of factors, cells of 17 pixels, gaps of 6.
  assert Image.open(tmp_path / 'blob.png').size == (12 * 17, 6 * 17 + 3 * 6)


def test_counts_leave_missing_labels_out():
  factors = (
    data.Factor('class', 'categorical', 3),
    data.Factor('size', 'ordinal', 2),
  )
  table = data.Table(factors, np.array([[0, -1], [2, 1], [2, 0], [-1, -1]]))
  dataset = data.Dataset(
    'x', 'x', (8, 8, 1), 4, (), lambda *_: np.zeros((4, 8, 8, 1)), table
  )
  (_, one, missing), (_, two, more) = show.counts(dataset)
  assert one.tolist() == [1, 0, 2] and missing == 1
  assert two.tolist() == [1, 1] and more == 2


def test_show_refuses_in_one_line():
  with pytest.raises(SystemExit, match='^error: unknown dataset.name'):
    show.main(['nothing'])
