"""Workdirs and checkpoints: damage, kills and full disks lose nothing."""

import asyncio
import errno
import gc
import json
import logging
import os
import pathlib
import resource
import shutil
import sys
from concurrent import futures
from typing import NamedTuple

import helpers
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import config as config_lib
from bvae_jax import data, population, workdir
from bvae_jax.data import storage
from bvae_jax.evaluation import provenance
from bvae_jax.evaluation import results as results_lib
from bvae_jax.training import board as boards
from bvae_jax.training import checkpoint, hooks, hushed
from bvae_jax.workdir import metrics_log


@pytest.fixture
def folder(tmp_path):
  folder = workdir.Workdir(tmp_path / 'run')
  folder.open(helpers.small_config())
  return folder


def test_a_workdir_that_is_a_file_is_refused(tmp_path):
  (tmp_path / 'file').write_text('')
  for path in (tmp_path / 'file', tmp_path / 'file' / 'below'):
    with pytest.raises(
      workdir.WorkdirError, match='is a file .*, or lies below'
    ):
      workdir.Workdir(path).open(helpers.small_config())
  assert (tmp_path / 'file').read_text() == ''


def test_a_folder_that_cannot_be_made_is_told_before_any_work(
  tmp_path, monkeypatch
):
  (tmp_path / 'file').touch()
  (tmp_path / 'link').symlink_to('nowhere')
  target = lambda *names: workdir.Folder(tmp_path.joinpath(*names))
  for name, told in (('file', 'file is a file; '), ('link', 'a broken link; ')):
    for names in ((name,), (name, 'a', 'b')):
      with pytest.raises(workdir.WorkdirError, match=told):
        target(*names).check_writable()
  target('a', 'b').check_writable()
  monkeypatch.setattr(os, 'access', lambda path, mode: path != tmp_path)
  with pytest.raises(workdir.WorkdirError, match=f'{tmp_path} is not writable'):
    target('a', 'b').check_writable()
  with pytest.raises(workdir.WorkdirError, match='copy it and give the copy'):
    target().check_writable()
  assert not (tmp_path / 'a').exists()


def test_a_run_of_before_lacks_keys_that_came_later(folder):
  path = folder.path / 'config.json'
  old = json.loads(path.read_text())
  del old['dataset']['fit'], old['tensorboard'], old['evaluation']['seed']
  path.write_text(json.dumps(old))
  folder.check(helpers.small_config())
  with pytest.raises(workdir.WorkdirError, match="fit: 'crop' -> 'pad'"):
    config = helpers.small_config()
    config.dataset.fit = 'pad'
    folder.check(config)


def test_only_a_config_that_computes_the_same_may_resume(folder):
  folder.open(helpers.small_config(num_devices=4))
  with pytest.raises(workdir.WorkdirError, match='batch_size: 8 -> 16'):
    folder.open(helpers.small_config(batch_size=16))


def test_a_run_goes_on_with_its_own_images_alone(folder):
  def of(arrays):
    read = lambda arrays, index: arrays[index]
    shape, count = (4, 4, 1), len(arrays)
    return data.Dataset('own', 'own', shape, count, arrays, read)

  images = np.zeros((300, 4, 4, 1), np.uint8)
  for _ in range(2):  # on the device, or left on the host: the same
    provenance.same_images(folder, of(jnp.asarray(images)))
    provenance.same_images(folder, storage.place(of(images), 'host'))
  with pytest.raises(workdir.WorkdirError, match='num_images: 300 -> 299'):
    provenance.same_images(folder, of(jnp.asarray(images[1:])))
  images[-1] = 1
  with pytest.raises(workdir.WorkdirError, match='in another order .crc32: '):
    provenance.same_images(folder, of(jnp.asarray(images)))
  (folder.path / 'images.json').unlink()
  provenance.same_images(folder, helpers.dataset())  # drawn
  assert not (folder.path / 'images.json').exists()


def test_a_damaged_config_is_named(folder):
  (folder.path / 'config.json').write_text('{"objective":')
  with pytest.raises(workdir.WorkdirError, match='config.json is damaged'):
    folder.open(helpers.small_config())


def test_nan_is_null_and_arrays_are_lists():
  value = {'a': np.array([1.0, np.nan]), 'b': (np.float32(2), {'c': np.inf})}
  assert config_lib.plain(value) == {'a': [1.0, None], 'b': [2.0, {'c': None}]}


def test_a_line_cut_short_by_a_kill_is_dropped(folder):
  for step, group in ((2, 0), (4, 0), (4, 1)):
    folder.log({'step': step, 'group': group})
  with folder.log_path.open('a') as file:
    file.write('{"step": 6, "memb')
  folder.rewind_log(2, group=0)
  assert metrics_log.lines(folder.log_path) == [
    {'step': 2, 'group': 0},
    {'step': 4, 'group': 1},
  ]


def test_a_line_torn_before_any_other_does_not_tear_the_next(folder):
  folder.log_path.write_text('{"step": 2, "gro')
  folder.rewind_log(0, group=0)
  folder.log({'step': 2, 'group': 0, 'members': []})
  assert folder.read_log() == [{'step': 2, 'group': 0, 'members': []}]


def test_a_bad_line_erases_nothing_after_it(folder, caplog):
  good = [{'step': s, 'group': 0, 'members': [{}]} for s in (2, 4, 6)]
  for bad in ('{"step": 4, "mem', '5', 'null', '\udcff', '[' * 5000):
    lines = [json.dumps(x) for x in good]
    raw = '\n'.join([lines[0], bad, *lines[1:], ''])
    folder.log_path.write_bytes(raw.encode(errors='surrogateescape'))
    folder.rewind_log(6, group=0)
    assert folder.read_log() == good
  assert 'line 2 is damaged' in caplog.text


def test_a_program_that_ended_early_cuts_no_curve_short():
  entry = lambda seed, **terms: {'seed': seed, 'hparams': {}, **terms}
  found = [
    {
      'group': group,
      'step': step,
      'time': time,
      'members': [entry(seed, nll=1)],
    }
    for group, seed, times in ((0, 5, {2: 10}), (1, 3, {2: 50, 4: 20, 6: 23}))
    for step, time in times.items()
  ]
  members = [population.Member(seed, {}) for seed in (3, 5)]
  merged = metrics_log.merged(found, members)
  assert [line['step'] for line in merged] == [2, 4, 6]
  both = [entry(3, nll=1), entry(5, nll=1)]
  assert merged[0]['members'] == both
  for line in merged[1:]:
    assert line['members'] == [both[0], entry(5)]
  assert metrics_log.seconds(found) == 3  # the clock was set back


def test_a_second_command_names_the_holder_of_the_lock(folder):
  second = workdir.Workdir(folder.path).lock()
  in_use = pytest.raises(OSError, match=f'in use by process {os.getpid()} on')
  with folder.lock(), in_use:
    second.__enter__()
  (folder.path / 'traversals').mkdir(exist_ok=True)
  killed = ('results.json.7-0.part', 'traversals/step_0000002.png.7-12.part')
  others = ('results.json.part', 'a.7-0.part', 'apps.html.7-0.part')
  for name in (*killed, *others):
    (folder.path / name).touch()
  with workdir.Workdir(folder.path).lock():  # takes away what a kill has left
    left = {p.name for p in folder.path.rglob('*.part')}
  assert left == {*others}


def test_paths_that_are_no_folder_are_refused(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert workdir.Workdir('~/run').path == tmp_path / 'run'
  for path, message in (
    ('gs://b/x', 'local path'), ('a\udcff', 'no UTF-8'),
    ('~nobody-of-this-name/x', 'no such user'),
  ):  # fmt: skip
    with pytest.raises(workdir.WorkdirError, match=message):
      workdir.Workdir(path)
  (tmp_path / 'é').mkdir()
  monkeypatch.chdir(tmp_path / 'é')
  monkeypatch.setattr(sys, 'getfilesystemencoding', lambda: 'ascii')
  with pytest.raises(
    workdir.WorkdirError, match=r'^workdir run:.*PYTHONUTF8=1'
  ):
    workdir.Workdir('run')


@pytest.mark.parametrize(
  'text',
  [
    '',
    '[]',
    'null',
    '5',
    '{}',
    '{"groups": 0}',
    '{"groups": 2}',
    '{"groups": "x"}',
    '{"cohorts": 1}',
    '{"cohorts": [[[0], 0]]}',
    '{"cohorts": [[[0, 3], 1]]}',
    '{"cohorts": [[[0], 1, 5]]}',
  ],
)
def test_damaged_groups_and_results_are_noticed(folder, text):
  path = folder.path / 'groups.json'
  path.write_text(text)
  with pytest.raises(workdir.WorkdirError, match='groups.json is damaged'):
    folder.cohorts(helpers.small_config())
  folder.results_path.write_text(text)
  with pytest.raises(results_lib.Damaged, match='computed anew'):
    results_lib.Results.read(folder.results_path)


def test_seeds_are_told_from_new_ones_without_groups_json(folder):
  more = helpers.small_config(seeds=(0, 1))
  before = (folder.path / 'config.json').read_bytes()
  for group in (0, 1):
    (folder.path / 'checkpoints' / f'group_{group}').mkdir(parents=True)
  with pytest.raises(workdir.WorkdirError, match='of the 2 programs in'):
    folder.open(more)
  assert (folder.path / 'config.json').read_bytes() == before
  (folder.path / 'checkpoints' / 'group_1').rmdir()
  folder.open(more)  # a single program is that of the seeds of before
  assert folder.cohorts(more) == [population.Cohort((0,), 1)]


def test_cohorts_keep_the_order_that_their_members_had(folder):
  config = helpers.small_config(seeds=(0, 1, 2), grid={'beta': (1.0, 2.0, 3.0)})
  one, two, three = config_lib.settings(config)
  first = population.Cohort((2, 1), 1, (three, one))
  rest = population.fresh(config, [first])
  assert rest == [
    population.Cohort((0,), 1, (one, three)),
    population.Cohort((0, 1, 2), 1, (two,)),
  ]
  places = [population.places(config, c)[0].tolist() for c in (first, *rest)]
  assert places == [[8, 7, 2, 1], [0, 6], [3, 4, 5]]
  assert population.fresh(config, []) == [population.Cohort((0, 1, 2), 1)]
  folder.keep_cohorts([first, *rest])
  assert folder.cohorts(config) == [first, *rest]
  gone = {**one, 'beta': 9.0}  # in a cohort whose other setting is there
  folder.keep_cohorts([first._replace(settings=(one, gone))])
  with pytest.raises(workdir.WorkdirError, match='groups.json is damaged'):
    folder.cohorts(config)


def test_a_full_disk_keeps_the_old_file_and_says_how_to_go_on(
  folder, monkeypatch
):
  folder.replace('results.json', 'old')

  def full(path, content):
    path.touch()
    if content != b'fits':
      raise OSError(errno.ENOSPC, 'No space left on device')

  def no_room(*unused):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_bytes', full)
  with pytest.raises(OSError, match='No space left.*free the disk.*go on'):
    folder.replace('results.json', 'new')
  several = [folder.path / name for name in ('a.json', 'a.csv')]
  with pytest.raises(OSError, match=r'cannot write .*a\.csv'):
    workdir.replace_files(dict(zip(several, ('fits', 'does not'))))
  assert not any(path.exists() for path in several)
  assert folder.results_path.read_text() == 'old'
  assert not list(folder.path.glob('*.part'))
  monkeypatch.setattr(os, 'write', no_room)
  with folder.lock():  # its file holds no name
    pass
  assert not (folder.path / '.lock').exists()


class State(NamedTuple):
  step: np.ndarray
  alive: np.ndarray
  params: dict


def state(value, width=2):
  weights = {'a': np.full((3, width), value, np.float32), 'b': np.array(value)}
  return State(np.full(3, value), np.full(3, True), weights)


@pytest.fixture
def saved(tmp_path):
  checkpoints = checkpoint.Checkpoints(tmp_path / 'checkpoints', keep=2)
  for step in (1, 2, 3):
    checkpoints.save(step, state(step))
  checkpoints.close()
  return tmp_path / 'checkpoints'


def restored(path):
  checkpoints = checkpoint.Checkpoints(path, keep=2)
  found = checkpoints.restore(state(0))
  checkpoints.close()
  return found and found[:2]


def test_the_last_two_are_kept_and_the_newest_is_restored(saved):
  assert sorted(p.name for p in saved.iterdir()) == ['2', '3']
  step, values = restored(saved)
  assert step == 3
  np.testing.assert_array_equal(values.params['a'], state(3).params['a'])


def test_what_asyncio_tells_later_of_writes_that_failed_is_dropped(caplog):
  hushed.ignore_late_threads()
  loop = asyncio.new_event_loop()
  for told in ('d/x: No space left on device [os_error_code=28]', 'of a user'):
    loop.create_future().set_exception(ValueError(told))
  loop.close()
  gc.collect()
  assert 'of a user' in caplog.text and 'No space' not in caplog.text


def test_a_disk_that_takes_no_more_is_one_line_without_tracebacks(
  tmp_path, capfd
):
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  saves = checkpoint.Checkpoints(tmp_path / 'a', keep=2)
  noise = np.random.default_rng(0).random((3, 10_000))  # not to be compressed
  large = state(1)._replace(params={'a': noise})
  resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
  try:
    with pytest.raises(OSError, match=r'not be written to .*a .File too large'):
      saves.save(1, large)
      saves.close()
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
  assert capfd.readouterr() == ('', '')
  assert logging.getLogger('absl').level < logging.CRITICAL


def truncate(path):
  for file in path.rglob('*'):
    if file.is_file():
      file.write_bytes(file.read_bytes()[:-7])


def empty(path):
  shutil.rmtree(path)
  path.mkdir()


def flip(path):
  """One bit of every payload's middle byte."""
  for file in path.rglob('d/*'):
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


@pytest.mark.parametrize('damage', [truncate, empty, flip])
def test_a_damaged_step_is_passed_over_for_the_one_before(
  saved, damage, caplog
):
  damage(saved / '3')
  step, values = restored(saved)
  assert step == 2
  np.testing.assert_array_equal(values.params['a'], state(2).params['a'])
  assert '3 is damaged' in caplog.text
  assert sorted(p.name for p in saved.iterdir()) == ['2', '3']


def test_a_reader_finds_what_a_trainer_has_put_in_the_place_of_a_step(
  saved, monkeypatch, caplog
):
  trainer, check = (
    checkpoint.Checkpoints(saved, keep=2),
    checkpoint._check_shapes,
  )

  def meanwhile(path, template):
    if path.name == '3':  # it is being read
      for step in (4, 5, 6):
        trainer.save(step, state(step))
      trainer.close()
    check(path, template)

  monkeypatch.setattr(checkpoint, '_check_shapes', meanwhile)
  step, values = restored(saved)
  assert step == 6 and not caplog.text
  np.testing.assert_array_equal(values.params['a'], state(6).params['a'])


def test_a_reader_makes_no_folder_and_a_trainer_sets_damage_aside(saved):
  assert restored(saved / 'none') is None and not (saved / 'none').exists()
  empty(saved / '3')
  (saved / '9.orbax-checkpoint-tmp').mkdir()  # of a save that was killed
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  step = checkpoints.restore(state(0)).step
  checkpoints.set_aside(step)
  checkpoints.save(3, state(3))
  checkpoints.close()
  assert sorted(p.name for p in saved.iterdir()) == ['2', '3', '3.damaged']
  assert restored(saved)[0] == 3


def test_a_model_of_another_shape_is_one_line_and_stays(saved):
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  with pytest.raises(OSError, match=r'params.a is \(3, 2\).*\(3, 5\)'):
    checkpoints.restore(state(0, width=5))
  double = state(0)._replace(params={'a': np.zeros((3, 2)), 'b': np.array(0)})
  with pytest.raises(OSError, match='float32, here it is float64: set JAX_EN'):
    checkpoints.restore(double)
  assert restored(saved)[0] == 3


def test_a_folders_number_is_not_believed_over_the_step_in_it(saved, caplog):
  (saved / '3').rename(saved / '299')
  assert restored(saved)[0] == 2
  assert '299 is damaged (it holds step 3)' in caplog.text
  caplog.clear()
  digests = saved / '2' / 'digests' / 'metadata'
  told = json.loads(digests.read_text())
  assert told.pop('step') == 2
  digests.write_text(json.dumps(told))  # as versions of before wrote it
  assert restored(saved)[0] == 2 and '2 is damaged' not in caplog.text


def test_members_that_have_all_ended_before_its_step_are_restored(saved):
  """One has stopped at 3, alive; the others met a NaN after it, or there."""
  ended = state(3)._replace(
    step=np.array([3, 5, 3]), alive=np.array([True, False, False])
  )
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  checkpoints.save(7, ended)
  checkpoints.close()
  step, values = restored(saved)
  assert step == 7
  np.testing.assert_array_equal(values.step, ended.step)
  np.testing.assert_array_equal(values.alive, ended.alive)


def test_no_checkpoint_restores_nothing(tmp_path):
  assert restored(tmp_path / 'none') is None


def test_a_log_line_is_strict_json(folder):
  folder.log({'step': 1, 'nll': np.float32('nan')})
  line = json.loads(folder.log_path.read_text(), parse_constant=pytest.fail)
  assert line.pop('crc32') and line == {'step': 1, 'nll': None}


def test_a_log_line_whose_figure_changed_is_left_out(folder, caplog):
  folder.log({'step': 1, 'group': 0, 'nll': 1.5})
  text = folder.log_path.read_text()
  folder.log_path.write_text(text.replace('1.5', '1.7'))
  assert folder.read_log() == [] and 'line 1 is damaged' in caplog.text


def test_a_manifest_tells_what_changed(folder):
  folder.replace('a.csv', 'x')
  passing = ('unit.lock', 'unit.log', 'a.csv.7-0.part')
  for name in passing:
    (folder.path / name).write_text('x')
  folder.seal()
  for name in passing:
    (folder.path / name).write_text('y')
  assert folder.changed() == []
  folder.replace('a.csv', 'y')
  (folder.path / 'config.json').unlink()
  assert folder.changed() == ['a.csv', 'config.json']
  folder.seal(['a.csv'])
  assert folder.changed() == ['config.json']


def test_a_manifest_loses_no_sum_of_two_who_write_it(folder):
  for name in 'ab':
    folder.replace(name, 'old')
  folder.seal()

  def write(name):
    for i in range(100):
      folder.replace(name, f'{i}')
      folder.seal([name])

  with futures.ThreadPoolExecutor() as pool:
    list(pool.map(write, 'ab'))
  assert folder.changed() == []


def test_tensorboard_gets_every_term_of_every_member(tmp_path):
  pytest.importorskip('tensorboardX')
  board = boards.Board(tmp_path, ['seed=0', 'beta=4 seed=1'])
  terms = {'nll': np.array([1.0, 2.0]), 'kl_per_latent': np.ones((2, 3))}
  board(hooks.Chunk(2, np.ones(2, bool), np.zeros(2, bool), terms, None))
  board.close()
  assert sorted(p.name for p in tmp_path.iterdir()) == [
    'beta=4_seed=1',
    'seed=0',
  ]
  raw = b''.join(p.read_bytes() for p in tmp_path.rglob('events*'))
  assert raw.count(b'kl_per_latent/2') == 2 and raw.count(b'nll') == 2


def test_tensorboard_without_its_package_names_the_extra(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'tensorboardX', None)
  with pytest.raises(ImportError, match=r'bvae_jax\[tensorboard\]'):
    boards.Board(tmp_path, ['seed=0'])
