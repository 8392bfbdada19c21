"""A whole run whose codes are points: no KL, no bound, no prior is shown."""

import re

import helpers
import jax
import numpy as np
import pytest

import bvae_jax
from bvae_jax import data
from bvae_jax.apps import coders, explain, options, traverse
from bvae_jax.evaluation import evaluate
from bvae_jax.explore import networks as networks_lib
from bvae_jax.models import graph


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('points') / 'run'
  config = helpers.small_config('qlae', metrics=('mig',))
  config.options.num_values, config.weight_decay = 3, 0.1
  bvae_jax.train_and_evaluate(config, folder)
  return folder


def test_codes_take_the_values_of_their_codebooks(folder):
  model = bvae_jax.load(folder)
  codes, logvar = model.encode(model.dataset.images(np.arange(216)))
  values = np.sort(model.params['codebooks']['values'], axis=1)
  for d in range(6):
    assert set(np.asarray(codes[:, d])) <= set(values[d])
  assert np.isneginf(logvar).all()
  variance = model.result.elbo['variance_per_latent']
  assert np.shape(variance) == (6,)
  assert set(model.result.elbo) == {'nll', 'variance_per_latent'}
  assert max(model.result.carried) == 1
  np.testing.assert_array_equal(model.codebook, values)
  # Between two values an image is that of the nearer one, whoever decodes.
  assert model.traverse(latents=[4, 0]).shape[:2] == (2, 3)
  near = codes[:9] + 0.2
  np.testing.assert_array_equal(model.decode(near), model.decode(codes[:9]))
  nets = networks_lib.networks(model.experiment, model.params)
  images = np.asarray(model.dataset.images(np.arange(216)))
  own = graph.evaluate(nets.encoder, images)
  np.testing.assert_array_equal(own, codes)
  np.testing.assert_allclose(
    graph.evaluate(nets.decoder, np.asarray(near)),
    model.decode(codes[:9]),
    atol=1e-5,
  )
  # Weight decay leaves the codebooks alone: they stay near where they began.
  np.testing.assert_allclose(values, [[-0.5, 0, 0.5]] * 6, atol=0.02)


def test_what_points_do_not_have_is_neither_shown_nor_computed(folder):
  page = (folder / 'report.html').read_text()
  page = re.sub(r'"data:[^"]*"|<script.*?</script>', '', page, flags=re.DOTALL)
  assert 'falling variance' in page
  assert not re.search(r'.{40}\b(KL|ELBO|posterior)\b.{20}', page)
  lines = (folder / 'metrics.jsonl').read_text()
  assert 'nll' in lines and 'kl' not in lines and 'mutual' not in lines
  model = bvae_jax.load(folder)
  with pytest.raises(ValueError, match='points without a prior'):
    model.sample(jax.random.key(0), 1)
  images = np.asarray(model.dataset.images(np.arange(216)))
  codes = model.encode(images)
  with pytest.raises(ValueError, match='points, which have no KL'):
    model.kl(*codes)
  shares = coders.carried(model, *codes)
  variance = np.var(codes[0], 0)
  np.testing.assert_allclose(shares, variance / variance.max(), rtol=1e-6)
  walked = traverse.walks(model, images[:1], images)
  np.testing.assert_array_equal(walked.latents, np.argsort(-shares))
  for d, values in zip(walked.latents, walked.values):
    assert np.isin(values, model.codebook[d]).all()
  with pytest.raises(ValueError, match='--range must be posterior'):
    traverse.run(options.Options(folder, span='prior'))
  config = helpers.small_config('qlae', metrics=('mig_sampled',))
  with pytest.raises(ValueError, match='mig_sampled needs the variances'):
    evaluate.check(config, data.load(config.dataset))


def test_an_image_is_explained_by_its_distance_from_the_mean(folder):
  model = bvae_jax.load(folder)
  images = np.asarray(model.dataset.images(np.arange(216)))
  found = explain.explain(model, images[5], images)
  codes = np.asarray(model.encode(images)[0], np.float64)
  assert np.isnan(found.nats).all()
  far = np.abs(codes[5] - codes.mean(0)) / np.maximum(codes.std(0), 1e-6)
  np.testing.assert_allclose(found.far, far, rtol=1e-5)
  variance = codes.var(0)
  np.testing.assert_allclose(found.usual, variance / variance.max(), rtol=1e-5)
  told = explain.run(options.Options(folder, index=5))
  assert 'standard deviations' in told.lead and 'nats' not in str(told.tables)
  assert {float(row[2]) for row in told.tables[0].rows} <= {
    round(float(d), 2) for d in far
  }
