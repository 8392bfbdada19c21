"""explorer.html: the same numbers as Flax, in a browser, without a request."""

import base64
import dataclasses
import functools
import http.client
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import helpers
import jax
import numpy as np
import pages
import pytest
from PIL import Image, ImageSequence

import bvae_jax
from bvae_jax import data, explore, population, workdir
from bvae_jax.data import pixels
from bvae_jax.explore import content, page, serve, shown
from bvae_jax.explore.networks import Networks
from bvae_jax.models import graph
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step


def _check(path, codes):
  """What a page says after it decoded the codes and was used by `check.js`."""
  script = pathlib.Path(__file__).with_name('check.js').read_text('utf-8')
  script = script.replace('CODES', json.dumps(np.asarray(codes).tolist()))
  page, begin = pathlib.Path(path).read_text('utf-8'), '<script>\nconst SOURCE'
  assert begin in page
  with tempfile.TemporaryDirectory() as folder:
    used = pathlib.Path(folder) / 'used.html'
    whole = page.replace(begin, f'<script>{script}</script>{begin}')
    used.write_text(whole, encoding='utf-8')
    return pages.written(used, 'checked', 9000)


def _frames(found):
  """The frames of the saved film, [T, H, W, 3]."""
  film = Image.open(io.BytesIO(base64.b64decode(found['film'])))
  return np.stack(
    [np.asarray(f.convert('RGB')) for f in ImageSequence.Iterator(film)]
  )


def _used_without_fault(found):
  assert found['errors'] == [] and found['requests'] == []
  assert found['moved'] and found['reset']
  assert found['unnamed'] == [] and found['small'] == []
  assert found['refused'].startswith('notes.txt is no picture')
  assert found['source'] == 'red.svg'  # after a reset, which shows it
  # The image that is shown, dropped on the page, has the code that it had.
  np.testing.assert_allclose(found['dropped'], found['code'], atol=0.02)


@pages.in_browser
def test_a_run_leaves_a_page_that_decodes_as_flax_does(small_run):
  model = bvae_jax.load(small_run)
  codes = np.random.default_rng(0).standard_normal((20, 6)).round(3)
  found = _check(small_run / explore.FILE, codes)
  _used_without_fault(found)
  assert found['driven'].startswith('shape square, scale 0')
  assert found['key'].split() == ['0', '1', '2']
  assert len(found['answers']) == 6
  assert all(re.fullmatch(r'.+\d\.\d', told) for told in found['answers'])
  assert not any('-' in told or '−0.0' in told for told in found['answers'])
  # Red as a grey: of ITU-R BT.601, as Pillow makes those that are trained on.
  np.testing.assert_allclose(found['colour'], [0.299], atol=1e-3)
  # 99 % of the data lie where the slider is blue: of six latents few are not.
  assert 0 < np.mean(found['beyond']) < 0.02 * 6
  expected = np.asarray(model.decode(codes)).reshape(20, -1)
  np.testing.assert_allclose(found['decoded'], expected, atol=0.01)
  frames = _frames(found)
  size = 256 // model.image_shape[0] * model.image_shape[0]
  assert frames.shape == (30, size, size, 3)
  # There and back: half a round later the sine is minus what it was.
  assert (frames[3] == frames[12]).all() and (frames[3] != frames[18]).any()


def _convolutional(rng):
  """An encoder of 12x20 RGB images and a decoder, of every operation.

  Its three latents take four values each.
  """
  weights = lambda *shape: (
    0.3 * rng.standard_normal(shape).astype(np.float32),
    0.1 * rng.standard_normal(shape[-1:]).astype(np.float32),
  )
  layer = graph.Layer
  book = layer('nearest', (np.sort(rng.standard_normal((3, 4)), axis=1),))
  encoder = [
    layer('pad', shape=(1, 3, 2, 2)),
    layer('multiply', (np.full(1, 2.0),)),
    layer('conv', weights(4, 4, 3, 5)),
    layer('relu'),
    layer('conv', weights(3, 3, 5, 5)),
    layer('instance_norm', (rng.random(5), rng.random(5))),
    layer('leaky_relu'),
    layer('add', inputs=(-1, -4)),
    layer('mean'),
    layer('gelu'),
    layer('reshape', shape=(1, 1, 5)),
    layer('multiply', inputs=(-4, -1)),
    layer('conv', weights(2, 2, 5, 2)),
    layer('reshape', shape=(4 * 6 * 2,)),
    layer('normalize'),
    layer('dense', weights(4 * 6 * 2, 3)),
    book,
  ]
  decoder = [
    book,
    layer('category', shape=(2,)),
    layer('dense', weights(3, 4 * 6 * 2)),
    layer('tanh'),
    layer('reshape', shape=(4, 6, 2)),
    layer('constant', (rng.standard_normal((4, 6, 2)),), inputs=()),
    layer('add', inputs=(-1, -2)),
    layer('conv_transpose', weights(4, 4, 2, 4)),
    layer('relu'),
    layer('conv_transpose', weights(2, 2, 4, 3)),
    layer('crop', shape=(1, 2, 12, 20)),
    layer('sigmoid'),
  ]
  used = {one.operation for one in encoder + decoder}
  assert used == set(graph.OPERATIONS)
  return Networks(encoder, decoder)


def _page_of(nets, images):
  codes = graph.evaluate(nets.encoder, images.astype(np.float32) / 255)
  ones = np.ones(3)
  labels = np.stack([np.arange(30) % 2, np.linspace(0, 1, 30) / 3], 1)
  labels[0] = np.nan, 0.123456
  member = content.Member(
    place=0, seed=0, networks=nets, mean=codes, sigma=ones, kl=ones,
    low=codes.min(0), high=codes.max(0),
    shares=np.zeros((3, 2)), about='',
  )  # fmt: skip
  return content.Content(
    title='</script><b>', description='<b>', images=images,
    factors=(
      data.Factor('class', 'categorical', 2, ('one', '<b>')),
      data.Factor('size', 'continuous', 0),
    ),
    labels=labels,
    values=[], grid=images[:0], members=[member], points=True,
  )  # fmt: skip


@pages.in_browser
def test_discrete_codes_and_convolutions_in_the_browser(tmp_path):
  rng = np.random.default_rng(0)
  nets = _convolutional(rng)
  images = rng.integers(0, 256, (30, 12, 20, 3), np.uint8)
  path = tmp_path / 'page.html'
  path.write_text(page.assemble(_page_of(nets, images)))
  codes = rng.standard_normal((20, 3)).round(3)
  found = _check(path, codes)
  _used_without_fault(found)
  assert found['told'] == 'class unknown, size 0.1235'
  assert found['key'].split() == ['one', '&lt;b&gt;', 'unknown']
  expected = graph.evaluate(nets.decoder, codes).reshape(20, -1)
  np.testing.assert_allclose(found['decoded'], expected, atol=0.005)
  # Codes are values of the codebook, and the slider goes through those alone.
  (values,) = nets.encoder[-1].weights
  own = graph.evaluate(nets.encoder, images[:1] / np.float32(255))[0]
  np.testing.assert_allclose(found['dropped'], own, rtol=1e-3)
  np.testing.assert_array_equal(found['dropped'], found['code'])
  assert not any(found['beyond'])  # low and high are the ends of the data
  ends = values[0, [0, -1]]
  assert np.isclose(found['slid'], ends, rtol=1e-3).any()


def test_the_page_asks_nothing_of_anybody(small_run):
  text = (small_run / explore.FILE).read_text()
  assert len(text) < page.LIMIT
  assert "default-src 'none'" in text
  assert not re.search(r'(?:src|href)="(?!data:|report\.html)', text)


def test_a_share_is_that_of_the_variance_between_values():
  rng = np.random.default_rng(0)
  labels = np.stack([rng.integers(0, 3, 4000), rng.integers(0, 40, 4000)], 1)
  noise = rng.standard_normal(4000)
  # Values -1, 0, 1 have a variance of 2 / 3, beside noise of variance 1.
  codes = np.stack([labels[:, 0] - 1 + noise, noise], 1)
  found = content.explained(codes, labels.astype(float))
  np.testing.assert_allclose(found, [[0.4, 0], [0, 0]], atol=0.03)
  straight = rng.random((500, 1))
  found = content.explained(straight, straight)
  np.testing.assert_allclose(found, [[0.99]], atol=0.01)


def test_a_page_holds_what_is_so_of_odd_data():
  config = helpers.small_config('infogan', num_latents=4)
  config.options.prior, config.seeds = 'uniform', (7,)
  config.options.num_categories = 2
  config.grid.lambda_info = (0.5, 1.0)
  images = np.random.default_rng(0).integers(0, 256, (9, 12, 20, 4), np.uint8)
  factors = [data.Factor('a', 'ordinal', 3), data.Factor('b', 'ordinal', 3)]
  table = data.Table.of(factors, np.stack([np.arange(9) % 4 - 1.0] * 2, 1))
  dataset = pixels.of_bytes('odd', 'odd', images, table)
  experiment = experiment_lib.build(config, dataset)
  key = population.keys(population.members(config))[0]
  state = jax.eval_shape(functools.partial(step.init, experiment), key)
  params = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), state.params)
  members = [(0, params)]
  found = content.make('x', experiment, members, None)
  assert found.members[0].seed == 7
  assert found.members[0].about == 'lambda_info 0.5'
  # The uniform prior of variance 1, whose ends are the root of 3.
  assert 1.6 < np.abs(found.prior).max() <= 3**0.5
  assert np.isclose(found.prior[:, :2].var(), 1, atol=0.1)
  # Of logits that are alike the first is chosen; there is no deviation.
  np.testing.assert_array_equal(found.members[0].mean[:, 2:], [[1, 0]] * 9)
  np.testing.assert_array_equal(found.members[0].sigma[2:], [1, 1])
  assert found.members[0].networks.encoder == []  # a page shows three channels
  expected = np.where(np.arange(9) % 4, np.arange(9) % 4 - 1.0, np.nan)
  np.testing.assert_array_equal(found.labels, np.stack([expected] * 2, 1))


def test_images_from_elsewhere_have_no_factors(small_run):
  model = bvae_jax.load(small_run)
  experiment = dataclasses.replace(model.experiment, dataset=model.dataset)
  own = np.zeros((2, *model.image_shape), np.uint8)
  members = [(0, model.params)]
  found = content.make('x', experiment, members, model.results, own)
  assert found.description.startswith('2 images from elsewhere')
  assert found.members[0].about.startswith('mig ')
  assert (found.factors, found.values, len(found.grid)) == ((), [], 0)
  for scored in (True, False):  # what is not scored has no report
    text = page.assemble(dataclasses.replace(found, scored=scored))
    assert ('href="report.html"' in text) == scored


def test_a_coarse_grid_keeps_the_ends():
  values = shown.coarse((3, 6, 40, 32, 32), 1000)
  assert np.prod([len(v) for v in values]) <= 1000
  assert [(v[0], v[-1]) for v in values] == [
    (0, n - 1) for n in (3, 6, 40, 32, 32)
  ]
  assert shown.coarse((3, 2), 1000) == [[0, 1, 2], [0, 1]]


def test_a_page_that_would_be_too_large_leaves_out(
  small_run, monkeypatch, caplog
):
  model = bvae_jax.load(small_run)
  text = lambda: explore.render(
    'x',
    dataclasses.replace(model.experiment, dataset=model.dataset),
    [(0, model.params), (1, model.params)],
    model.results,
  )
  both = len(text())
  monkeypatch.setattr(page, 'LIMIT', both - 1)
  with caplog.at_level('INFO'):
    one = len(text())
  assert one < 0.7 * both and 'member 1 is left out' in caplog.text
  monkeypatch.setattr(page, 'LIMIT', one - 1)
  alone = len(text())
  assert alone < one
  monkeypatch.setattr(page, 'LIMIT', alone - 1)
  assert len(text()) == alone and 'so large is the decoder' in caplog.text
  monkeypatch.setattr(page, 'LARGEST', alone - 1)
  assert 'No explorer of x: it would have' in text()


def test_one_file_is_served_on_loopback_alone(tmp_path):
  path = tmp_path / explore.FILE
  path.write_text('<p>page')
  (tmp_path / 'other').write_text('other')
  with serve.server(path, 0) as running:
    threading.Thread(target=running.serve_forever, daemon=True).start()
    assert running.server_address[0] == '127.0.0.1'
    port = running.server_port
    answers = []
    for name in ('/', '/explorer.html', '/other', '/../other'):
      client = http.client.HTTPConnection('127.0.0.1', port)
      client.request('GET', name)
      answers.append(client.getresponse().status)
    assert answers == [200, 200, 404, 404]
    client.request('GET', '/', headers={'Host': f'evil.example:{port}'})
    answer = client.getresponse()
    assert answer.status == 403 and b'page' not in answer.read()
    path.unlink()
    client.request('GET', '/', headers={'Host': f'localhost:{port}'})
    assert client.getresponse().status == 404
    with pytest.raises(OSError, match='choose another --port'):
      serve.server(path, port)
    running.shutdown()


def test_a_page_of_scores_that_were_replaced_meanwhile_is_not_put(tmp_path):
  folder = workdir.Workdir(tmp_path)
  folder.results_path.write_text('1')
  seen = explore.scores(folder)
  folder.seal()
  assert explore.put(folder, 'page', seen).read_text() == 'page'
  assert not folder.changed()
  folder.results_path.write_text('2')
  with pytest.raises(OSError, match='was scored meanwhile'):
    explore.put(folder, 'old', seen)
  assert (tmp_path / explore.FILE).read_text() == 'page'


# The command, then the same for pictures, in a process.
TWICE = """
import sys
from absl import app
from bvae_jax.explore import __main__ as command
try:
  app.run(command.main, flags_parser=command.parse)
except SystemExit as end:
  print(end.code or 0)
sys.argv += ['--images=~']
app.run(command.main, flags_parser=command.parse)
"""


def test_the_command_writes_it_anew_or_ends_in_one_line(small_run, tmp_path):
  folder = tmp_path / 'run'
  shutil.copytree(small_run, folder)
  (folder / explore.FILE).unlink()
  (tmp_path / '._a.png').touch()  # of macOS, no picture
  run = lambda *words: subprocess.run(
    [sys.executable, *words, f'--workdir={folder}'],
    capture_output=True,
    text=True,
    env={**os.environ, 'HOME': str(tmp_path)},
  )
  bad = run('-m', 'bvae_jax.explore', '--port=9000')
  assert bad.stderr == 'error: --port is that of --serve; give --serve too\n'
  both = run('-c', TWICE, '--members=1')
  assert '"place":1' in (folder / explore.FILE).read_text()
  assert both.stdout.endswith('explorer.html: open it in a browser\n0\n')
  assert both.returncode == 1 and 'holds no picture' in both.stderr
  assert both.stderr.count('\n') == 1
