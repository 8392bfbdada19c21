"""A data set of images alone, and what may be asked of a table of factors."""

import dataclasses
import json
import re

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data, run
from bvae_jax.data import dataset as dataset_lib
from bvae_jax.evaluation import evaluate
from bvae_jax.training import batches
from bvae_jax.training import experiment as experiment_lib

IMAGES = np.random.default_rng(0).random((60, 12, 10, 3), np.float32)


def own(factors=None) -> data.Dataset:
  return data.Dataset(
    name='own',
    description='60 images of noise',
    image_shape=IMAGES.shape[1:],
    num_images=60,
    arrays=jnp.asarray(IMAGES),
    images_fn=lambda arrays, index: arrays[index],
    factors=factors,
  )


def table(**changes) -> data.Table:
  values = np.stack([np.arange(60) % 3, np.arange(60) // 30], -1)
  factors = (
    data.Factor('class', 'categorical', 3, ('a', 'b', 'c')),
    data.Factor('side', 'ordinal', 2),
  )
  return data.Table(**{'factors': factors, 'values': values} | changes)


def config(objective: str = 'beta_vae', **changes):
  made = helpers.small_config(objective, **changes)
  made.dataset.name = 'own'
  return made


def test_trains_scores_and_reports_without_factors(tmp_path, monkeypatch):
  monkeypatch.setitem(data.DATASETS, 'own', lambda _: own())
  results = run.train_and_evaluate(
    config(seeds=(0, 1), metrics=('unsupervised', 'udr')), tmp_path
  )
  assert results.dataset.factor_names == results.dataset.factor_sizes == ()
  assert not results.dataset.complete_grid
  for member in results.members:
    assert member.status == 'ok'
    for score in (member.elbo['elbo'], member.metrics['unsupervised']):
      assert np.isfinite(score)
    assert 0 <= member.metrics['udr'] <= 1
  saved = json.loads((tmp_path / 'results.json').read_text())
  assert saved['dataset']['num_images'] == 60
  assert '60 images' in (tmp_path / 'report.html').read_text()


def test_one_image_is_refused_before_anything_is_written(tmp_path, monkeypatch):
  one = dataclasses.replace(own(), num_images=1)
  monkeypatch.setitem(data.DATASETS, 'own', lambda _: one)
  with pytest.raises(ValueError, match='own has 1 image to train on; give it'):
    only = config(metrics=('unsupervised',))
    run.train_and_evaluate(only, tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


def test_known_factors_that_no_score_sees_are_told(caplog):
  with caplog.at_level('INFO'):
    for factors in (None, table()):
      for names in ((), ('unsupervised',), ('unsupervised', 'sap')):
        evaluate.tell_of_factors(config(metrics=names), own(factors))
  assert len(caplog.records) == 1
  assert 'no score here sees the known factors (class, side)' in caplog.text


@pytest.mark.parametrize(
  'objective, metric, message',
  [
    ('beta_vae', 'mig', 'metrics: mig needs known factors'),
    ('ada_gvae', 'unsupervised', 'trains on pairs: data set own has no known'),
    ('semi_supervised', 'unsupervised', 'labelled images: data set own has no'),
  ],
)
def test_refuses_what_needs_factors_before_anything_is_written(
  objective, metric, message, tmp_path, monkeypatch
):
  monkeypatch.setitem(data.DATASETS, 'own', lambda _: own())
  with pytest.raises(ValueError, match=message) as caught:
    run.train_and_evaluate(
      config(objective, metrics=(metric,)), tmp_path / 'run'
    )
  assert '\n' not in str(caught.value)
  assert not (tmp_path / 'run').exists()


def test_properties_follow_from_the_factors():
  nothing, rows = own(), own(table())
  assert not nothing.has_factors and not nothing.is_grid
  assert nothing.factor_names == nothing.factor_sizes == ()
  with pytest.raises(ValueError, match='labels: data set own has no known'):
    nothing.labels(jnp.arange(3))
  assert rows.has_factors and not rows.is_grid
  assert rows.factor_names == ('class', 'side')
  assert rows.factor_sizes == (3, 2)
  index = jnp.array([[0, 59], [31, 4]])
  np.testing.assert_array_equal(
    rows.labels(index), np.stack([index % 3, index // 30], -1)
  )
  with pytest.raises(ValueError, match='scores: .* no complete grid'):
    rows.require_grid('scores')


def test_a_table_is_a_jit_argument():
  rows, index = own(table()), jnp.array([5, 59])
  labels = jax.jit(lambda dataset, index: dataset.labels(index))
  np.testing.assert_array_equal(labels(rows, index), [[2, 0], [2, 1]])
  np.testing.assert_array_equal(
    jax.vmap(rows.images)(index), IMAGES[np.array(index)]
  )


def test_continuous_or_missing_labels_are_no_labels():
  values = np.stack([np.r_[np.nan, np.ones(59)], np.linspace(0, 1, 60)], -1)
  factors = (
    data.Factor('class', 'categorical', 2),
    data.Factor('size', 'continuous', 0),
  )
  rows = own(data.Table(factors, values))
  assert rows.factors.num_missing() == (1, 0)
  with pytest.raises(ValueError, match=re.escape('others: size, class')):
    rows.require_labels('mig')


def test_labelled_batches_of_a_table_and_their_scale():
  settings = config('semi_supervised')
  experiment = experiment_lib.build(settings, own(table()))
  source = batches.Source(
    experiment.dataset,
    experiment.dataset.images,
    experiment.context,
    jax.random.key(1),
  )
  indices = batches.DRAWS['labelled'](jax.random.key(0), source)
  batch = batches.look_up(indices, source)
  chosen = np.asarray(indices['labelled_images'])
  np.testing.assert_array_equal(batch['labelled_images'], IMAGES[chosen])
  np.testing.assert_allclose(
    batch['labels'], np.stack([chosen % 3 / 2, chosen // 30], -1)
  )


def test_pairs_of_a_table_share_a_factor_and_none_is_held_out():
  held_out = np.arange(0, 60, 4)
  split = dataset_lib.Split(np.setdiff1d(np.arange(60), held_out), held_out)
  rows = dataclasses.replace(own(table()), split=split)
  experiment = experiment_lib.build(config('ada_gvae', batch_size=64), rows)
  source = batches.Source(rows, rows.images, experiment.context, None)
  drawn = jax.jit(lambda key: batches.DRAWS['pairs'](key, source))
  pairs = drawn(jax.random.key(0))
  one, two = (np.asarray(pairs[name]) for name in ('images', 'pair_images'))
  assert not np.isin([one, two], held_out).any() and (one != two).any()
  assert ((one % 3 == two % 3) | (one // 30 == two // 30)).all()


@pytest.mark.parametrize(
  'make, message',
  [
    (lambda: own(table(values=np.zeros((9, 2)))), 'got 60 and 9'),
    (lambda: own(data.Grid.of(['a'], [7])), 'got 60 and 7'),
    (lambda: data.Grid.of(['a', 'b'], [7, 0]), 'factor_sizes must be'),
    (lambda: data.Factor('a', 'round', 2), "'round' is unknown; valid: cat"),
    (lambda: data.Factor('a', 'continuous', 2), 'size must be 0 if contin'),
    (lambda: data.Factor('a', 'ordinal', 0), 'got 0 of a ordinal'),
    (lambda: data.Factor('a', 'ordinal', 3, ('x',)), 'names for 1'),
    (lambda: table(values=np.zeros((60, 3))), r'\[N, 2\], a column a factor'),
    (lambda: table(values=np.full((60, 2), 2)), 'side: has 2 .* holds 2'),
  ],
)
def test_bad_factors(make, message):
  with pytest.raises(ValueError, match=message):
    make()
