"""The command from a finished run to a section of the page, and its errors."""

import dataclasses
import importlib
import inspect
import pathlib
import re
import shutil

import jax
import numpy as np
import pytest

from bvae_jax import apply, apps, trained, workdir
from bvae_jax.apps import (
  augment,
  coders,
  edit,
  explain,
  fair,
  pictures,
  probes,
  section,
  tasks,
  transfer,
  traverse,
  truth,
)
from bvae_jax.apps.options import Options, doubts
from bvae_jax.data import factors as factors_lib


@pytest.fixture(scope='module')
def run(small_run, tmp_path_factory):
  return shutil.copytree(small_run, tmp_path_factory.mktemp('apps') / 'run')


def test_sections_make_one_page(run):
  options = Options(run, anchors=1, steps=3, latents=(0, 1))
  found = dataclasses.replace(
    traverse.run(options), command='<traverse>', state='1 seed at step 2'
  )
  section.write(found, run)
  explained = explain.run(options._replace(latents=(), index=7))
  page = section.write(explained, run)
  assert not workdir.Workdir(run).changed()
  html = page.read_text()
  assert 'id="traversals"' in html and 'id="explanation-of-one-image"' in html
  assert '&lt;traverse&gt;' in html and '<traverse>' not in html
  assert 'http' not in html.replace('http://www.w3.org/2000/svg', '')
  assert f'1 seed at step 2; it has {section.state(run)} now' in html
  assert 'member 1, seed=1, image' in html  # of a title: who it is of
  assert re.search(r'z\d · \d\.\d\d nats · (shape|scale|x|y) 0\.', html)
  for model, one in zip(trained.load_all(run), explained.figures['members']):
    codes = np.asarray(model.encode(model.dataset.images(np.arange(216)))[0])
    gaps = np.abs(codes - codes[7])
    gaps[7] = np.inf  # the image is no neighbour of itself
    found = np.take_along_axis(gaps, one['neighbours'].T, 0)
    np.testing.assert_allclose(found, np.sort(gaps, 0)[:4], atol=1e-6)
  names = {path.suffix for path in (run / 'apps').iterdir()} - {''}
  assert names == {'.png', '.svg', '.gif', '.webp', '.json'}


def test_a_page_has_the_smallest_pictures_that_fit(tmp_path):
  sizes = {'a.png': 3_000_000, 'b.svg': 400_000, 'c.gif': 90_000}
  (tmp_path / 'run' / 'apps').mkdir(parents=True)
  paths = {n: tmp_path / 'run' / 'apps' / n for n in (*sizes, 'gone.png')}
  for name, size in sizes.items():
    paths[name].write_bytes(bytes(size))
  # 0.12 + 0.4 + 4.0 MB: in base 64 the last is too much.
  assert section._held(paths.values()) == {paths['b.svg'], paths['c.gif']}
  paths['b.svg'].write_bytes(bytes(300_000))
  assert section._held(paths.values()) == {paths[n] for n in sizes}


def test_options_that_do_not_fit_are_one_line(run):
  with pytest.raises(ValueError, match='has no member 7'):
    traverse.run(Options(run, members=(7,)))
  with pytest.raises(ValueError, match='no latent 6'):
    traverse.run(Options(run, latents=(6,)))
  with pytest.raises(ValueError, match='no member of .* is named'):
    traverse.run(Options(run, members=()))
  with pytest.raises(ValueError, match='--factor: data set dsprites has no'):
    transfer.run(Options(run, factor='colour'))
  with pytest.raises(ValueError, match='labels=217 are more than the 216'):
    edit.run(Options(run, labels=(217,)))
  with pytest.raises(ValueError, match='from 0 to 215'):
    explain.run(Options(run, index=216))
  with pytest.raises(OSError, match='holds no run'):
    traverse.run(Options(run / 'nowhere'))


@pytest.mark.parametrize('one', (augment, fair))
def test_one_factor_is_told_to_be_one(world, monkeypatch, one):
  alone = factors_lib.Grid.of(('on',), (2,), ('categorical',))
  dataset = dataclasses.replace(world.dataset, factors=alone, num_images=2)
  monkeypatch.setattr(Options, 'load', lambda _: ((), dataset))
  with pytest.raises(ValueError, match='factors, data set cells has one'):
    one.run(Options(None))


def test_members_that_stopped_are_left_out_and_doubts_told(
  run, monkeypatch, caplog
):
  one, two = trained.load_all(run)
  good, bad = two.results.members
  good = dataclasses.replace(good, active_latents=0)
  stopped = {'status': 'stopped by a NaN', 'active_latents': 0}
  entries = good, dataclasses.replace(bad, **stopped)
  results = dataclasses.replace(two.results, members=entries)
  hparams = dict.fromkeys(two.hparams, 7.0)
  one = dataclasses.replace(one, results=results)
  two = dataclasses.replace(two, results=results, hparams=hparams, step=1)
  found = [one, two, one]
  monkeypatch.setattr(trained, 'load_all', lambda *_: found)
  assert [m.member for m in Options(run).load()[0]] == [0]
  assert 'members 1 did not train to the end' in caplog.text
  named = Options(run, members=(0, 1, 0))
  assert [m.member for m in named.load()[0]] == [0, 1]
  assert 'Member 1: stopped by a NaN.' in caplog.text
  # As of a checkpoint before the last one, which is damaged.
  assert '1: its codes are those of step 1, and its scores those' in caplog.text
  assert '0: its codes' not in caplog.text
  assert f'differ in {", ".join(two.hparams)}, and means' in caplog.text
  lines = [*doubts(named.load()[0])]
  assert ' '.join(lines).count('The codes of members 0, 1 have collapsed') == 1
  assert all(line[0].isupper() and line[-1] == '.' for line in lines)
  told = traverse.run(named._replace(anchors=1, steps=2, latents=(0,))).notes
  assert 'Member 1: stopped by a NaN.' in told  # the page says so too
  monkeypatch.setattr(augment, '_score', lambda *_: 0.5)
  told = augment.run(named._replace(labels=(40,), repeats=3))
  assert 'Member 1: stopped by a NaN.' in told.notes
  assert np.shape(told.figures['latents']) == (2, 3, 1)  # of every draw


def test_draws_that_are_much_the_same_have_no_interval(run, monkeypatch):
  assert [tasks.num_draws(n, 108, 3) for n in (54, 55)] == [3, 1]
  drawn = []

  def found(rows, trains, *_):
    drawn.append([set(s.index) for s in trains])
    return np.arange(1.0 * len(rows) * len(trains)).reshape(len(rows), -1)

  monkeypatch.setattr(probes, 'scores', found)
  monkeypatch.setattr(probes, 'network', lambda *_: found([0], _[2])[0])
  told = transfer.run(
    Options(run, labels=(2, 10, 80), members=(0,), target='scale', factor='y')
  )
  figures = told.figures['scale']
  assert figures['labels'] == [10, 80]  # two are never two of two classes
  assert told.notes[0].startswith('Of scale, 2 labels are left out (')
  for method in ('codes', 'pixels', 'network'):
    few, many = figures['accuracy'][method]
    assert few['values'] == (0, 1, 2) and np.isfinite(few['low'])
    assert many['values'] == (0,) and np.isnan(many['low'])
  # All images of one half of y that are not tested on, once.
  assert figures['shift']['labels'] == len(drawn[-1][0]) < 54
  assert len(figures['shift']['accuracy']['pixels'][0]['values']) == 1
  assert any(n.startswith('There is one draw of 80 of 108') for n in told.notes)
  assert [*told.files] == ['transfer_factor_1.svg']  # no name, with its slashes


def test_pictures_have_room_for_their_words():
  image = np.zeros((1, 1, 8, 8, 1))
  told = pictures.labelled(image, ['<z0>', 'z1'], ['−2σ'], 'seed=0')
  assert 'aria-label="seed=0, &lt;z0&gt;, z1"' in told
  width = lambda *words: int(
    re.search(r' width="(\d+)"', pictures.labelled(image, *words))[1]
  )
  assert width(['z0'], (), 'a title of some length') >= 22 * 7.5
  assert (
    width(['大きさの値']) >= width(['size1']) + 5 * 6
  )  # of two letters each


def test_the_command_knows_its_applications(capsys):
  with pytest.raises(SystemExit, match='did you mean traverse'):
    apply.parse(['apply', 'travers'])
  with pytest.raises(SystemExit, match='which application'):
    apply.parse(['apply'])
  with pytest.raises(SystemExit, match='no use for --factor; it takes --thr'):
    apply.parse(['apply', 'intervene', '--workdir=x', '--factor=y'])
  with pytest.raises(SystemExit):
    apply.parse(['apply', '--help'])
  told = capsys.readouterr().out
  assert all(name in told for name in apps.NAMES) and '--threshold' in told


def test_a_full_disk_loses_no_table(tmp_path, monkeypatch, caplog):
  def full(*_):
    raise OSError('No space left on device')

  table = section.Table('Accuracies', ('', 'mean'), (('codes', '0.75'),))
  made = section.Section('edit', '', '', {}, (table,))
  monkeypatch.setattr(apply, '_options', lambda _: Options(tmp_path))
  monkeypatch.setattr(section, 'state', lambda _: '')
  monkeypatch.setattr(edit, 'run', lambda _: made)
  monkeypatch.setattr(section, 'write', full)
  caplog.set_level('INFO')
  with pytest.raises(OSError, match='No space'):
    apply._apply('edit', [])
  assert 'codes  0.75' in caplog.text


def test_a_table_without_rows_says_none():
  empty = section.Table('Ranges', ('member', 'latent'), ())
  assert section.as_text(empty) == 'Ranges\nmember  latent\nnone          '
  one = {'tables': [empty], 'shown': {}, 'lead': '', 'notes': [], 'command': ''}
  assert '>none<' in section._section(one, pathlib.Path(), '', set())


def test_the_home_folder_has_its_sign(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  apply.parse(['apply', 'edit', '--workdir=~/run'])
  assert apply._options('edit').run == tmp_path / 'run'


def test_flags_are_those_that_an_application_reads():
  told = {'span': 'range'}
  shared = {'load', 'key', 'seed', 'run', 'members'}
  for name, flags in apps.FLAGS.items():
    modules = [importlib.import_module(f'bvae_jax.apps.{name}')]
    modules += [truth] if name == 'edit' else []
    text = ''.join(map(inspect.getsource, modules))
    read = set(re.findall(r'options\.(\w+)', text)) - shared
    assert {told.get(one, one) for one in read} == {*flags}, name


def test_copies_vary_one_factor(world):
  everything = coders.take(world.dataset, np.arange(30))
  codes = world.coder.encode(everything.images)[0]
  for residual in (False, True):
    made = augment.vary(
      world.coder, everything.images, [0], codes, np.random.default_rng(0),
      copies=4, residual=residual,
    )  # fmt: skip
    again = world.coder.encode(made.images)[0]
    np.testing.assert_allclose(again[:, 1:], codes[made.source][:, 1:])
    assert len(np.unique(again[:, 0].round(3))) == 5
  moved = augment.shift(np.ones((2, 16, 16, 1)), np.random.default_rng(0))
  assert moved.images.shape == (16, 16, 16, 1)
  assert moved.images.sum() < 16 * 256


def test_an_explanation_finds_the_nearest(world):
  everything = coders.draw(world.dataset, jax.random.key(0), 30)
  image = everything.images[3]
  found = explain.explain(world.coder, image, everything.images, count=2)
  own, logvar = world.coder.encode(image[None])
  np.testing.assert_allclose(
    found.nats[:3], (0.5 * (own**2 + np.exp(logvar) - 1 - logvar))[0, :3]
  )
  assert found.nats[3] == 0 and found.place[3] == 0.5  # all are equal
  levels = everything.factors[:, [2]], everything.factors[3, 2]
  place = np.mean(levels[0] < levels[1]) + np.mean(levels[0] == levels[1]) / 2
  assert found.place[0] == pytest.approx(place)
  for d, k in enumerate(world.coder.order):
    same = everything.factors[found.neighbours[d], k]
    assert (same == everything.factors[3, k]).all()
  told = explain.purposes(
    world.coder.encode(everything.images)[0], everything, world.dataset
  )
  assert [t.split()[0] for t in told[:3]] == ['fine', 'on', 'middle']
  # Of images that are alike in all that is known, nothing is told.
  alike = everything._replace(factors=0 * everything.factors)
  codes = world.coder.encode(everything.images)[0]
  told = explain.purposes(codes, alike, world.dataset)
  assert {t.split()[1] for t in told} == {'0.00'}
