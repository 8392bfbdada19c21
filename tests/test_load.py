"""`bvae_jax.load`: codes of images and images of codes, from a folder."""

import dataclasses
import json
import multiprocessing
import pickle
import shutil
import warnings
from unittest import mock

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bvae_jax
from bvae_jax import config as config_lib
from bvae_jax import data, trained
from bvae_jax.data import dataset as dataset_lib
from bvae_jax.data import pixels
from bvae_jax.evaluation import provenance
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import programs as programs_lib
from bvae_jax.workdir import Workdir


@pytest.fixture(scope='module')
def model(small_run):
  return bvae_jax.load(small_run, member=1)


def test_the_networks_are_those_of_the_checkpoint(small_run, model):
  config = Workdir(small_run).config()
  experiment = experiment_lib.build(config)
  states = programs_lib.restore(experiment, Workdir(small_run))
  params = jax.tree.map(lambda x: x[1], states.params)
  images = experiment.dataset.images(jnp.arange(5))
  mean, logvar = experiment.encode(params, images)
  for found, expected in zip(model.encode(images), (mean, logvar), strict=True):
    np.testing.assert_allclose(found, expected, atol=1e-5)
  expected = jax.nn.sigmoid(experiment.decode(params, mean))
  np.testing.assert_allclose(model.decode(mean), expected, atol=1e-5)
  np.testing.assert_allclose(model.reconstruct(images), expected, atol=1e-5)
  assert model.seed == 1 and model.step == 6
  assert model.result.seed == 1 and model.num_latents == 6


def test_a_forked_process_says_so_instead_of_waiting_for_ever(model):
  images = np.asarray(model.dataset.images([0]))
  calls = [
    lambda: model.encode(images),
    lambda: model.decode(np.zeros((1, 6))),
    lambda: model.sample(None, 1),
    lambda: model.dataset.images([0]),
    lambda: bvae_jax.train_and_evaluate(model.config, 'nowhere'),
  ]
  context = multiprocessing.get_context('fork')
  told = context.SimpleQueue()

  def child():
    for call in calls:
      try:
        call()
      except RuntimeError as error:
        told.put(str(error))

  with warnings.catch_warnings(action='ignore'):  # JAX warns of the fork
    process = context.Process(target=child)
    process.start()
  process.join(20)
  process.kill()
  lines = [told.get() for _ in calls if not told.empty()]
  assert len(lines) == len(calls)
  assert all("start this one by 'spawn'" in line for line in lines)


def test_any_batch_size_and_type_gives_the_same_codes(model, monkeypatch):
  monkeypatch.setattr('bvae_jax.trained.model.BLOCK', 4)
  images = np.asarray(model.dataset.images(np.arange(9)))
  whole, _ = model.encode(images)
  for n in (1, 3, 4, 9):
    np.testing.assert_allclose(
      model.encode(images[:n])[0], whole[:n], atol=1e-5
    )
  assert model.encode(images[:0])[0].shape == (0, 6)
  assert model.decode(np.zeros((0, 6))).shape == (0, 16, 16, 1)
  for same in (
    np.round(images * 255).astype(np.uint8),
    images[..., 0],
    images * 2 - 1,
    images.tolist(),
  ):
    np.testing.assert_allclose(model.encode(same)[0], whole, atol=2e-2)
  jitted = jax.jit(lambda x: model.encode(x)[0])(images)
  np.testing.assert_allclose(jitted, whole, atol=1e-5)


def test_a_pickled_model_is_the_same_one(model):
  images = model.dataset.images(jnp.arange(3))
  other = pickle.loads(pickle.dumps(model))
  for found, expected in zip(
    other.encode(images), model.encode(images), strict=True
  ):
    np.testing.assert_array_equal(found, expected)
  z = model.encode(images)[0]
  np.testing.assert_array_equal(other.decode(z), model.decode(z))
  assert other.folder.path == model.folder.path
  for name in ('member', 'seed', 'hparams', 'step', 'results', 'config'):
    assert getattr(other, name) == getattr(model, name)
  np.testing.assert_array_equal(other.dataset.images(jnp.arange(3)), images)


def test_the_kl_of_tensors_that_have_a_gradient(model):
  tensor = mock.Mock(spec=('detach',))
  tensor.detach.return_value.cpu.return_value = np.full((2, 6), 2.0)
  np.testing.assert_allclose(  # (m^2 + e^v - 1 - v) / 2
    model.kl(tensor, np.zeros((2, 6))), np.full((2, 6), 2.0)
  )


def test_what_is_shown_of_them_has_no_arrays(model):
  table = data.Table.of(
    (data.Factor('x', 'continuous', 0),), np.arange(4000.0)[:, None] / 7
  )
  images = np.arange(900)
  stored = dataclasses.replace(
    model.dataset,
    arrays=np.ones(4000),
    num_images=4000,
    factors=table,
    split=dataset_lib.Split(images[90:], images[:90]),
  )
  for one in (model, stored, model.results):
    assert 'array' not in repr(one) and len(repr(one)) < 3000


def test_a_walk_moves_one_latent(model):
  image = model.dataset.images(np.arange(1))[0]
  z, _ = model.encode(image[None])
  walk = model.traverse(image, latents=[4, 0], values=[-1.0, 0.5, 2.0])
  assert walk.shape == (2, 3, 16, 16, 1)
  expected = model.decode(z.at[0, 4].set(0.5))[0]
  np.testing.assert_allclose(walk[0, 1], expected, atol=1e-5)
  own = model.traverse(latents=[4, 0], values=[[0.0, 1.0], [0.0, 3.0]])
  expected = model.decode(jnp.zeros((1, 6)).at[0, 0].set(3.0))[0]
  np.testing.assert_allclose(own[1, 1], expected, atol=1e-5)
  assert model.traverse().shape == (6, 11, 16, 16, 1)


def test_samples_follow_from_the_key(model):
  key = jax.random.key(3)
  z = jax.random.normal(key, (2, 6))
  assert np.array_equal(model.sample(key, 2), model.sample(key, 2))
  assert model.sample(key, 2).shape == model.decode(z).shape
  assert not np.array_equal(model.sample(jax.random.key(4), 2), z)


def test_members_are_chosen_by_their_scores(small_run):
  results = bvae_jax.load(small_run).results
  scores = results.values('mig')
  best = int(np.argmax(scores))
  assert bvae_jax.load(small_run).member == best
  assert bvae_jax.load(small_run, member='median').member == 1 - best
  udr = int(np.argmax(results.values('udr')))
  assert bvae_jax.load(small_run, member='udr').member == udr
  assert [m.member for m in trained.load_all(small_run)] == [0, 1]


def test_images_that_have_changed_are_not_those_of_the_run(model, tmp_path):
  stored = pixels.of_bytes('own', '', np.ones((9, 2, 2, 1), np.uint8), None)
  folder = Workdir(tmp_path)
  provenance.same_images(folder, stored)
  other = dataclasses.replace(model, folder=folder)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(data, 'load', lambda _: stored)
    assert other.dataset is stored
    changed = dataclasses.replace(stored, arrays=stored.arrays * 2)
    patch.setattr(data, 'load', lambda _: changed)
    with pytest.raises(OSError, match='holds a run of other images'):
      _ = dataclasses.replace(other).dataset


def test_the_data_is_read_only_when_asked_for(small_run, monkeypatch):
  def gone(_):
    raise OSError('the file is gone')

  monkeypatch.setattr(data, 'load', gone)
  model = bvae_jax.load(small_run)
  assert model.decode(np.zeros((1, 6))).shape == (1, 16, 16, 1)
  with pytest.raises(OSError, match='gone'):
    _ = model.dataset
  with pytest.raises(ValueError, match=r'Model\.dataset'):
    model.experiment.dataset.images(np.arange(1))


def test_a_run_without_scores_gives_its_last_checkpoint(small_run, tmp_path):
  folder = shutil.copytree(small_run, tmp_path / 'run')
  (folder / 'results.json').unlink()
  assert bvae_jax.load(folder, member=0).results is None
  with pytest.raises(ValueError, match='not scored yet; give a number'):
    bvae_jax.load(folder)
  config = json.loads((folder / 'config.json').read_text())
  config['seeds'].append(7)  # its trainer has just begun to grow it
  (folder / 'config.json').write_text(json.dumps(config))
  (folder / 'manifest.json').unlink()
  groups = (folder / 'groups.json').read_bytes()
  with pytest.raises(OSError, match='no whole checkpoint of seeds 7; wait for'):
    bvae_jax.load(folder, member=0)
  assert (folder / 'groups.json').read_bytes() == groups
  shutil.rmtree(folder / 'checkpoints')
  with pytest.raises(OSError, match='has no checkpoint; wait for'):
    bvae_jax.load(folder, member=0)


def test_a_run_of_another_version_is_one_line(tmp_path):
  config = config_lib.plain(helpers.small_config().to_dict())
  path = tmp_path / 'config.json'
  path.write_text(json.dumps(config | {'brand_new': 1}))
  with pytest.raises(OSError, match='not of this version.*brand_new'):
    bvae_jax.load(tmp_path)
  path.write_text(json.dumps(config))
  (tmp_path / 'results.json').write_text('{"schema": 3}')
  with pytest.raises(OSError, match=r'results\.json: its layout is 3'):
    bvae_jax.load(tmp_path)


@pytest.mark.parametrize(
  ('member', 'message'),
  [
    (2, 'no member 2; its members are 0 to 1'),
    (-1, 'no member -1'),
    ('worst', 'no member worst'),
    (0.5, 'no member 0.5'),
  ],
)
def test_members_that_are_none(small_run, member, message):
  with pytest.raises(ValueError, match=message):
    bvae_jax.load(small_run, member=member)


def test_what_is_no_image(model, tmp_path):
  with pytest.raises(ValueError, match='resize them to 16x16'):
    model.encode(np.zeros((2, 32, 32, 1)))
  with pytest.raises(ValueError, match='images must be'):
    model.encode(np.zeros((16, 16, 1)))
  with pytest.raises(ValueError, match=r'channels come last, numpy.moveaxis'):
    model.encode(np.zeros((2, 1, 16, 16)))
  with pytest.raises(ValueError, match='are no images'):
    model.encode(np.full((1, 16, 16, 1), 700.0))
  with pytest.raises(ValueError, match='NaN'):
    model.encode(np.full((1, 16, 16, 1), np.nan))
  with pytest.raises(ValueError, match='under jit'):
    jax.jit(model.encode)(np.zeros((1, 16, 16, 1), np.uint8))
  with pytest.raises(ValueError, match=r'z must be \[B, 6\]'):
    model.decode(np.zeros((1, 5)))
  holed = np.where(np.arange(model.num_latents) == 1, np.nan, 0.0)
  with pytest.raises(ValueError, match='z must be finite in float32, 1 of'):
    model.decode(holed[None])
  with pytest.raises(ValueError, match='6 of 6 are not'):
    model.decode(np.full((1, 6), 1e300))
  with pytest.raises(ValueError, match='z must be real numbers, got complex'):
    model.decode(np.zeros((1, 6), complex))
  for values in (np.zeros((3, 5)), np.zeros((2, 5, 1))):
    with pytest.raises(ValueError, match=r'be \[S\], or \[L, S\] of the 2'):
      model.traverse(latents=[0, 1], values=values)
  for number in (0, -1, 2.5):
    with pytest.raises(ValueError, match='n must be an integer of at least 1'):
      model.sample(jax.random.key(0), number)
  for latents in ([6], [0.5], 2, np.arange(6) > 3):
    with pytest.raises(ValueError, match='from 0 to 5'):
      model.traverse(latents=latents)
  for low, high in ((0, 1.05), (-0.05, 1)):  # as resizing leaves them
    with pytest.raises(ValueError, match='a little outside 0 to 1; clip'):
      model.encode(np.linspace(low, high, 256).reshape(1, 16, 16, 1))
  with pytest.raises(OSError, match='holds no run'):
    bvae_jax.load(tmp_path)


def test_the_ranking_is_by_the_first_metric_that_has_values(small_run):
  results = bvae_jax.load(small_run).results
  assert results.ranking == ('mig', tuple(np.argsort(results.values('mig'))))
