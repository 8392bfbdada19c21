"""How parameters move, against optax's own optimisers."""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bvae_jax import config as config_lib
from bvae_jax import population
from bvae_jax.training import experiment, optimizer, roles

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
  assert set(config_lib.scalars(config)) == {'gamma', 'learning_rate'}
  config.discriminator_rate = 1e-3
  config.grid.weight_decay = (0.0, 0.1)
  config_lib.validate(config)
  members = population.members(config)
  assert [m.hparams['weight_decay'] for m in members] == [0.0, 0.1]
  assert {m.hparams['discriminator_rate'] for m in members} == {1e-3}
  assert experiment.build(config).optimizer is not None
