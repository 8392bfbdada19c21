"""`python -m bvae_jax.score`: anybody's codes, from files."""

import errno
import io
import itertools
import json
import os
import pathlib
import re
import sys

import numpy as np
import pages
import pytest

from bvae_jax import metrics, score, usage
from bvae_jax.data import labels, point_files
from bvae_jax.evaluation import labelled

SIZES = (3, 4, 5)


@pytest.fixture(scope='module')
def points():
  """A perfect representation of a whole grid, shuffled."""
  factors = np.array(list(itertools.product(*map(range, SIZES))) * 1)
  factors = np.random.default_rng(0).permutation(factors)
  return factors * [1.0, -2.0, 0.5] + 3.0, factors


def test_the_scores_are_those_of_the_library(points):
  codes, factors = points
  parts = (codes[:40], factors[:40], codes[40:], factors[40:])
  found = score.score(*parts, names='abc', metrics_names=('mig', 'sap'))
  scores = found.members[0].metrics
  expected = metrics.mig(codes[:40], factors[:40])['mig']
  assert scores['mig'] == pytest.approx(float(expected), abs=1e-6)
  expected = metrics.sap(*parts)['sap']
  assert scores['sap'] == pytest.approx(float(expected), abs=1e-6)
  assert list(scores)[:4] == ['mig', 'mig/a', 'mig/b', 'mig/c']
  assert found.dataset.num_images == 40 and not found.dataset.complete_grid


def test_frames_must_have_their_columns_in_one_order(points):
  class Frame:
    columns, __array__ = 'abc', lambda self, *args, **kwargs: points[0]

  turned = Frame()
  turned.columns = 'bac'
  with pytest.raises(ValueError, match='different columns, or in another'):
    score.score(Frame(), points[1], turned, points[1])


def test_a_locale_without_a_character_gets_it_escaped(monkeypatch):
  raw = io.BytesIO()
  monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(raw, 'ascii'))
  with usage.one_line_errors():
    print('mig 0.5 ± 0.1')
  assert raw.getvalue() == b'mig 0.5 \\xb1 0.1\n'


def test_a_whole_grid_gives_the_scores_of_tables(points):
  codes, factors = points
  found = score.score(codes, factors, metrics_names=('factor_vae_score',))
  assert found.dataset.complete_grid and found.dataset.factor_sizes == SIZES
  assert found.members[0].metrics['factor_vae_score'] == 1.0


def test_observed_points_are_scored_as_what_they_are(points, caplog):
  """No grid; a continuous factor, missing labels, one value nearly always."""
  codes, factors = points
  rare = np.where(np.arange(59) % 15, 'no', 'yes').astype(object)
  rare[[3, 20]] = None
  table = np.stack(
    [factors[1:, 0], np.random.default_rng(0).random(59), rare], 1
  )
  found = score.score(
    codes[1:], table, names='abc', metrics_names=('factor_vae_score', 'mig')
  )
  about, scores = found.dataset, found.members[0].metrics
  assert about.factor_sizes == (3, 0, 2) and not about.complete_grid
  assert about.missing_labels == (0, 0, 2) and about.num_points == (39, 20)
  assert 0.5 < scores['factor_vae_score'] <= 1 and scores['mig/a'] > 0.4
  told = labelled.described(about)
  assert 'continuous: 20 bins' in told[1] and '2 points without' in told[2]
  (missing, most) = labelled.warnings(about)
  assert missing.endswith('c 2') and 'c 93%' in most
  with pytest.raises(ValueError, match='needs log-variances'):
    score.score(*points, metrics_names=('mig_sampled',))
  logvars = np.full_like(codes, -2.0)
  found = score.score(*points, logvars=logvars, metrics_names=('mig_sampled',))
  assert 0.5 < found.members[0].metrics['mig_sampled'] <= 1


@pytest.mark.parametrize(
  ('arguments', 'line'),
  [
    ({'names': ('a',)}, r"3 factors but names \['a'\]"),
    ({'num_resamples': -1}, 'num_resamples=-1 must not be negative'),
    ({'num_resamples': 1}, 'num_resamples=1 must be 0'),
    ({'transform': 'x'}, "transform='x' is unknown; valid: ica, none, pca"),
    ({'metrics_names': 'mig'}, "metrics='mig' must be a tuple of names"),
    ({'test_factors': [[0, 1, 2]]}, 'go together'),
  ],
)
def test_bad_arguments_are_one_line(points, arguments, line):
  with pytest.raises(ValueError, match=line):
    score.score(*points, **arguments)


def test_codes_that_memory_does_not_hold_are_one_line():
  for error in (MemoryError('44 GiB'), RuntimeError('RESOURCE_EXHAUSTED: 44')):
    with (
      pytest.raises(SystemExit, match='not enough memory, .*44'),
      usage.one_line_errors(),
    ):
      raise error


def test_files_of_all_kinds_hold_the_same_table(points, tmp_path):
  h5py = pytest.importorskip('h5py')
  _, factors = points
  np.save(tmp_path / 'a.npy', factors)
  np.savez(tmp_path / 'one.npz', anything=factors)
  np.savez(tmp_path / 'two.npz', factors=factors, codes=factors * 2.0)
  with h5py.File(tmp_path / 'a.h5', 'w') as file:
    file['train/factors'], file['test'] = factors, factors[:1]
  lines = [','.join(map(str, row)) for row in factors]
  (tmp_path / 'bare.csv').write_text('\n'.join(lines))
  (tmp_path / 'head.csv').write_text('\n'.join(['a,b,c', *lines]))
  for name in ('a.npy', 'one.npz', 'two.npz', 'a.h5', 'bare.csv', 'head.csv'):
    found, names, _ = point_files.read(tmp_path / name, 'factors')
    np.testing.assert_array_equal(found, factors)
    assert names == (('a', 'b', 'c') if name == 'head.csv' else ())


def test_the_command_writes_results_and_names_factors(
  points, tmp_path, capsys, caplog
):
  codes, factors = points
  np.save(tmp_path / 'codes.npy', codes)
  words = np.array(['cube', 'ball', 'cone'])[factors[:, 0]]
  rows = [f'{w},{b},{c}' for w, (_, b, c) in zip(words, factors)]
  rows[7] = ',' + rows[7].partition(',')[2]
  long = 'height above the ground in thousandths of a metre'
  (tmp_path / 'f.csv').write_text('\n'.join([f'shape,w/h,{long}', *rows]))
  score.main(
    [
      f'--codes={tmp_path / "codes.npy"}',
      f'--factors={tmp_path / "f.csv"}',
      '--metrics=mig,unsupervised',
      '--num_resamples=2',
      f'--out={tmp_path / "out"}',
    ]
  )
  printed = capsys.readouterr().out
  rows = [line for line in printed.splitlines() if '±' in line]
  assert 'mig/shape' in printed and len({row.index('.') for row in rows}) == 1
  assert 'mig (1 of 2)' in caplog.text  # a long score is not silent
  assert '\nhigher is better, but lower for unsupervised\n' in printed
  assert 'that factor: shape 1' in printed
  found = json.loads((tmp_path / 'out' / 'results.json').read_text())
  assert found['dataset']['factor_names'] == ['shape', 'w/h', long]
  assert found['members'][0]['errors']['mig'] > 0
  assert (tmp_path / 'out' / 'results.csv').exists()
  page = pages.tree((tmp_path / 'out' / score.PAGE).read_text())
  cells = {row[0].text: [c.text for c in row[1:]] for row in page.iter('tr')}
  member = found['members'][0]
  for name, size in (('shape', '3'), ('w/h', '4')):
    assert cells[name] == [size, f'{member["metrics"][f"mig/{name}"]:.3f}']
  errors = f'{member["errors"]["mig"]:.3f}'
  assert cells['MIG'] == [f'{member["metrics"]["mig"]:.3f}', errors]
  assert len(pages.charts(page)['MIG']) == 3 * codes.shape[1]


@pytest.mark.parametrize(
  ('text', 'head'),
  [
    ('a;b\n1,5;2\n-3;\n', 'ab'),
    ('1,5;2\n-3;\n', ''),
    ('a\tb\r\n1.5\t2\r\n-3\tNA\r\n', 'ab'),
    ('a|b\n1.5|2\n-3|\n', 'ab'),
    ('a b\n1.5 2\n-3 nan\n', 'ab'),  # numpy.savetxt
    ('1.5 2\n-3 nan\n', ''),
    ('# by me, today\n# a b\n1.5 2\n-3 nan\n', 'ab'),
    ('# by me\n1.5,2\n-3,<NA>\n', ''),
    ('sep=;\na;b\n1,5;2\n-3;\n', 'ab'),  # Excel
    ('a,b,\n1.5,2,\n-3,#N/A,\n', 'ab'),
    ('"a","b"\n"x",1.5,2\n"y",-3,NA\n', 'ab'),  # R's write.table
    (',a,b\n7,1.5,2\n3,-3,\n', 'ab'),  # a data frame with its index
    (',0,1\n0,1.5,2\n1,-3,\n', '01'),
    ('id,a,b\nx,1.5,2\ny,-3,\n', 'ab'),
    ('0,1\n1.5,2\n-3,\n', '01'),  # one without names
    ('a,b\n\n1.5,2\n-3,?\n,\n', 'ab'),
  ],
)
def test_tables_as_programs_save_them(text, head, tmp_path):
  (tmp_path / 'f.csv').write_bytes(text.encode())
  table, names, _ = point_files.read(tmp_path / 'f.csv', 'factors')
  assert names == tuple(head)
  np.testing.assert_array_equal(table, [[1.5, 2], [-3, np.nan]])


def test_a_frame_of_whole_numbers_has_no_row_for_its_head(points, tmp_path):
  """`to_csv(index=False)` of a frame without names begins with 0,1,2."""
  codes, factors = points
  for name, rows in (('codes', codes / 3), ('factors', factors)):
    lines = [','.join(map(str, row)) for row in (range(3), *rows)]
    (tmp_path / f'{name}.csv').write_text('\n'.join(lines))
  tables = [
    point_files.read(tmp_path / f'{name}.csv', name)
    for name in ('codes', 'factors')
  ]
  for both in (tables, tables[::-1]):
    for table in point_files.headless(*both):
      wanted = codes / 3 if table.values.dtype == float else factors
      np.testing.assert_array_equal(table.values, wanted)
      assert table.names == ('0', '1', '2')
  assert point_files.headless(tables[1], tables[1])[0] is tables[1]
  (tmp_path / 'words.csv').write_text('0,1\n2,red\n3,blue\n')
  found = point_files.read(tmp_path / 'words.csv', 'factors')
  assert found.values.tolist() == [['2', 'red'], ['3', 'blue']]


@pytest.mark.parametrize('kind', ['U', 'S'])
def test_missing_words_of_arrays_are_those_of_tables(kind, tmp_path):
  """`N/A` was a class of its own."""
  words = np.array([['a', 'N/A'], ['ß', ' ?'], ['NA', 'b']])
  words = np.char.encode(words, 'utf-8') if kind == 'S' else words
  np.save(tmp_path / 'f.npy', words)
  found = point_files.read(tmp_path / 'f.npy', 'factors').values
  assert found.tolist() == [['a', ''], ['ß', ''], ['', 'b']]
  np.save(tmp_path / 'f.npy', np.array([b'\xe9', b'a']))
  with pytest.raises(ValueError, match='its text is no UTF-8'):
    point_files.read(tmp_path / 'f.npy', 'factors')


def test_a_row_without_a_label_is_a_point(tmp_path):
  (tmp_path / 'f.csv').write_text('a,b\n1,2\n,\n3,4\n')
  table = point_files.read(tmp_path / 'f.csv', 'factors').values
  np.testing.assert_array_equal(table, [[1, 2], [np.nan, np.nan], [3, 4]])


@pytest.mark.parametrize('kind', ['bfloat16', 'float32', 'int64'])
def test_tensors_of_all_kinds(kind, tmp_path):
  torch = pytest.importorskip('torch')
  tensor = torch.arange(6).reshape(3, 2).to(getattr(torch, kind))
  tensor.requires_grad = kind != 'int64'
  torch.save(tensor, tmp_path / 'c.pt')
  found = point_files.read(tmp_path / 'c.pt', 'codes').values
  np.testing.assert_array_equal(found, np.arange(6).reshape(3, 2))


def test_a_dict_of_tensors_is_read_by_name(tmp_path):
  torch = pytest.importorskip('torch')
  torch.save({'codes': torch.ones(3, 2), 'epoch': 7}, tmp_path / 'c.pt')
  found = point_files.read(tmp_path / 'c.pt', 'codes').values
  np.testing.assert_array_equal(found, np.ones((3, 2)))
  torch.save(torch.nn.Linear(2, 2), tmp_path / 'model.pt')
  torch.save([torch.ones(3, 2)], tmp_path / 'list.pt')
  (tmp_path / 'empty.pt').touch()
  for name, line in {
    'c.pt': 'holds no tensor but a dict of codes, epoch; save one by torch.s',
    'list.pt': 'holds no tensor but a list; save one by torch.save',
    'model.pt': 'holds no tensor that can be read without running code; save',
    'empty.pt': 'an empty file; save one by torch.save.factors, FILE',
  }.items():
    with pytest.raises(ValueError, match=line) as caught:
      point_files.read(tmp_path / name, 'factors')
    assert '\n' not in str(caught.value) and '\x1b' not in str(caught.value)


def test_a_column_that_counts_the_rows_is_no_code(tmp_path, caplog):
  codes = np.random.default_rng(0).normal(size=(30, 2))
  rows = [f'{800 + i},{x},{y}' for i, (x, y) in enumerate(codes)]
  bare, headed = tmp_path / 'bare.csv', tmp_path / 'headed.csv'
  bare.write_text('\n'.join(rows))
  headed.write_text('\n'.join(['row,a,b', *rows]))
  for path, key in ((bare, 'codes'), (bare, 'factors'), (headed, 'codes')):
    found, names, _ = point_files.read(path, key)
    np.testing.assert_array_equal(found, codes)
    assert names == (('a', 'b') if path == headed else ())
  assert caplog.text.count('counts the rows: left out') == 3
  found = point_files.read(headed, 'factors')  # it may be the time
  assert found.names == ('row', 'a', 'b')
  assert 'row, counts the rows and is scored as a factor; call' in caplog.text


def test_minus_one_below_others_may_be_a_missing_label(caplog):
  rows = np.array([[-1, -1, -1.0], [0, 1, 0.5], [1, -1, 0.0]])  # b: of CelebA
  table = point_files.Table(rows, ('a', 'b', 'c'))
  point_files.varying(table, point_files.Table(None))
  labels._column('class', ['2', '-1', '0'])
  told = 'holds -1, which is taken for a value; leave a missing one blank'
  assert caplog.messages == [f'a {told}', f'class {told}']


def test_a_factor_of_one_value_is_left_out_as_of_a_folder(
  points, tmp_path, monkeypatch, capsys, caplog
):
  """The others keep their names and scores; `none` has no value at all."""
  monkeypatch.chdir(tmp_path)
  codes, factors = points
  np.save('codes.npy', codes)
  rows = [f'{a},red,{b},NA,{c}' for a, b, c in factors]
  pathlib.Path('f.csv').write_text('\n'.join(['a,hue,b,none,c', *rows]))
  score.main(['--codes=codes.npy', '--factors=f.csv', '--metrics=mig'])
  printed = capsys.readouterr().out
  left = 'factors of one value, or of none, are left out: '
  assert f'{left}hue, none' in caplog.text
  want = score.score(codes, factors, names='abc', metrics_names=('mig',))
  for name, value in want.members[0].metrics.items():
    assert re.search(rf'^{name} +{value:.4f}$', printed, re.MULTILINE)
  wide = np.insert(factors, 1, 7, axis=1)
  tables = point_files.Table(wide), point_files.Table(wide[:2])
  for table, rows in zip(point_files.varying(*tables), (factors, factors[:2])):
    np.testing.assert_array_equal(table.values, rows)
    assert table.names == ('factor_0', 'factor_2', 'factor_3')


def _bad_files(folder):
  np.save(folder / 'codes.npy', np.random.default_rng(0).normal(size=(9, 3)))
  np.save(folder / 'f.npy', np.arange(18).reshape(9, 2) % 3)
  np.save(folder / 'wide.npy', np.full((9, 3), 121))
  np.save(folder / 'short.npy', np.arange(8) % 2)
  np.save(folder / 'cube.npy', np.zeros((2, 3, 4)))
  np.save(folder / 'objects.npy', np.array([{}]), allow_pickle=True)
  np.savez(folder / 'other.npz', a=np.zeros(9), b=np.zeros(9))
  np.save(folder / 'turned.npy', np.arange(18).reshape(2, 9) % 3)
  np.save(folder / 'turned1.npy', np.zeros((1, 9)))
  np.save(folder / 'turned2.npy', np.eye(3, 9))
  np.save(folder / 'void.npy', np.zeros((0, 3)))
  (folder / 'head.csv').write_text('a,b\n' + '1,2\n2,1\n0,0\n' * 3)
  (folder / 'swapped.csv').write_text('b,a\n' + '1,2\n2,1\n0,0\n' * 3)
  ids = lambda order: '\n'.join(f'{i},{i % 2},{i % 3}' for i in order)
  (folder / 'named.csv').write_text('id,a,b\n' + ids(range(9)))
  (folder / 'mixed.csv').write_text('id,a,b\n' + ids(range(8, -1, -1)))
  (folder / 'twice.csv').write_text('a,a\n' + '1,2\n2,1\n0,0\n' * 3)
  (folder / 'same.csv').write_text('shape,hue\n' + '1,2\n1,2\n1,2\n' * 3)
  (folder / 'run').mkdir()
  (folder / 'run' / 'config.json').write_text('{}')
  (folder / 'mine').mkdir()
  (folder / 'mine' / 'results.csv').write_text('mine')
  (folder / 'empty.csv').write_text('')
  (folder / 'ragged.csv').write_text('1,2\n3\n')
  (folder / 'wide.csv').write_text('1,2\n', encoding='utf-16')
  (folder / 'page.npy').write_text('<html>quota</html>')


@pytest.mark.parametrize(
  ('codes', 'factors', 'more', 'line'),
  [
    ('none.npy', 'f.npy', '', '--codes: no such file'),
    ('codes.npy', 'short.npy', '', '9 codes but 8 factors: lengths differ'),
    ('cube.npy', 'f.npy', '', 'codes must be [points, latents]'),
    ('codes.npy', 'turned.npy', '', 'give the transpose of what has points'),
    ('turned.npy', 'f.npy', '', 'give the transpose of what has points'),
    ('turned.npy', 'turned1.npy', '', 'give the transpose of what has points'),
    ('turned.npy', 'turned2.npy', '', 'give the transpose of what has points'),
    ('void.npy', 'f.npy', '', 'the codes hold no point'),
    ('codes.npy', 'objects.npy', '', 'pickled objects'),
    ('codes.npy', 'other.npz', '', 'holds no factors among a, b'),
    ('codes.npy', 'empty.csv', '', 'an empty file'),
    ('codes.npy', 'ragged.csv', '', 'row 2 has 1 cells, the first 2'),
    ('codes.npy', 'wide.csv', '', 'no text in UTF-8; save it anew'),
    ('page.npy', 'f.npy', '', 'an HTML page'),
    ('codes.npy', 'f.npy', '--metrics=nice', 'metrics: nice is none'),
    ('codes.npy', 'f.npy', '--metrics=udr', 'metrics: udr cannot be'),
    ('codes.npy', 'f.npy', '--num_resamples=1', 'at least 2'),
    ('codes.npy', 'f.npy', '--test_codes=codes.npy', 'go together'),
    (
      'codes.npy',
      'f.npy',
      '--test_codes=codes.npy --test_factors=turned.npy',
      '9 codes but 2 test factors',
    ),
    (
      'codes.npy',
      'head.csv',
      '--test_codes=codes.npy --test_factors=swapped.csv',
      'test_factors has columns b, a',
    ),
    ('named.csv', 'mixed.csv', '', 'row 1 0, and --factors 8: bring their'),
    ('codes.npy', 'twice.csv', '', 'a name of their own each'),
    ('codes.npy', 'same.csv', '', 'factor shape is constant'),
    ('codes.npy', 'f.npy', '--logvars=short.npy', 'log-variances (8,) beside'),
    ('codes.npy', 'f.npy', '--logvars=wide.npy', 'log-variance of 121 is more'),
    ('codes.npy', 'f.npy', '--seed=-1', 'seed=-1 must not be negative'),
    ('codes.npy', 'f.npy', '--out=', '--out: is empty: name a folder'),
    ('codes.npy', 'f.npy', '--out=run', 'holds a run'),
    ('codes.npy', 'f.npy', '--out=f.npy', 'f.npy is a file; choose a folder'),
    ('codes.npy', 'f.npy', '--out=mine', 'mine/results.csv is there already'),
    ('codes.npy', 'f.npy', '--out=gs://bucket/x', 'choose a local path'),
  ],
)
def test_bad_input_ends_in_one_line(
  codes, factors, more, line, tmp_path, monkeypatch, capsys
):
  _bad_files(tmp_path)
  monkeypatch.chdir(tmp_path)
  argv = [f'--codes={codes}', f'--factors={factors}', *more.split()]
  with pytest.raises(SystemExit) as left:
    score.main(argv)
  told = str(left.value) + capsys.readouterr().err
  assert line in told and 'Traceback' not in told and left.value.code != 0


def test_scores_outlive_a_reader_that_left_and_a_folder_that_is_full(
  points, tmp_path, monkeypatch, capsys
):
  monkeypatch.chdir(tmp_path)
  for name, values in zip(('codes', 'factors'), points):
    np.save(name, values)
  argv = ['--codes=codes.npy', '--factors=factors.npy', '--metrics=mig']
  reader, writer = os.pipe()
  os.close(reader)
  with open(writer, 'w') as closed, monkeypatch.context() as patched:
    patched.setattr(sys, 'stdout', closed)
    score.main([*argv, '--out=read'])
  found = json.loads((tmp_path / 'read' / 'results.json').read_text())
  mig = found['members'][0]['metrics']['mig']

  def full(*unused):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_bytes', full)
  with pytest.raises(SystemExit, match=r'cannot write full/results\.json'):
    score.main([*argv, '--out=full'])
  assert re.search(rf'^mig +{mig:.4f}$', capsys.readouterr().out, re.MULTILINE)


def test_ctrl_c_is_a_line(monkeypatch):
  def interrupted(*unused):
    raise KeyboardInterrupt

  monkeypatch.setattr(score, '_scored', interrupted)
  with pytest.raises(SystemExit, match='^error: interrupted; run the same'):
    score.main(['--codes=a.npy', '--factors=b.npy'])
