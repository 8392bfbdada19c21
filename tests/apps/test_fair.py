"""Erasures and gaps in closed form; a correlation of a grid and of a table."""

import dataclasses

import jax
import ml_collections
import numpy as np
import pytest
from PIL import Image

from bvae_jax import data
from bvae_jax.apps import erasure, fair, groups
from bvae_jax.data import prepare, shifts

# How often the halves of 3 and 5 values agree by Traeuble's law.
LAW = np.exp(-((np.arange(3)[:, None] / 2 - np.arange(5) / 4) ** 2) / 0.08)
AGREE = (LAW[:2, :3].sum() + LAW[2, 3:].sum()) / LAW.sum()


def test_gaps_are_differences_of_rates():
  group = np.array([0, 0, 0, 0, 1, 1, 1, 1])
  target = np.array([0, 0, 1, 1, 0, 0, 1, 1])
  predicted = np.array([0, 0, 0, 1, 0, 1, 1, 1])
  found = groups.gaps(predicted, target, group)
  assert found == (0.75, 0.5, 0.5)
  often = np.r_[0, 0, 0, np.arange(8)]  # three of one combination more
  assert groups.gaps(predicted[often], target[often], group[often]) == found
  told = 'no test image of target 0: choose another --factor or --target$'
  with pytest.raises(ValueError, match=told):
    groups.gaps(predicted, target, 0 * group)


@pytest.mark.parametrize(
  ('kind', 'size', 'values', 'cut', 'told'),
  [
    ('categorical', 3, ('ant', 'bee', 'cat'), [0, 1, 1], 'f ant or another'),
    ('categorical', 2, (), [0, 1, 1], 'f 0 or 1'),
    ('ordinal', 3, (), [0, 0, 1], 'lower or upper values of f'),
    ('continuous', 0, (), [0, 1, 1], 'f below its median or above'),
  ],
)
def test_a_factor_is_cut_in_two_and_told(kind, size, values, cut, told):
  factor = data.Factor('f', kind, size, values)
  assert groups.halves([0, 1, 2], factor).tolist() == cut
  assert groups.parts(factor) == told


def test_kinds_have_no_lower_half():
  half = lambda kind, size: groups.lower_half(data.Factor('f', kind, size))
  assert half('ordinal', 5) == half('continuous', 0) == 'the lower half of f'
  assert half('categorical', 5) == 'the first 2 of 5 kinds of f'


@pytest.mark.parametrize('weighted', (False, True))
def test_leace_leaves_no_linear_trace_and_moves_least(weighted):
  rng = np.random.default_rng(0)
  group = rng.integers(0, 2, 500)
  codes = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
  codes += np.outer(group, [1, 2, 0, -1])
  weight = rng.uniform(0.5, 2, 500) if weighted else np.ones(500)
  found = erasure.leace(codes, group, weight)(codes)
  share = weight / weight.sum()
  means = [
    np.average(found[group == g], axis=0, weights=weight[group == g])
    for g in (0, 1)
  ]
  np.testing.assert_allclose(means[0], means[1], atol=1e-10)
  np.testing.assert_allclose(share @ found, share @ codes, atol=1e-10)
  moved = (share @ (found - codes) ** 2).sum()
  # Another projection that forgets: orthogonal to the difference of means.
  gap = np.subtract(
    *[
      np.average(codes[group == g], axis=0, weights=weight[group == g])
      for g in (0, 1)
    ]
  )
  gap /= np.linalg.norm(gap)
  other = np.outer((codes - share @ codes) @ gap, gap)
  assert moved <= (share @ other**2).sum() + 1e-9
  # Codes that know nothing of the group stay, whatever rounding is left.
  both, twice = np.tile(codes, (2, 1)), np.tile(weight, 2)
  still = erasure.leace(both, np.repeat([0, 1], 500), twice)(both)
  np.testing.assert_allclose(still, both, atol=1e-10)


def test_dropped_and_swapped_latents_say_nothing():
  codes = np.arange(12.0).reshape(4, 3)
  dropped = erasure.drop([1], codes.mean(0))(codes)
  assert (dropped[:, 1] == 5.5).all()
  assert np.array_equal(dropped[:, [0, 2]], codes[:, [0, 2]])
  swapped = erasure.swap([0, 2], 0)(codes)
  assert sorted(swapped[:, 0]) == [0, 3, 6, 9]
  assert np.array_equal(swapped[:, 2] - swapped[:, 0], [2, 2, 2, 2])


def judged(coder, dataset, names):
  """Gaps of each erasure, and the latents that were found."""
  train, test = groups.split(dataset, jax.random.key(0), names)
  places = [dataset.factor_names.index(name) for name in names]
  factors = [dataset.factors.factors[k] for k in places]
  codes, told = (coder.encode(x.sample.images)[0] for x in (train, test))
  latents = fair.knowing(
    codes, *train.sample.factors[:, places].T, factors, 0.1
  )
  return (
    {
      name: fair.judge(rows, codes, train, told, test)
      for name, rows in fair.erasures(codes, train, latents, 0).items()
    },
    latents,
    (train, test),
  )


def test_a_correlated_grid_and_a_perfect_coder(world):
  dataset = world.dataset
  assert groups.names(dataset, None, None) == ('fine', 'middle')
  assert groups.names(dataset, None, 'fine') == ('middle', 'fine')
  assert groups.names(dataset, 'middle', None) == ('middle', 'fine')
  names = 'fine', 'middle'
  found, latents, (train, test) = judged(world.coder, dataset, names)
  assert latents == [0]
  assert train.agree == pytest.approx(AGREE, abs=0.03)
  assert test.agree == pytest.approx(8 / 15, abs=0.03)
  dropped = found['latents dropped']
  assert dropped.accuracy > 0.95 and dropped.opportunity < 0.05
  blind = erasure.drop([0, 1, 2, 3], np.zeros(4))
  codes = [world.coder.encode(x.sample.images)[0] for x in (train, test)]
  assert fair.judge(blind, codes[0], train, codes[1], test).parity == 0
  # The run's own correlation comes first, with its own strength.
  own = shifts.correlate(dataset, ('middle', 'fine'), 5.0)
  train, _ = groups.split(own, jax.random.key(0), names)
  assert train.agree == pytest.approx(8 / 15, abs=0.03)
  own = shifts.correlate(dataset, ('on', 'middle'), 0.3)
  assert set(groups.names(own, None, None)) == {'on', 'middle'}
  with pytest.raises(ValueError, match='must be two factors'):
    groups.split(dataset, jax.random.key(0), ('on', 'on'))


def test_no_combination_is_too_rare_to_train_on():
  hue, scale = (data.Factor('f', 'ordinal', n) for n in (5, 16))
  shape = data.Factor('f', 'categorical', 4)
  assert groups.own_law((4, 1), (hue, scale)).sigma == 0.2
  law = groups.own_law((1, 4), (hue, shape))
  assert law.pair == (1, 4)
  # The upper two hues of cubes: exp(-(9/16, 1) / (2 sigma^2)), of all.
  apart = np.add.outer(np.arange(5) / 4, -np.arange(4) / 3) ** 2
  share = lambda s: (
    np.exp(-apart / (2 * s * s))[3:, 0].sum()
    / np.exp(-apart / (2 * s * s)).sum()
  )
  assert share(law.sigma) >= 0.002 > share(law.sigma - 0.05)


def test_no_image_of_a_large_grid_is_trained_and_tested_on(world):
  axes = ('middle', 'fine', 'free'), (3, 5, 1200), ('ordinal',) * 3
  large = dataclasses.replace(
    world.dataset,
    num_images=18_000,
    factors=data.Grid.of(*axes),
    images_fn=lambda _, index: np.zeros((*np.shape(index), 1, 1, 1)),
  )
  train, test = groups.split(large, jax.random.key(0), ('fine', 'middle'))
  assert not np.isin(test.sample.index, train.sample.index).any()
  assert (len(train.target), len(set(test.sample.index))) == (2000, 4000)
  assert test.agree == pytest.approx(8 / 15, abs=0.03)
  assert train.agree == pytest.approx(AGREE, abs=0.03)


@dataclasses.dataclass(frozen=True)
class Colours:
  """Codes are the mean red, what smiles, and green, what is young."""

  num_latents: int = 2

  def encode(self, images):
    mean = np.asarray(images).mean((1, 2))[:, :2] * 4 - 2
    return mean, np.full_like(mean, -4.0)


@pytest.fixture(scope='module')
def faces(tmp_path_factory):
  """CelebA's own layout: unbalanced attributes that go together, no grid."""
  folder = tmp_path_factory.mktemp('celeba')
  rng = np.random.default_rng(0)
  young = (rng.random(240) < 0.7).astype(int)
  smiling = np.where(rng.random(240) < 0.85, young, 1 - young)
  bald = (rng.random(240) < 0.05).astype(int)
  table = np.stack([smiling, bald, young], 1)
  names = [f'{i:06d}.jpg' for i in range(1, 241)]
  (folder / 'img_align_celeba').mkdir()
  for name, (smile, _, age) in zip(names, table):
    colour = 60 + 90 * smile, 60 + 90 * age, 90
    noisy = np.clip(np.add(colour, rng.normal(0, (60, 10, 10))), 0, 255).astype(
      int
    )
    whole = Image.new('RGB', (178, 218), tuple(noisy.tolist()))
    whole.save(folder / 'img_align_celeba' / name)
  rows = [' '.join(map(str, 2 * row - 1)) for row in table]
  (folder / 'list_attr_celeba.txt').write_text(
    '240\nSmiling Bald Young\n'
    + ''.join(f'{n} {row}\n' for n, row in zip(names, rows))
  )
  parts = ''.join(f'{n} 0\n' for n in names)
  (folder / 'list_eval_partition.txt').write_text(parts)
  prepare.prepare('celeba', str(folder / 'out'), str(folder))
  config = {'name': 'celeba', 'path': '', 'image_size': 64}
  config |= {'factor_stride': (), 'data_dir': str(folder / 'out')}
  return data.load(ml_collections.ConfigDict(config)), table


def test_attributes_that_go_together(faces):
  dataset, table = faces
  assert set(groups.names(dataset, None, None)) == {'Smiling', 'Young'}
  assert groups.names(dataset, 'Young', None) == ('Young', 'Smiling')
  found, latents, (train, test) = judged(
    Colours(), dataset, ('Young', 'Smiling')
  )
  assert latents == [1]
  index = np.concatenate([train.sample.index, test.sample.index])
  assert sorted(index) == list(range(240))  # none twice
  assert train.agree == pytest.approx(0.85, abs=0.05)
  np.testing.assert_array_equal(test.target, table[test.sample.index, 0])
  before, after = found['nothing removed'], found['latents dropped']
  assert before.parity > 0.05 and after.parity < before.parity - 0.05
  assert after.accuracy > before.accuracy
  assert found['LEACE'].accuracy < found['LEACE, balanced'].accuracy
  # The four combinations weigh alike, whatever their numbers.
  weight = train.alike
  assert np.average(train.target, weights=weight) == pytest.approx(0.5)
  # 5 % are bald: some combination may be lacking, and is told in one line.
  few = dataclasses.replace(
    dataset, factors=data.Table(dataset.factors.factors, table * [1, 0, 1])
  )
  with pytest.raises(ValueError, match='none has one of the combinations'):
    groups.split(few, jax.random.key(0), ('Bald', 'Young'))
