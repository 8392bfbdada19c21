"""`bvae_jax.export`: safetensors, ONNX and a card, equal to the Flax model."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import helpers
import jax
import numpy as np
import onnxruntime
import pytest

import bvae_jax
from bvae_jax import card as card_lib
from bvae_jax import data, export, models, trained
from bvae_jax.models import graph, onnx_graph, residual, styled
from bvae_jax.models.graph_of import graph_of
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step


@pytest.fixture(scope='module')
def model(small_run):
  return bvae_jax.load(small_run, member=0)


@pytest.fixture(scope='module')
def folder(model, tmp_path_factory):
  return export.export(model, tmp_path_factory.mktemp('export') / 'here')


def _conv_model(objective='beta_vae'):
  """Conv networks of drawn weights, for colour images that need padding."""
  config = helpers.small_config(
    objective, encoder='conv_locatello', decoder='deconv_locatello'
  )
  shape = (20, 28, 3)
  images = data.Dataset('images', 'none', shape, 9, (), lambda *_: 0)
  experiment = experiment_lib.assemble(config, images)
  state = jax.eval_shape(
    functools.partial(step.init, experiment), jax.random.key(1)
  )
  params = jax.tree.map(np.float32, helpers.normal(state.params))
  return trained.Model(experiment, params, 0, 0, {'beta': 1.0}, 0, None)


def _outputs(path, x):
  session = onnxruntime.InferenceSession(path)
  name = session.get_inputs()[0].name
  return session.run(None, {name: x})


def _docs():
  """The reader that docs/library.md prints."""
  page = pathlib.Path(__file__).parents[1] / 'docs' / 'library.md'
  (code,) = (code for code in helpers.blocks(page) if 'exported' in code)
  docs = {}
  exec(compile(code.partition('networks =')[0], page.name, 'exec'), docs)
  return docs


def _check(model, folder):
  """ONNX, and the reader that the docs print, give what Flax gives."""
  rng = np.random.default_rng(0)
  z = rng.normal(size=(3, 6)).astype(np.float32)
  images = rng.uniform(size=(3, *model.image_shape)).astype(np.float32)
  docs = _docs()
  layers = docs['read'](folder)
  close = functools.partial(np.testing.assert_allclose, atol=1e-5)
  close(*_outputs(folder / 'decoder.onnx', z), model.decode(z))
  close(docs['run'](layers['decoder'], z), model.decode(z))
  codes = model.encode(images)[: 1 if model.experiment.objective.points else 2]
  found = _outputs(folder / 'encoder.onnx', images)
  for one, other in zip(found, codes, strict=True):
    close(one, other)
  close(docs['run'](layers['encoder'], images), np.concatenate(codes, 1))


def test_a_category_is_the_likeliest():
  z = np.array([[3, 1, 2], [3, 5, 4]], np.float32)
  expected = [[3, 0, 1], [3, 1, 0]]
  layers = [graph.Layer('category', shape=(2,))]
  np.testing.assert_array_equal(graph.evaluate(layers, z), expected)
  made = onnx_graph.model_of(layers, 'z', (3,), ('y',), 3)
  np.testing.assert_array_equal(onnx_graph.run(made, z)[0], expected)
  found = _docs()['run']([('category', (-1,), (2,), None, None)], z)
  np.testing.assert_array_equal(found, expected)


def test_onnx_is_the_flax_model(model, folder, tmp_path):
  _check(model, folder)
  for objective in ('beta_vae', 'qlae', 'tripod'):
    conv = _conv_model(objective)
    _check(conv, export.export(conv, tmp_path / objective))


def _hsu():
  """Small networks of Tripod and QLAE, of latents with a codebook."""
  shape, rng = (20, 33, 2), np.random.default_rng(0)
  images, z = rng.random((3, *shape)), rng.standard_normal((3, 5))
  book = graph.Layer('nearest', (np.sort(rng.standard_normal((5, 4)), 1),))
  for trunk, decoder in (
    (residual.ResidualTrunk((4, 6, 6, 8, 8)), residual.ResidualDecoder),
    (styled.StyledTrunk((4, 6, 6, 8)), styled.StyledDecoder),
  ):
    coder, decoder = models.Coder(trunk, 5), decoder(shape, (8, 8, 6, 4))
    codes = graph_of(coder, helpers.drawn(coder, images), shape)
    drawn = graph_of(decoder, helpers.drawn(decoder, z), (5,))
    yield codes, images, 5
    yield [book, *drawn, graph.Layer('sigmoid')], z, 0


def test_layers_that_read_others_than_the_last():
  run = _docs()['run']
  for layers, x, width in _hsu():
    expected = graph.evaluate(layers, x)
    made = onnx_graph.model_of(layers, 'x', x.shape[1:], ('y',), width)
    (found,) = onnx_graph.run(made, x)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    listed = [
      (one.operation, one.inputs, one.shape, *(*one.weights, None, None)[:2])
      for one in layers
    ]
    np.testing.assert_allclose(run(listed, x), expected, atol=1e-10)


def test_the_config_says_what_is_there(model, folder):
  config = json.loads((folder / 'config.json').read_text())
  assert config['image_shape'] == [16, 16, 1] and config['num_latents'] == 6
  assert config['kl_per_latent'] == list(model.result.elbo['kl_per_latent'])


def test_the_card_states_data_scores_and_limits(model, folder):
  card = (folder / 'README.md').read_text()
  scores = model.results.values('mig')
  assert ' Higher is better' in card and '| ELBO [nats] | ' in card
  assert f'| MIG | {scores[0]:.3f} | {np.median(scores):.3f} |' in card
  assert 're-rendered procedurally' in card and 'Limits' in card
  assert 'beta_tcvae, seed 0' in card and '6 steps' in card
  assert 'was not scored' in card_lib.card(_conv_model())


def test_the_card_says_where_a_schedule_ended():
  model = _conv_model('annealed_vae')
  model.config.schedules = {
    'beta': {'kind': 'step', 'start': 1.0, 'delay': 1},
    'gamma': {'kind': 'cosine', 'points': ((0, 0.5), (9, 1.0))},
    'capacity': {'steps': 100_000},
  }
  card = card_lib.card(model)
  assert (
    'Schedules: beta step from 1 over 1 step, after 1 step; capacity linear '
    'from 0 over 100,000 steps; gamma cosine times 0.5 at step 0, 1 at step 9.'
  ) in card
  assert 'no member comes to its own value of capacity.' in card


def test_a_network_that_differs_is_not_written(model, tmp_path, monkeypatch):
  monkeypatch.setattr(onnx_graph, 'run', lambda *_: [np.zeros((5, 16, 16, 1))])
  with pytest.raises(ValueError, match='decoder of ONNX differs'):
    export.export(model, tmp_path / 'out')
  assert not (tmp_path / 'out').exists()


def test_the_check_by_onnx_writes_nothing_into_the_users_home(tmp_path):
  code = (
    'import contextlib\n'
    'from bvae_jax.models import onnx_graph\n'
    'with contextlib.suppress(Exception):\n'
    "  onnx_graph.run(b'', None)\n"
    "assert 'onnxruntime' in __import__('sys').modules"
  )
  env = {**os.environ, 'HOME': str(tmp_path)}
  for name in ('XDG_CACHE_HOME', 'ORT_DISABLE_TELEMETRY'):
    env.pop(name, None)
  subprocess.run([sys.executable, '-c', code], env=env, check=True)
  assert not [p for p in tmp_path.rglob('*') if p.is_file()]


def test_the_command_and_its_errors(small_run, tmp_path, monkeypatch, capsys):
  main = lambda *argv: export.main([f'--out={tmp_path / "out"}', *argv])
  main(f'--workdir={small_run}', '--member=1')
  assert 'out' in capsys.readouterr().out
  with pytest.raises(SystemExit, match='error: .* holds no run'):
    main(f'--workdir={tmp_path}')
  with pytest.raises(SystemExit, match='holds an export; name the folder'):
    main(f'--workdir={tmp_path / "out"}')
  with pytest.raises(
    SystemExit, match=r'config\.json that is not of an export'
  ):
    export.main([f'--out={small_run}', f'--workdir={small_run}'])
  (tmp_path / 'README.md').write_text('mine')
  with pytest.raises(SystemExit, match=r'README\.md is there already'):
    export.main([f'--out={tmp_path}', f'--workdir={small_run}'])
  main(f'--workdir={small_run}', '--member=0')  # over the export that is there
  with pytest.raises(SystemExit, match='no member 7'):
    main(f'--workdir={small_run}', '--member=7')
  (tmp_path / 'file').write_text('')
  with pytest.raises(SystemExit, match='error: '):
    export.main([f'--out={tmp_path / "file"}', f'--workdir={small_run}'])
  for package in ('safetensors', 'onnx', 'onnxruntime'):
    with monkeypatch.context() as without:
      without.setitem(sys.modules, package, None)
      with pytest.raises(SystemExit, match=rf'{package} needs an extra'):
        main(f'--workdir={small_run}')
