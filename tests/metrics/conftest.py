"""Representations of a small factor grid, from ideal to useless."""

import pathlib
import sys
from typing import NamedTuple

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

SIZES = (3, 4, 5)


class Case(NamedTuple):
  """A representation: its table, and points drawn from it."""

  sizes: tuple[int, ...]
  table: np.ndarray
  codes: np.ndarray
  factors: np.ndarray
  test_codes: np.ndarray
  test_factors: np.ndarray

  @property
  def train(self):
    return self.codes, self.factors

  @property
  def split(self):
    return self.codes, self.factors, self.test_codes, self.test_factors


GRID = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), 1)
NUM_LATENTS = 6


def _tables():
  """Tables [60, <= 6] of each kind; latents left over are nearly collapsed."""
  random = np.random.RandomState(0)
  units = (GRID - GRID.mean(0)) / GRID.std(0)
  a, b, c = units.T
  leaky = [a + 0.3 * b, b**3 + 0.2 * c, np.sin(2 * c) + 0.4 * a, a * b]
  return {
    'perfect': units,
    'permuted': -2 * units[:, [2, 0, 1]],
    'duplicated': np.concatenate([units, units], 1),
    'rotated': units @ np.linalg.qr(random.randn(3, 3))[0],
    'noise': np.zeros((len(GRID), NUM_LATENTS)),
    'constant': np.concatenate([units, np.zeros_like(units)], 1),
    'leaky': np.stack(leaky, 1),
    'collapsed': units[:, :1],
  }


TABLES = _tables()
NOISE = {'leaky': 0.3, 'collapsed': 0.2, 'rotated': 0.05, 'noise': 1.0}


def make_case(kind, num_train=1500, num_test=700):
  """Draws points of one kind of representation."""
  random = np.random.RandomState(1)
  table = TABLES[kind].astype(np.float32)
  rows = random.randint(len(table), size=num_train + num_test)
  informed = table.shape[1]
  rest = NUM_LATENTS - informed
  noise = random.randn(len(rows), NUM_LATENTS)
  scale = [NOISE.get(kind, 0)] * informed + [0.01] * rest
  codes = np.pad(table[rows], ((0, 0), (0, rest))) + noise * scale
  codes = codes.astype(np.float32)
  factors = GRID[rows].astype(np.int32)
  train, test = slice(num_train), slice(num_train, None)
  return Case(
    SIZES,
    np.pad(table, ((0, 0), (0, rest))),
    codes[train],
    factors[train],
    codes[test],
    factors[test],
  )


@pytest.fixture(name='make_case')
def make_case_fixture():
  return make_case


@pytest.fixture(params=sorted(TABLES))
def case(request):
  return make_case(request.param)


@pytest.fixture
def leaky():
  return make_case('leaky')


@pytest.fixture
def perfect():
  return make_case('perfect')


@pytest.fixture(name='table')
def noisy_table(make_case):
  """A leaky table with noise that no factor explains."""
  random = np.random.RandomState(3)
  table = make_case('leaky').table
  return (table + 0.8 * random.randn(*table.shape)).astype(np.float32)
