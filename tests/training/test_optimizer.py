"""How parameters move, against optax's own optimisers."""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bvae_jax import config as config_lib
from bvae_jax import population, workdir
from bvae_jax.training import experiment, optimizer, program, roles, step

PARAMS = {'encoder': jnp.array([1.0, -2.0]), 'discriminator': jnp.array([3.0])}
ROLES = (roles.ROLES['encoder'], roles.ROLES['discriminator'])
PEERS = {
  'adam': lambda decay: optax.adamw(0.1, weight_decay=decay),
  'adamw': lambda decay: optax.adamw(0.1, weight_decay=decay),
  'lion': lambda decay: optax.lion(0.1, weight_decay=decay),
  'nadam': lambda decay: optax.nadamw(0.1, weight_decay=decay),
  'radam': lambda decay: optax.radam(0.1),
  'rmsprop': lambda decay: optax.rmsprop(0.1),
  'sgd': lambda decay: optax.sgd(0.1),
}


def gradients(params, t):
  return jax.tree.map(lambda p: jnp.sin(3.0 * p + t), params)


def walk(update, params, state, steps=4):
  for t in range(steps):
    params, state = update(gradients(params, t), state, params)
  return params


def ours(name, rates, clip_norm=0.0):
  made = optimizer.make(ROLES, name, clip_norm)

  def update(grads, state, params):
    updates, state = made.update(grads, state, params)
    return optimizer.move(ROLES, params, updates, rates), state

  return walk(update, PARAMS, made.init(PARAMS))


def theirs(made, params):
  def update(grads, state, params):
    updates, state = made.update(grads, state, params)
    return optax.apply_updates(params, updates), state

  return walk(update, params, made.init(params))


@pytest.mark.parametrize('name', optimizer.OPTIMIZERS)
def test_each_optimizer_is_that_of_optax(name):
  decay = 0.3 if name in ('adam', 'adamw', 'lion', 'nadam') else 0.0
  rates = {'learning_rate': 0.1, 'weight_decay': decay}
  found = ours(name, rates)['encoder']
  expected = theirs(PEERS[name](decay), PARAMS['encoder'])
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_adversary_has_its_own_rate_and_keeps_its_momenta():
  rates = {'learning_rate': 0.1, 'discriminator_rate': 0.02}
  found = ours('sgd', rates)['discriminator']
  expected = theirs(optax.adam(0.02, b1=0.5, b2=0.9), PARAMS['discriminator'])
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gradients_are_clipped_by_the_norm_of_all_but_adversaries():
  found = ours('sgd', {'learning_rate': 0.1}, clip_norm=0.5)['encoder']
  clipped = optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1))
  expected = theirs(clipped, PARAMS['encoder'])
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_scalars_that_are_off_belong_to_no_member():
  config = helpers.small_config('factor_vae')
  off = {'discriminator_rate', 'weight_decay'}
  assert not off & set(config_lib.scalars(config))
  config.discriminator_rate = 1e-3
  config.grid.weight_decay = (0.0, 0.1)
  config_lib.validate(config)
  members = population.members(config)
  assert [m.hparams['weight_decay'] for m in members] == [0.0, 0.1]
  assert {m.hparams['discriminator_rate'] for m in members} == {1e-3}
  assert experiment.build(config).optimizer is not None


@pytest.fixture(scope='module')
def made():
  config = helpers.small_config('beta_vae', ema_decay=0.9, seeds=(0, 1))
  built = experiment.build(config)
  return program.make(built, population.members(config))


def test_the_average_is_that_of_optax_and_is_what_is_used(made):
  peer, states = optax.ema(0.9, debias=True), []
  running = made.begin(made.init())
  for _ in range(4):
    running = made.advance(running, 1)
    states.append(made.collect(running.state))
  average, memory = None, peer.init(states[0].params)
  for state in states:
    average, memory = peer.update(state.params, memory)
  used = step.evaluated(states[-1]).params
  for a, b in zip(jax.tree.leaves(used), jax.tree.leaves(average)):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
  kernel = lambda params: params['encoder']['mean']['kernel']
  moved = np.abs(kernel(used) - kernel(states[-1].params))
  assert moved.max() > 1e-4


@pytest.mark.parametrize('decay', [0.9, 0.9999, 1 - 1e-8, 1 - 1e-12])
def test_the_average_has_no_bias_however_slow_it_is(decay):
  """Against float64: sum_s decay^(t - s) p_s / sum_s decay^(t - s)."""
  values = np.array([1.0, -3.0, 4.0, 1.5])
  average = {'w': jnp.float32(5.0)}
  for at, value in enumerate(values):
    state = step.TrainState(jnp.int32(at), True, None, None, average)
    average = step._averaged(decay, state, {'w': jnp.float32(value)})
    weights = decay ** np.arange(at, -1, -1.0)
    expected = weights @ values[: at + 1] / weights.sum()
    np.testing.assert_allclose(average['w'], expected, rtol=1e-5)


def test_an_average_is_resumed_bit_for_bit(made, tmp_path):
  folder = workdir.Workdir(tmp_path)
  whole = made.collect(made.advance(made.begin(made.init()), 6).state)
  half = made.collect(made.advance(made.begin(made.init()), 3).state)
  saved = program.checkpoints(folder, made)
  saved.save(3, half)
  saved.close()
  read = program.checkpoints(folder, made).restore(made.template)
  found = made.collect(
    made.advance(made.begin(made.layout.spread(read.state)), 3).state
  )
  jax.tree.map(np.testing.assert_array_equal, whole, found)
