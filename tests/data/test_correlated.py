"""Uneven training: two factors that go together, combinations held out."""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.data import pixels, shifts
from bvae_jax.data.correlated import Correlation


def load(**changes) -> data.Dataset:
  own = {'image_size': 16, 'factor_stride': (1, 2, 10, 8, 8)}
  return helpers.dataset(**own | changes)


def test_the_pair_follows_its_law_and_the_rest_is_uniform():
  dataset = load(correlated=('shape', 'x'), sigma=0.4)
  count = 40_000
  index = jax.jit(dataset.sample_train, static_argnums=1)(
    jax.random.key(0), count
  )
  labels = np.asarray(dataset.labels(index))
  seen = np.zeros((3, 4))
  np.add.at(seen, (labels[:, 0], labels[:, 3]), 1 / count)
  apart = np.array([0, 0.5, 1])[:, None] - np.arange(4) / 3
  law = np.exp(-(apart**2) / (2 * 0.4**2))
  np.testing.assert_allclose(seen, law / law.sum(), atol=0.01)
  for k in (1, 2, 4):
    size = dataset.factor_sizes[k]
    shares = np.bincount(labels[:, k], minlength=size) / count
    np.testing.assert_allclose(shares, 1 / size, atol=0.015)
  assert 'correlated with sigma 0.4' in dataset.description


def test_pairs_keep_to_the_law():
  # Changing one factor of the two leaves the pair's law as it is: the fresh
  # value is drawn given the other.
  law = Correlation((0, 2), 0.3)
  sizes, count = (3, 2, 5), 60_000
  joint = np.exp(law.log_joint(sizes))
  joint /= joint.sum()
  pairs = jax.jit(
    lambda key: data.sample_pairs(
      key, count, sizes, num_changed=1, correlation=law
    )
  )(jax.random.key(3))
  one, two = (np.asarray(data.index_to_factors(i, sizes)) for i in pairs)
  for labels in (one, two):
    seen = np.zeros((3, 5))
    np.add.at(seen, (labels[:, 0], labels[:, 2]), 1 / count)
    np.testing.assert_allclose(seen, joint, atol=0.01)
  # A third of the pairs draws each factor anew; the first is left at its value
  # with the probability sum_f p(f_0 | f_2)^2, averaged over p.
  given = joint / joint.sum(0)
  moves = (1 - np.sum(joint.sum(0) * np.sum(given**2, 0))) / 3
  np.testing.assert_allclose(np.mean(one[:, 0] != two[:, 0]), moves, atol=0.01)
  assert (one != two).sum(1).max() == 1


def test_a_wide_sigma_is_no_correlation():
  joint = Correlation((0, 1), 1e4).log_joint((5, 7))
  np.testing.assert_allclose(joint, 0, atol=1e-7)


def test_combinations_are_held_out():
  dataset = load(holdout_where=('shape=2', 'x=2..3'))
  labels = np.asarray(dataset.labels(jnp.arange(dataset.num_images)))
  meets = (labels[:, 0] == 2) & (labels[:, 3] >= 2)
  np.testing.assert_array_equal(dataset.split.held_out, np.flatnonzero(meets))
  assert dataset.num_train == (~meets).sum()
  drawn = np.asarray(dataset.sample_train(jax.random.key(1), 5000))
  assert not meets[drawn].any()
  named = load(holdout_where=('shape=heart', 'x=2..3'))
  np.testing.assert_array_equal(named.split.held_out, dataset.split.held_out)


@pytest.mark.parametrize(
  ('condition', 'held_out'),
  [
    ('size=1', [0, 1]),
    ('size=3.0', [2, 3]),
    ('size=1..3', [0, 1, 2, 3]),
    ('kind=a..b', [0, 2, 4]),
    ('kind=c=d', [1, 3, 5]),
    ('kind=0', [0, 2, 4]),
    ('size=0', 'size=.0. is no condition; write one of 1, 3, 30$'),
    ('size=1..2', 'is no condition; write one of 1, 3, 30$'),
    ('kind=2', 'write the number of a value, 0 to 1 .*, or one of a..b, c=d$'),
  ],
)
def test_values_that_are_numbers_are_held_out_by_value(condition, held_out):
  factors = (
    data.Factor('size', 'ordinal', 3, ('1', '3', '30')),
    data.Factor('kind', 'categorical', 2, ('a..b', 'c=d')),
  )
  images = np.zeros((6, 4, 4, 1), np.uint8)
  made = pixels.of_bytes('own', '', images, data.Grid(factors))
  if isinstance(held_out, str):
    with pytest.raises(ValueError, match=held_out):
      shifts.hold_out_where(made, (condition,))
  else:
    found = shifts.hold_out_where(made, (condition,)).split.held_out
    assert found.tolist() == held_out


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'correlated': ('shape',)}, 'must name two factors'),
    ({'correlated': ('shape', 'hue')}, "no factor 'hue'; it has shape"),
    ({'correlated': ('x', 'y'), 'sigma': 0.0}, 'must be positive'),
    ({'correlated': ('x', 'y'), 'sigma': float('nan')}, 'must be positive'),
    ({'correlated': ('x', 'y'), 'holdout': 0.1}, 'cannot go with'),
    ({'holdout_where': ('shape:2',)}, "no factor 'shape:2'; it has shape"),
    ({'holdout_where': ('shape=2..',)}, 'is no condition; .* 0 to 2'),
    ({'holdout_where': ('shape=7',)}, 'is no condition; .* 0 to 2'),
    ({'holdout_where': ('x=1..99',)}, "x='1..99' is no condition"),
    ({'holdout_where': ('x=2..1',)}, "x='2..1' is no condition"),
    ({'holdout_where': ('shape=0..2',)}, 'it must leave some on both'),
    ({'holdout_where': ('x=1',), 'holdout': 0.1}, 'leave one out'),
  ],
)
def test_refused_in_one_line(changes, message):
  with pytest.raises(ValueError, match=message) as caught:
    load(**changes)
  assert '\n' not in str(caught.value)
