"""Claims from grids of models, by values that are known in closed form."""

import itertools
import math
import statistics

import numpy as np
import pytest

from bvae_jax.evidence import claims, grid


def layout(methods=4, strengths=5, seeds=6, scale=(3.0, 2.0, 1.0)):
  """[S, R] = method + strength + seed, of variances that are known."""
  centred = lambda n: (np.arange(n) - (n - 1) / 2) / np.arange(n).std()
  a, b, c = (s * centred(n) for s, n in zip(scale, (methods, strengths, seeds)))
  values = a[:, None, None] + b[None, :, None] + c
  return values.reshape(-1, seeds), np.repeat(np.arange(methods), strengths)


def test_shares_of_a_balanced_layout_are_its_variances():
  found = claims.shares(*layout())
  np.testing.assert_allclose(found, [9 / 14, 4 / 14, 1 / 14])


def test_shares_of_noise_are_those_of_chance():
  noise = np.random.default_rng(0).normal(size=(40, 5))
  methods = np.repeat(np.arange(4), 10)
  plain = claims.shares(noise, methods)
  fair = claims.shares(noise, methods, population=True)
  assert plain.objective + plain.strength == pytest.approx(39 / 199, abs=0.06)
  assert fair.objective + fair.strength == pytest.approx(0, abs=0.08)
  assert sum(plain) == pytest.approx(1) and sum(fair) == pytest.approx(1)


def test_missing_models_do_not_count():
  values, methods = layout()
  with_gaps = np.concatenate([values, np.full((len(values), 2), np.nan)], 1)
  assert claims.shares(with_gaps, methods) == claims.shares(values, methods)
  assert math.isnan(claims.explained(np.ones(4), [0, 0, 1, 1]))
  assert math.isnan(claims.explained_of_population(np.arange(3), [0, 1, 2]))


def of(values):
  """A grid [A, S, R, C] with names."""
  names = [tuple(f'{letter}{i}' for i in range(n))
           for letter, n in zip('ds c', values.shape)]  # fmt: skip
  seeds = tuple(range(values.shape[2]))
  return grid.Grid(names[0], names[1], names[1], seeds, names[3], values)


def test_transfer_of_settings_that_are_all_that_matters():
  """One order of settings everywhere: the best one beats any."""
  order = np.arange(5.0)[None, :, None, None]
  assert claims.transfer(of(np.tile(order, (2, 1, 3, 2))))[:4] == (1, 1, 1, 1)
  # A second score in the opposite order: the choice is the worst there.
  values = np.tile(order, (2, 1, 3, 2)) * [1, -1]
  found = claims.transfer(of(values))
  np.testing.assert_allclose(found, [1, 0.2, 1, 0.2, (5 + 1) / (2 * 5)])


def test_transfer_enumerates_what_the_paper_draws():
  random = np.random.default_rng(1)
  values = random.normal(size=(2, 4, 3, 3)).round(1)
  values[0, 2, 1, 0] = np.nan
  num_data, num_settings, num_seeds, num_scores = values.shape
  wins = {}
  sources = itertools.product(
    range(num_data), range(num_seeds), range(num_scores)
  )
  for (a, r, c), (b, q, d) in itertools.product(sources, repeat=2):
    source, target = values[a, :, r, c], values[b, :, q, d]
    if r == q or np.isnan(source).any() or np.isnan(target).any():
      continue
    best = np.flatnonzero(source == source.max())
    rate = np.mean([[target[i] >= t for t in target] for i in best])
    wins.setdefault((a != b, c != d), []).append(rate)
  expected = [
    np.mean(wins[k]) for k in itertools.product((False, True), repeat=2)
  ]
  found = claims.transfer(of(values))
  np.testing.assert_allclose(
    [found.same, found.other_score, found.other_data, found.both], expected
  )
  each = [
    np.mean([[s >= t for t in target] for s in target])
    for target in np.moveaxis(values, 1, -1).reshape(-1, num_settings)
    if np.isfinite(target).all()
  ]
  assert found.none == pytest.approx(np.mean(each))
  alone = claims.transfer(of(values[:1, :, :, :1]))
  assert math.isnan(alone.other_score) and math.isnan(alone.both)


def test_chance_of_two_normals():
  """P(a > b) = Phi((mu_a - mu_b) / sqrt(s_a^2 + s_b^2))."""
  normal = statistics.NormalDist()
  quantiles = [normal.inv_cdf((i + 0.5) / 400) for i in range(400)]
  a, b = 1 + np.array(quantiles), 2 * np.array(quantiles)
  found = claims.beats(a, b)
  assert found.value == pytest.approx(normal.cdf(1 / math.sqrt(5)), abs=1e-3)
  # The interval is that of the variance of U in large samples.
  spread = math.hypot(
    np.std([(x > b).mean() for x in a]), np.std([(x < a).mean() for x in b])
  ) / math.sqrt(400)
  ends = found.value - 1.96 * spread, found.value + 1.96 * spread
  np.testing.assert_allclose(found[1:], ends, atol=0.006)


def test_chance_of_few():
  assert claims.beats([3.0], [1.0, np.nan])[0] == 1
  assert claims.beats([1.0, 2.0], [1.0, 2.0]).value == 0.5
  assert all(map(math.isnan, claims.beats([], [1.0])))


def test_the_interval_of_a_chance_holds_the_true_one_as_often_as_it_says():
  """Of three and of five seeds; a bootstrap held it in 35 to 90 %."""
  normal, random = statistics.NormalDist(), np.random.default_rng(0)
  for size, apart in ((3, 0), (3, 2), (5, 1), (5, 2)):
    truth = normal.cdf(apart / math.sqrt(2))
    draws = random.normal(size=(300, 2, size)) + [[apart], [0]]
    found = [claims.beats(a, b) for a, b in draws]
    held = np.mean([low <= truth <= high for _, low, high in found])
    assert held == pytest.approx(0.95, abs=0.05)
  # Apart: 1 - t = z^2 t (1 + e ((1 - t) / (2 - t) + t / (1 + t))) / 9.
  _, low, high = claims.beats([4, 5, 6], [1, 2, 3])
  weight = low * (1 + 2 * ((1 - low) / (2 - low) + low / (1 + low)))
  assert high == 1 and 1 - low == pytest.approx(1.959964**2 * weight / 9)
  assert claims.beats([1, 2, 3], [4, 5, 6]) == pytest.approx((0, 0, 1 - low))


def test_the_best_setting_is_that_of_the_best_mean():
  values = np.array([[1, 2, np.nan], [9, 0, 0], [np.nan] * 3, [5, 5, 5.0]])
  best = claims.best_setting(values, list('aabb'), 'a')
  np.testing.assert_array_equal(best, [9, 0, 0])
  np.testing.assert_array_equal(
    claims.best_setting(values, list('aabb'), 'b'), [5, 5, 5]
  )
  assert not len(claims.best_setting(values, list('aabc'), 'b'))


def row(data, method, setting, seed, **scores):
  return grid.Row(data, method, setting, seed, scores)


def test_a_grid_has_a_place_for_each_model():
  models = [
    row('a', 'm', 'm, 1', 0, x=1.0, y=None),
    row('b', 'n', 'n, 1', 1, x=2.0),
    row('a', 'm', 'm, 2', 1, x=3.0, y=4.0),
  ]
  found = grid.make(models, ('x', 'y'))
  assert found.settings == ('m, 1', 'm, 2', 'n, 1')
  assert found.methods == ('m', 'm', 'n') and found.seeds == (0, 1)
  assert found.values.shape == (2, 3, 2, 2)
  assert found.only('y').values[0, 1, 1] == 4 and found.values[1, 2, 1, 0] == 2
  assert np.isfinite(found.values).sum() == 4
  with pytest.raises(ValueError, match='no finished model'):
    grid.make([], ('x',))
