"""Codes, bounds and results of a population, against direct computation."""

import dataclasses
import functools

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses, metrics, parallel, population
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.evaluation import evaluate, hindrances, scores, tables
from bvae_jax.evaluation import points as points_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import probe as probe_lib
from bvae_jax.training import step


@pytest.fixture(scope='module', autouse=True)
def few_votes():
  """A FactorVAE score of fewer votes: its protocol's take seconds."""
  metric = metrics.METRICS['factor_vae_score']

  def compute(key, sample, sizes):
    return metrics.Scored(
      metrics.factor_vae_score(
        key, sample.code_table, sizes, num_train=500, num_eval=200
      )
    )

  with pytest.MonkeyPatch.context() as patch:
    fewer = dataclasses.replace(metric, compute=compute)
    patch.setitem(metrics.METRICS, 'factor_vae_score', fewer)
    yield


@pytest.fixture(scope='module')
def trained():
  config = helpers.small_config(
    seeds=(0, 1), metrics=('mig', 'factor_vae_score', 'udr')
  )
  config.evaluation.num_resamples = 3
  config.grid.beta = (1.0, 4.0)
  members = population.members(config)
  experiment = experiment_lib.build(config)
  init = jax.jit(jax.vmap(lambda key: step.init(experiment, key)))
  return experiment, members, init(population.keys(members))


def last_stopped(states):
  return states._replace(alive=states.alive.at[3].set(False))


@pytest.fixture(scope='module')
def results(trained):
  experiment, members, states = trained
  return evaluate.evaluate(experiment, last_stopped(states), members)


def test_the_table_holds_the_codes_of_every_image_in_order(trained):
  experiment, members, states = trained
  codes = codes_lib.encoder(experiment)(states.params)
  size = experiment.dataset.num_images
  assert codes.mean.shape == (len(members), size, 6)
  index = jnp.array([0, 17, size - 1])
  mean, logvar = experiment.encode(
    population.select(states.params, 2), experiment.dataset.images(index)
  )
  np.testing.assert_allclose(codes.mean[2][index], mean, atol=1e-5)
  np.testing.assert_allclose(codes.logvar[2][index], logvar, atol=1e-5)


def test_only_images_that_a_metric_looks_at_are_encoded(trained):
  experiment, _, states = trained
  config = experiment.config.copy_and_resolve_references()
  config.update({'metrics': ('mig', 'sap'), 'evaluation': {'num_train': 90}})
  config.evaluation.num_test = 50
  assert points_lib.looked_at(experiment) is None  # a metric has the table
  fewer = dataclasses.replace(experiment, config=config)
  looked = points_lib.looked_at(fewer)
  codes = codes_lib.encoder(fewer, looked)(states.params)
  assert codes.mean.shape[1] == 140
  config.metrics = ('mig', 'factor_vae_score')
  every = codes_lib.encoder(experiment)(states.params)
  expected = points_lib.sample(fewer, every)
  config.metrics = ('mig', 'sap')
  found = points_lib.sample(fewer, codes)
  assert found.code_table is None
  for name in ('codes', 'factors', 'test_codes', 'test_factors'):
    one, other = getattr(found, name), getattr(expected, name)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('size', [1, 48, 101])
def test_indices_are_mapped_a_few_at_a_time(size):
  """Eight devices of blocks of three, two at once: 48 indices.

  Of rows at most four: 101 take two calls of three.
  """
  rows = np.arange(size) ** 2
  told, taken = [], []

  def take(index):
    taken.append(index.size)
    return rows[index]

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr('bvae_jax.parallel.maps._BLOCKS', 2)
    patch.setattr('bvae_jax.parallel.maps._STREAM_BLOCKS', 4)
    of_index = parallel.of_blocks(lambda s, i: (i + s, s * i))
    plain = parallel.map_index(of_index, size, 3)
    of_rows = parallel.of_blocks(lambda s, r, i: (r - i, r + s), rows=True)
    streamed = parallel.map_index(of_rows, size, 3, take)
  found, again = plain(2, told.append), streamed(2)
  index = np.arange(size)
  np.testing.assert_array_equal(found, [index + 2, 2 * index])
  np.testing.assert_array_equal(again, [rows - index, rows + 2])
  assert told == list(range(48, size, 48))
  assert taken == {1: [24], 48: [48], 101: [72, 72]}[size]


def test_the_bound_is_nll_and_kl_in_closed_form(trained):
  experiment, _, states = trained
  bounds = codes_lib.bounds(experiment)(states.params)
  kl = bounds['kl_per_latent'].sum(1)
  np.testing.assert_allclose(bounds['kl'], kl, rtol=1e-6)
  np.testing.assert_allclose(bounds['elbo'], -bounds['nll'] - kl, rtol=1e-6)
  # The noise and the images are the same for equal weights: seeds 0 and 0.
  np.testing.assert_allclose(bounds['nll'][0], bounds['nll'][2], rtol=1e-6)
  # An untrained decoder knows nothing: its nll is near log 2 a pixel.
  assert bounds['nll'][0] == pytest.approx(256 * np.log(2), rel=0.1)


def test_a_member_has_the_scores_of_its_codes(trained, results):
  experiment, _, states = trained
  points = points_lib.sample(
    experiment, codes_lib.encoder(experiment)(states.params)
  )
  expected = metrics.mig(points.codes[1], points.factors)['mig']
  entry = results['members'][1]
  assert entry['metrics']['mig'] == pytest.approx(float(expected), abs=1e-6)
  assert entry['errors']['mig'] > 0
  assert np.shape(entry['matrices']['mig']) == (6, 5)
  assert (
    entry['metrics']['factor_vae_score/eval_accuracy']
    == (entry['metrics']['factor_vae_score'])
  )


def test_udr_compares_the_seeds_of_one_setting(trained, results, caplog):
  experiment, members, states = trained
  points = points_lib.sample(
    experiment, codes_lib.encoder(experiment)(states.params)
  )
  kl = codes_lib.bounds(experiment)(states.params)['kl_per_latent']
  expected = metrics.udr(points.codes[:2, :1000], kl[:2])['udr']
  found = [m['metrics']['udr'] for m in results['members'][:2]]
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  udr, one = metrics.METRICS['udr'], slice(0, 1)
  good = np.array([True])
  alone = scores.over_seeds(udr, points.codes[one], kl[one], members[one], good)
  assert np.isnan(alone.scored.scores['udr']).all()
  assert 'give more seeds' in caplog.text


def test_a_stopped_member_is_marked_and_left_out_of_the_summary(results):
  assert [m['status'] == 'ok' for m in results['members']] == [
    True,
    True,
    True,
    False,
  ]
  nll = [m['elbo']['nll'] for m in results['members'][:3]]
  assert results['summary']['elbo']['nll']['mean'] == pytest.approx(
    np.mean(nll), rel=1e-5
  )
  assert results['summary']['elbo']['nll']['median'] == pytest.approx(
    np.median(nll), rel=1e-5
  )
  # Nor is the other seed of its setting compared with it.
  udr = [m['metrics']['udr'] for m in results['members']]
  assert udr[0] and udr[1] and udr[2:] == [None, None]


def test_the_table_of_members_has_a_line_each(results):
  one, *others = results.members
  empty = dataclasses.replace(one, active_latents=0)
  lines = tables.table(results).splitlines()
  collapsed = dataclasses.replace(results, members=(empty, *others))
  told = tables.table(collapsed).splitlines()[1]
  assert told.split()[-1] == 'collapsed' and lines[1].split()[-1] == 'ok'
  assert len(lines) == 5
  assert lines[0].split()[:4] == ['seed', 'beta', 'elbo', 'nll']
  assert lines[4].split()[:2] == ['1', '4'] and 'NaN' in lines[4]


def test_more_members_than_fit_at_once_are_scored_in_turns(
  trained, results, monkeypatch
):
  """Each metric is compiled once for all turns."""
  experiment, members, states = trained
  monkeypatch.setattr(evaluate, 'MEMBERS_AT_ONCE', 3)
  mig, traced = metrics.METRICS['mig'], []

  def compute(*args):
    traced.append(args)
    return mig.compute(*args)

  counted = dataclasses.replace(mig, compute=compute)
  monkeypatch.setitem(metrics.METRICS, 'mig', counted)
  again = evaluate.evaluate(experiment, last_stopped(states), members)
  assert len(again['members']) == len(members)
  assert len(traced) == 2  # the score, and its resamples
  for one, other in zip(results['members'], again['members'], strict=True):
    first, second = (
      {k: v for k, v in each['metrics'].items() if v is not None}
      for each in (one, other)
    )
    assert first == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize('count, size', [(1, 1), (3, 3), (4, 2), (7, 3)])
def test_members_are_scored_in_blocks_of_one_size(monkeypatch, count, size):
  monkeypatch.setattr(evaluate, 'MEMBERS_AT_ONCE', 3)
  rows = evaluate.member_blocks(count)
  assert rows.shape[1] == size
  assert list(rows.ravel()[:count]) == list(range(count))
  assert rows.max() == count - 1


def test_the_kl_decomposition_of_the_log_is_that_of_the_probes_images(trained):
  experiment, members, states = trained
  key = population.keys(members)[0]
  params = population.select(states.params, 0)
  probe = jax.jit(functools.partial(probe_lib.probe, experiment))
  arrays, own = experiment.dataset.arrays, (jax.random.key_data(key), None)
  terms = probe(arrays, params, own)
  total = sum(
    terms[f'{name}_mss']
    for name in ('mutual_information', 'total_correlation', 'dimension_wise_kl')
  )
  assert float(terms['marginal_kl_mws']) == pytest.approx(
    float(terms['total_correlation_mws'] + terms['dimension_wise_kl_mws']),
    rel=1e-5,
  )
  every = jnp.arange(experiment.dataset.num_images)
  encode = lambda params: experiment.encode(
    params, experiment.dataset.images(every)
  )
  kl = losses.gaussian_kl(*jax.jit(encode)(params)).sum(1).mean()
  assert float(total) == pytest.approx(float(kl), abs=0.3)  # Monte Carlo


@pytest.mark.parametrize(
  'compute',
  [
    lambda key, sample, sizes: {'mine': sample.codes.mean()},
    lambda key, sample, sizes: metrics.Scored({'other': sample.codes.mean()}),
    lambda key, sample, sizes: metrics.Scored({'mine': sample.codes.mean(0)}),
  ],
)
def test_a_metric_that_returns_something_else_is_told_before_training(compute):
  points = metrics.Sample(np.ones((9, 2)), None, np.ones((9, 2)), *[None] * 3)
  mine = metrics.Metric('mine', 'mine', 'codes', compute)
  why = "must return metrics.Scored of scalar scores, 'mine' among them"
  assert why in hindrances.of_member(mine, points, ())
  right = lambda key, sample, sizes: metrics.Scored({'mine': 0.5, 'more': 1.0})
  assert not hindrances.of_member(
    dataclasses.replace(mine, compute=right), points, ()
  )


@pytest.mark.parametrize(
  ('matrix', 'by_factor', 'why'),
  [
    ((2, 3), 3, ''),
    ((3, 2), 3, r'its matrix must be (2, 3), .*; it is (3, 2)'),
    ((2, 3), 5, r"by_factor 'mine' must be (3,), .*; it is (5,)"),
  ],
)
def test_what_a_metric_says_of_factors_has_their_shape(matrix, by_factor, why):
  compute = lambda key, sample, sizes: metrics.Scored(
    {'mine': 0.5}, jnp.ones(matrix), {'mine': jnp.ones(by_factor)}
  )
  points = metrics.Sample(np.ones((9, 2)), None, np.ones((9, 2)), *[None] * 3)
  mine = metrics.Metric('mine', 'mine', 'factors', compute)
  start, _, end = why.partition('.*')
  found = hindrances.of_member(mine, points, (4, 4, 0))
  assert found.startswith(start) and found.endswith(end)
  assert bool(found) == bool(why)


def test_a_metric_of_numbers_that_jax_hides_is_told_in_a_line():
  points = metrics.Sample(np.ones((9, 2)), None, np.ones((9, 2)), *[None] * 3)
  compute = lambda key, sample, sizes: metrics.Scored(
    {'mine': np.asarray(sample.codes).std()}
  )
  mine = metrics.Metric('mine', 'mine', 'codes', compute)
  assert 'made of jax.numpy' in hindrances.of_member(mine, points, ())
  with pytest.raises(ValueError, match="mine: needs must be .*, got 'labels'"):
    dataclasses.replace(mine, needs='labels')


@pytest.mark.parametrize(
  ('scored', 'told'),
  [
    (lambda codes, kl: {'mine': kl.mean(1)}, True),
    (lambda codes, kl: {'mine': np.asarray(codes).std((1, 2))}, True),
    (lambda codes, kl: {'mine': kl.mean()}, False),
    (lambda codes, kl: {'other': kl.mean(1)}, False),
  ],
)
def test_a_metric_of_a_population_is_tried_before_training(scored, told):
  compute = lambda codes, kl: metrics.Scored(scored(codes, kl))
  mine = metrics.Metric('mine', 'mine', 'population', compute)
  why = "it must return metrics.Scored with 'mine' of shape (3,)"
  codes = jax.ShapeDtypeStruct((3, 9, 2), np.float32)
  assert hindrances.of_seeds(mine, codes) == ('' if told else why)


def test_a_metric_that_looks_at_every_image_says_so():
  mean = lambda key, sample, sizes: metrics.Scored(
    {'mine': sample.code_table.mean()}
  )
  points = metrics.Sample(*[np.ones((9, 2))] * 6)
  mine = metrics.Metric('mine', 'mine', 'factors', mean)
  assert 'Metric table=True' in hindrances.of_member(mine, points, (3, 3))
  told = dataclasses.replace(mine, table=True)
  assert not hindrances.of_member(told, points, (3, 3))
