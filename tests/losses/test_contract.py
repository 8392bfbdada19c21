"""What every entry of OBJECTIVES keeps, whatever it computes."""

import functools

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bvae_jax import losses

DEVICES = 4

# At these the loss is the VAE's; InfoGAN has none, its VAE is only watched.
OPEN = {'kl_weight': 1.0, 'capacity': 0.0}
NEUTRAL = {
  'vae': {},
  'beta_vae': {'beta': 1.0},
  'annealed_vae': {'gamma': 1.0, 'capacity': 0.0},
  'beta_tcvae': {'beta': 1.0, 'gamma': 1.0, 'capacity': 0.0},
  'factor_vae': {'gamma': 0.0, **OPEN},
  'dip_vae_i': {'lambda_od': 0.0, 'lambda_d': 0.0, **OPEN},
  'dip_vae_ii': {'lambda_od': 0.0, 'lambda_d': 0.0, **OPEN},
  'ada_gvae': {'beta': 1.0},
  'ada_ml_vae': {'beta': 1.0},
  'semi_supervised': {'beta': 1.0, 'gamma_sup': 0.0},
  'control_vae': {
    'capacity': 0.0,
    'proportional': 0.0,
    'integrating': 0.0,
    'beta_min': 1.0,
    'integral': 0.0,
    'control': 1.0,
  },
  'hfs': {'beta': 1.0, 'gamma': 0.0, 'delta': 0.0},
  'jl1_vae': {'beta': 1.0, 'gamma': 0.0},
}


def assert_close(actual, expected, rtol=1e-5, atol=1e-6):
  """Trees of arrays equal to rounding, relative to each leaf's largest."""
  assert jax.tree.structure(actual) == jax.tree.structure(expected)
  for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected)):
    scale = max(1.0, float(np.max(np.abs(b))))
    np.testing.assert_allclose(a, b, rtol=0, atol=rtol * scale + atol)


def widened(tree):
  """The same numbers in float64."""
  return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def test_terms_are_finite_and_jit_is_eager(case):
  values = loss, terms = case.run(case.params, case.hparams)
  assert loss.shape == () and np.isfinite(loss)
  is_point = case.objective.points
  of_latents = 'variance_per_latent' if is_point else 'kl_per_latent'
  assert terms[of_latents].shape == (4,)
  for name, value in terms.items():
    assert np.all(np.isfinite(value)), name
    assert name == of_latents or value.shape == (), name
  if is_point:
    assert not {'kl', 'elbo'} & set(terms)
  else:
    np.testing.assert_allclose(terms['kl'], terms['kl_per_latent'].sum(), 1e-6)
    np.testing.assert_allclose(terms['elbo'], -terms['nll'] - terms['kl'], 1e-6)
  compiled, grads = case.step(case.params, case.hparams)
  assert_close(compiled, values)
  assert all(np.any(g != 0) for g in jax.tree.leaves(grads))


def test_members_on_four_devices_are_a_loop_on_one(case):
  """pmap of vmap, each device holding a share of every member's batch.

  In float64: the finite differences of Tripod's curvature lose three digits.
  """
  helpers.needs_devices(DEVICES)

  def gather(tree):
    return jax.lax.all_gather(tree, 'devices', tiled=True)

  def shard(x):
    size = x.shape[0] // DEVICES
    start = jax.lax.axis_index('devices') * size
    return jax.lax.dynamic_slice_in_dim(x, start, size)

  context = case.context._replace(gather=gather, shard=shard)

  def spread(member, batch):
    run = functools.partial(case.run, batch=batch, context=context)
    values, grads = jax.value_and_grad(run, has_aux=True)(*member)
    return values, jax.lax.pmean(grads, 'devices')

  stack = lambda *leaves: np.stack(leaves)
  split = lambda x: x.reshape(DEVICES, -1, *x.shape[1:])
  with jax.enable_x64(True):
    own = widened((case.params, case.hparams))
    batch = widened(case.batch)
    members = [optax.tree.scale(scale, own) for scale in (1.0, 1.2)]
    actual = jax.pmap(
      jax.vmap(spread, (0, None)), axis_name='devices', in_axes=(None, 0)
    )(jax.tree.map(stack, *members), jax.tree.map(split, batch))
    loop = [case.step(*member, batch) for member in members]
    expected = jax.tree.map(stack, *loop)
  everywhere = jax.tree.map(lambda x: np.stack([x] * DEVICES), expected)
  assert_close(actual, everywhere)


def test_float64_agrees_with_float32(case):
  args, arrays, static = case.inputs()
  loss = functools.partial(case.objective.loss, **static)
  narrow = loss(*args, **arrays)
  with jax.enable_x64(True):
    args, arrays = widened((args, arrays))
    exact = jax.jit(loss)(*args, **arrays)
    assert exact[0].dtype == jnp.float64
    assert_close(narrow, exact, rtol=1e-5)


def test_each_loss_is_a_function_of_the_library():
  for objective in losses.OBJECTIVES.values():
    name = objective.loss.__name__
    assert getattr(losses, name) is objective.loss and name in losses.__all__


def test_all_with_a_bound_but_infogan_have_a_neutral_point():
  with_bound = {name for name, o in losses.OBJECTIVES.items() if not o.points}
  assert set(NEUTRAL) == with_bound - {'infogan'}


@pytest.mark.parametrize('name', NEUTRAL)
def test_reduces_to_the_vae(make_case, name):
  case = make_case(name)
  args, arrays, static = case.inputs()
  loss = functools.partial(case.objective.loss, **static)
  arrays |= NEUTRAL[name]
  assert set(NEUTRAL[name]) == set(case.hparams)
  argnums = (0, 2, 3)  # nll, mean, logvar
  own, vae = (
    jax.jit(jax.value_and_grad(lambda *a, f=f: f(*a)[0], argnums))
    for f in (functools.partial(loss, **arrays), losses.vae)
  )
  assert_close(own(*args), vae(*args))


def _own_loss(network, loss, terms, hparams):
  """What a network must minimise, in terms of logged values."""
  if network == 'discriminator':
    return terms['discriminator_loss']
  if network in ('critic', 'decoder') and 'code_information' in terms:
    information = hparams['lambda_info'] * terms['code_information']
    if network == 'decoder':
      return terms['generator_loss'] - information
    penalty = hparams['gradient_penalty'] * terms['gradient_penalty']
    return terms['discriminator_loss'] + penalty - information
  if 'quantization' in hparams:
    distance = terms['quantization_error']
    if network == 'codebooks':
      return hparams['quantization'] * distance
    return terms['nll'] + hparams['commitment'] * distance
  if 'discriminator_loss' in terms:
    return loss - terms['discriminator_loss']
  if 'jacobian_norm' in terms and network == 'encoder':
    return loss - hparams['gamma'] * terms['jacobian_norm']
  return loss


def test_each_network_descends_its_own_loss_alone(case):
  """The gradient of a network is the difference quotient of its own loss."""
  rng = np.random.default_rng(1)
  with jax.enable_x64(True):
    params, hparams = widened((case.params, case.hparams))
    batch = widened(case.batch)
    _, grads = case.step(params, hparams, batch)
    for network in params:
      if case.objective.codebook and network in ('coder', 'bounded_coder'):
        continue  # its gradient is a straight-through estimate
      direction = jax.tree.map(
        lambda p: rng.standard_normal(p.shape), params[network]
      )

      def along(distance, network=network, direction=direction):
        moved = optax.tree.add_scale(params[network], distance, direction)
        values, _ = case.step({**params, network: moved}, hparams, batch)
        return _own_loss(network, *values, hparams)

      quotient = (along(1e-5) - along(-1e-5)) / 2e-5
      products = jax.tree.map(np.vdot, grads[network], direction)
      slope = sum(jax.tree.leaves(products))
      assert abs(slope) > 1e-6, network
      np.testing.assert_allclose(slope, quotient, rtol=1e-5, err_msg=network)
