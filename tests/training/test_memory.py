"""What a loss remembers lies in the state, and moves with its steps."""

import helpers
import jax
import numpy as np


def test_the_controller_is_a_part_of_the_state():
  config = helpers.small_config('control_vae')
  config.hparams.update(integrating=0.1, capacity=0.0)
  _, state, take = helpers.first_step(config)
  total = 0.0
  assert state.params['memory'] == {'integral': 0.0, 'control': 1.0}
  for _ in range(3):
    before = state
    state, terms = take(state)
    total += 0.1 * float(terms['kl'])
    memory = state.params['memory']
    np.testing.assert_allclose(memory['integral'], total, rtol=1e-5)
    np.testing.assert_allclose(memory['control'], terms['beta'], rtol=1e-6)

  # The same step from the saved arrays is the same to the last bit.
  saved = jax.tree.map(np.array, before)
  again, _ = take(saved)
  jax.tree.map(np.testing.assert_array_equal, again, state)
  # A frozen member keeps what it remembers.
  frozen, _ = take(state._replace(alive=np.array(False)))
  assert frozen.params['memory'] == state.params['memory']
