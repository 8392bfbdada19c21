"""What a perfect coder does when one factor moves, in closed form."""

import dataclasses

import jax
import ml_collections
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.apps import (
  coders,
  effects,
  intervene,
  observed,
  renders,
  traverse,
)
from bvae_jax.evaluation import statistics


def test_the_shares_of_a_perfect_coder_are_a_permutation(world):
  key = jax.random.key(0)
  found = effects.on_factors(world.coder, world.dataset, key)
  expected = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]])
  np.testing.assert_allclose(found.total, expected, atol=0.01)
  assert not found.total[expected == 0].any()
  np.testing.assert_allclose(found.irs[:3], 1, atol=1e-5)
  assert found.owner[:3].tolist() == [2, 0, 1]
  rows = effects.report(found, ('on', 'middle', 'fine'), 0.1)
  assert [row['answers'] for row in rows] == [[1], [2], [0]]
  assert rows[0]['stays'] == [0, 2] and rows[0]['shared'] == []


def test_a_latent_that_moves_moves_its_own_factor(world):
  moves = effects.on_latents(world.coder, world.dataset, jax.random.key(1))
  own = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]], bool)
  assert not moves[~own].any()
  assert (moves[own] > 0.3).all()


def test_observed_pairs_say_the_same(scattered):
  """No grid: 200 points, a label in ten unknown, a continuous factor."""
  dataset, coder = scattered
  assert effects.pairs(dataset) == 200
  found = effects.on_factors(coder, dataset, jax.random.key(0))
  expected = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]])
  np.testing.assert_allclose(found.total, expected, atol=0.25)
  assert found.total[expected == 0].max() < 0.1
  assert found.residual.max() < 0.1 and found.apart < 0.1
  half = found._replace(residual=np.full(4, 0.5))
  collapsed = half._replace(carried=np.zeros(4))  # has no say in the mean
  mean = found.residual[:3].mean()
  assert intervene._residual([half, collapsed, found]) == (mean + 0.5) / 2
  assert intervene._residual([collapsed]) == 0
  moves = effects.on_latents(coder, dataset, jax.random.key(1))
  own = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], bool)
  assert moves[:3][own].min() > 0.3 and moves[:3][~own].max() < 0.1
  assert not moves[3].any()


def test_the_judge_of_observed_images_errs_by_hand():
  factors = (data.Factor('a', 'categorical', 3), data.Factor('b', 'ordinal', 5))
  pixels = lambda values: np.reshape(values, (-1, 1, 1, 1))
  few = lambda table, values: coders.Sample(
    np.arange(len(table)), pixels(values), np.array(table)
  )
  others = few([[0, 0], [1, 4], [2, -1]], [0.0, 0.5, 1.0])
  seen = few([[0, 1], [0, 4], [2, 2], [-1, 4]], [0.1, 0.4, 0.9, 0.6])
  # Told are (0, 0), (1, 4), and of the last two b by the nearest that has it:
  # (2, 4), (-, 4).
  error = observed.error(seen, others, factors)
  np.testing.assert_allclose(error, [(0 + 1 + 0) / 3, (1 + 0 + 2 + 0) / 16])


def test_partners_are_nearest_in_all_but_one():
  factors = (data.Factor('a', 'categorical', 3), data.Factor('b', 'ordinal', 5))
  table = np.array([[0, 0], [1, 0], [1, 4], [2, 3], [-1, 2]])
  rng = np.random.default_rng(0)
  alike, left = observed.partners(table, factors, 0, rng)
  assert alike[:3].tolist() == [1, 0, 3]
  assert left == pytest.approx((0 + 0 + 0.25 + 0.25 + 0.25) / 5)
  alike, _ = observed.partners(table, factors, 1, rng)
  assert alike[1] == 2 and alike[2] == 1
  _, left = observed.partners(table, factors, None, rng)
  assert left == pytest.approx((1 + 1 + 1 + 1.25 + 1.25) / 10)


def test_the_nearest_render_of_a_render_is_itself(world):
  every = np.arange(30)
  images = np.asarray(world.dataset.images(every))
  truth = np.asarray(world.dataset.labels(every))
  starts = np.stack([np.zeros_like(truth), truth[::-1]])
  found, error = renders.nearest(world.dataset, images + 0.02, starts, every)
  assert np.array_equal(found, truth)
  np.testing.assert_allclose(error, 0.0004, rtol=1e-4)
  moved = coders.change([[0, 0, 0]], [[1, 1, 2]], world.dataset.factors.factors)
  np.testing.assert_allclose(moved, [[1, 0.5, 0.5]])


def test_the_nearest_render_hangs_not_on_where_the_search_starts(world):
  rng = np.random.default_rng(0)
  table = rng.random((30, 2, 2, 1)).astype(np.float32)
  dataset = dataclasses.replace(
    world.dataset, arrays=table, images_fn=lambda arrays, index: arrays[index]
  )
  every = coders.take(dataset, np.arange(30))
  index = rng.permutation(30)
  images = (table[index] + rng.random((30, 2, 2, 1)).astype(np.float32)) / 2
  apart = ((images[:, None] - table) ** 2).mean((2, 3, 4))
  judge = renders.judge(dataset, every, index)
  true = every.factors[index]
  for starts in (true, true[::-1]):
    told, error = judge(images, starts[None])
    np.testing.assert_allclose(error, apart.min(1), atol=1e-6)
    assert np.array_equal(told, every.factors[apart.argmin(1)])
  # From the truth alone the search stays near to it.
  _, error = renders.nearest(dataset, images, true[None], index)
  assert (error > apart.min(1) + 1e-6).sum() > 3


def test_noise_stays_when_a_factor_moves():
  """Colours are drawn by image, and are no factor: a render keeps them."""
  config = {'name': 'dsprites_color', 'path': '', 'image_size': 16}
  config |= {'factor_stride': (1, 5, 20, 16, 16)}
  dataset = data.load(ml_collections.ConfigDict(config))
  index = np.array([3, 17, 40])
  images = np.asarray(dataset.images(index))
  other = index ^ 1  # the last factor alone
  truth = np.asarray(dataset.labels(other))
  moved = np.asarray(dataset.images_like(other, index))
  colour = lambda x: x.max((1, 2)) / x.max((1, 2, 3))[:, None]
  np.testing.assert_allclose(colour(moved), colour(images), rtol=1e-3)
  found, error = renders.nearest(dataset, moved, truth[None], index)
  np.testing.assert_array_equal(found, truth)
  assert error.max() < 1e-6


def test_ranges_of_walks():
  codes = np.linspace(0, 100, 101)[:, None] * [1.0, 0.0]
  low, high = traverse.ranges(codes, 'percentile', 2)[0]
  assert (low, high) == (1, 99)
  posterior = traverse.ranges(codes, 'posterior', 3)[0]
  np.testing.assert_allclose(posterior, 50 + codes.std(0)[0] * np.r_[-2, 0, 2])
  assert traverse.ranges(codes, 'prior', 3)[1].tolist() == [-2, 0, 2]
  with pytest.raises(ValueError, match='percentile'):
    traverse.ranges(codes, 'all', 3)


def test_walks_move_one_latent(world):
  images = np.asarray(world.dataset.images(np.arange(30)))
  found = traverse.walks(
    world.coder, images[:1], images, span='prior', steps=3, latents=(1,)
  )
  assert found.images.shape == (1, 1, 3, 2, 2, 1)
  np.testing.assert_allclose(found.images[0, 0, :, 0, 0, 0], [0, 0.5, 1])
  assert not found.images[0, 0, :, 0, 1:].any()
  with pytest.raises(ValueError, match='no latent 4'):
    traverse.walks(world.coder, images, images, latents=(4,))


def test_the_interval_is_students():
  found = statistics.estimate([1.0, 2.0, 3.0, float('nan')])
  assert found.mean == 2
  np.testing.assert_allclose(found.high - 2, 4.302653 / 3**0.5, rtol=1e-6)
  assert np.isnan(statistics.estimate([1.0]).low)
  shown = [str(statistics.estimate(v)) for v in ([1, 2, 3], [1], [np.nan], [])]
  assert shown == ['2.000 [-0.484, 4.484]', '1.000', '–', '–']
  table = statistics.estimates([[[1.0, 5.0]], [[3.0, 5.0]]])
  assert table.shape == (1, 2) and table[0, 0].mean == 2
