"""Scalars that move: where they begin, pass and end."""

import helpers
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bvae_jax import config as config_lib
from bvae_jax.training import schedules


@pytest.mark.parametrize(
  'kind, expected',
  [
    ('constant', [6, 6, 6, 6]),
    ('linear', [2, 2, 4, 6]),
    ('cosine', [2, 2, 4, 6]),
    ('step', [2, 2, 2, 6]),
  ],
)
def test_schedules_end_at_the_members_own_value(kind, expected):
  config = helpers.small_config()
  config.schedules = {
    'beta': {'kind': kind, 'start': 2.0, 'steps': 10, 'delay': 5}
  }
  at = schedules.scheduled(config)
  values = [at({'beta': 6.0}, jnp.array(t))['beta'] for t in (0, 5, 10, 15)]
  np.testing.assert_allclose(values, expected, atol=1e-6)


def test_a_schedule_that_the_run_is_too_short_for_is_told():
  config = helpers.small_config(num_steps=15)
  config.schedules = {
    'beta': {'steps': 10, 'delay': 5},
    'gamma': {'points': ((0, 0.0), (16, 1.0))},
    'capacity': {'kind': 'constant', 'steps': 99},
  }
  (line,) = schedules.unfinished(config)
  assert line.startswith('schedules.gamma ends at step 16, and the run at')


def through(name, kind, points, steps):
  config = helpers.small_config()
  config.schedules = {name: {'kind': kind, 'points': points}}
  config_lib.validate(config)
  at = schedules.scheduled(config)
  return [float(at({name: 4.0}, jnp.array(t))[name]) for t in steps]


@pytest.mark.parametrize(
  'kind, expected',
  [
    ('linear', [2, 2, 3, 4, 2.5, 1, 1]),
    ('cosine', [2, 2, 3, 4, 2.5, 1, 1]),
    ('step', [2, 2, 2, 4, 4, 1, 1]),
  ],
)
def test_a_schedule_goes_through_its_points(kind, expected):
  """Shares of the member's own value; constant before and after."""
  points = ((10, 0.5), (20, 1.0), (40, 0.25))
  found = through('beta', kind, points, (0, 10, 15, 20, 30, 40, 99))
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_warm_up_and_a_cosine_decay_are_those_of_optax():
  points = ((0, 0.0), (100, 1.0))
  peer = optax.linear_schedule(0.0, 4.0, 100)
  found = through('learning_rate', 'linear', points, range(0, 130, 13))
  np.testing.assert_allclose(found, [peer(t) for t in range(0, 130, 13)], 1e-6)
  peer = optax.cosine_decay_schedule(4.0, 100, alpha=0.1)
  points = ((0, 1.0), (100, 0.1))
  found = through('learning_rate', 'cosine', points, range(0, 130, 13))
  np.testing.assert_allclose(found, [peer(t) for t in range(0, 130, 13)], 1e-6)
