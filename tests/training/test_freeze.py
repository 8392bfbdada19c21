"""A member keeps its last state whose loss is finite, however it is chunked."""

import helpers
import jax
import numpy as np
import pytest

from bvae_jax import parallel, population
from bvae_jax.training import chunk as chunk_lib
from bvae_jax.training import experiment as experiment_lib


@pytest.fixture(scope='module')
def advance():
  """advance(learning rate from step 3 on, chunks) -> state, sums of terms."""
  config = helpers.small_config('beta_vae', learning_rate=1e38)
  config.schedules = {
    'learning_rate': {'kind': 'step', 'start': 1e-3, 'steps': 1, 'delay': 2}
  }
  experiment = experiment_lib.build(config)
  members = population.members(config)
  (key,) = population.keys(members)
  hparams = population.select(population.hparams(members), 0)
  chunk = jax.jit(chunk_lib.make_chunk(experiment, parallel.WHOLE))

  state = helpers.initial(experiment, key)

  def run(learning_rate, chunks):
    values = {**hparams, 'learning_rate': np.float32(learning_rate)}
    zeros = jax.tree.map(
      lambda x: np.zeros(x.shape, x.dtype), chunk_lib.term_shapes(experiment)
    )
    running = chunk_lib.Running(state, zeros)
    own = chunk_lib.Own(jax.random.key_data(key), values)
    for n in chunks:
      running = chunk(experiment.dataset.arrays, running, own, np.int32(n))
    return running

  return run


@pytest.mark.parametrize('chunks', [(6,), (3, 3), (4, 2), (2, 2, 2)])
def test_the_blown_up_state_is_undone(advance, chunks):
  """Step 4 is taken at a rate of 1e38: its state has no finite loss."""
  state, total = advance(1e38, chunks)
  good, _ = advance(1e-3, (3,))
  assert not state.alive and good.alive
  assert int(state.step) == int(good.step) == 3
  assert np.isfinite(total['nll'])
  jax.tree.map(np.testing.assert_array_equal, state.params, good.params)


def test_a_check_of_the_last_state_leaves_no_trace(advance):
  whole, parts = advance(1e-3, (5,)), advance(1e-3, (1, 3, 1))
  assert whole.state.alive and int(whole.state.step) == 5
  jax.tree.map(np.testing.assert_array_equal, whole, parts)
