"""Wiring that the contract does not see: batches, noise, options."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses


def compiled(case, *args, **changes):
  """The loss and the terms of a case, made by one program."""
  return jax.jit(functools.partial(case.run, **changes))(*args)


def test_tcvae_hands_over_the_data_size(make_case):
  case = make_case('beta_tcvae', estimator='mws')
  _, small = compiled(case, case.params, case.hparams)
  more = case.context._replace(dataset_size=10_000)
  _, large = compiled(case, case.params, case.hparams, context=more)
  np.testing.assert_allclose(
    large['total_correlation'] - small['total_correlation'],
    3 * np.log(10),  # (D - 1) log of the ratio of the sizes
    rtol=1e-5,
  )


@pytest.mark.parametrize(
  'permutation, used', [('independent', True), ('same', False)]
)
def test_which_batch_is_permuted(make_case, permutation, used):
  case = make_case('factor_vae', permutation=permutation)
  _, before = compiled(case, case.params, case.hparams)
  batch = {**case.batch, 'second_images': case.batch['second_images'] ** 2}
  _, after = compiled(case, case.params, case.hparams, batch=batch)
  changed = {k for k in before if not np.array_equal(before[k], after[k])}
  changed -= {'discriminator_accuracy'}  # too coarse to show every change
  assert changed == ({'discriminator_loss'} if used else set())


def test_unknown_permutation(make_case):
  case = make_case('factor_vae', permutation='none')
  with pytest.raises(ValueError, match="'none'.*'independent', 'same'"):
    case.run(case.params, case.hparams)


@pytest.mark.parametrize('name', ['ada_gvae', 'ada_ml_vae'])
def test_a_pair_of_one_image_is_the_beta_vae(make_case, name):
  """Then nothing is shared, and the KL is the VAE's on the same images."""
  case, plain = make_case(name), make_case('beta_vae')
  batch = {**case.batch, 'pair_images': case.batch['images']}
  hparams = {'beta': 3.0}
  loss, terms = compiled(case, case.params, hparams, batch=batch)
  _, expected = compiled(plain, case.params, hparams, batch=batch)
  assert terms['shared_latents'] == 0
  np.testing.assert_allclose(terms['kl'], expected['kl'], rtol=1e-6)
  np.testing.assert_allclose(loss, terms['nll'] + 3 * terms['kl'], rtol=1e-6)


def test_labelled_images_enter_the_penalty_alone(make_case):
  case, plain = make_case('semi_supervised'), make_case('vae')
  weights = {'beta': 1.0, 'gamma_sup': 0.0}
  loss, terms = compiled(case, case.params, weights)
  expected, _ = compiled(plain, case.params, {}, batch=case.batch)
  np.testing.assert_allclose(loss, expected, rtol=1e-6)
  assert terms['supervised_penalty'] > 0


def test_instance_noise_reaches_both_images(make_case):
  """A critic that reports the moments of what it is shown."""
  case = make_case('infogan')

  def critic(params, images):
    pixels = images.reshape(8, 9)
    moments = jnp.stack([pixels.mean(1), pixels.std(1)], axis=1)
    return moments[:, 0], moments, jnp.zeros_like(moments)

  def loss(nll, z, mean, logvar, **inputs):
    return 0.0, {'real': mean, 'fake': inputs['code_mean']}

  decoder = lambda params, z: jnp.full((8, 3, 3, 1), 50.0)  # images of ones
  loss_fn = case.objective._replace(loss=loss).wire(
    {'critic': critic, 'decoder': decoder}, case.context
  )
  _, terms = jax.jit(loss_fn)(
    case.params,
    {'images': jnp.ones((8, 3, 3, 1))},
    case.key,
    {**case.hparams, 'instance_noise': 0.1},
  )
  seen = [np.asarray(terms[name]) for name in ('real', 'fake')]
  for moments in seen:
    np.testing.assert_allclose(moments.mean(0), [1, 0.1], atol=0.03)
  assert not np.array_equal(*seen)


@pytest.mark.parametrize('slope', (jnp.arange(9.0), jnp.zeros(9)))
def test_a_linear_critic(make_case, slope):
  """A logit w.x has the slope w everywhere, so that R_1 is |w|^2 / 2.

  That of w = 0 tells nothing: it is half right.
  """
  case = make_case('infogan')
  critic = lambda params, images: (
    images.reshape(8, 9) @ slope,
    jnp.zeros((8, 4)),
    jnp.zeros((8, 4)),
  )
  decoder = lambda params, z: jnp.zeros((8, 3, 3, 1))
  loss_fn = case.objective.wire(
    {'critic': critic, 'decoder': decoder}, case.context
  )
  terms = jax.jit(loss_fn)(case.params, case.batch, case.key, case.hparams)[1]
  np.testing.assert_allclose(
    terms['gradient_penalty'], slope @ slope / 2, rtol=1e-6
  )
  assert slope.any() or terms['discriminator_accuracy'] == 0.5


def test_learned_scale_is_trained(make_case):
  case = make_case('vae')
  context = case.context._replace(nll=losses.LIKELIHOODS['gaussian_learned'])
  params = {**case.params, 'likelihood': {'log_scale': jnp.zeros(())}}
  loss = lambda p: case.run(p, {}, context=context)[0]
  grads = jax.jit(jax.grad(loss))(params)
  # At scale 1 the residuals of images in [0, 1] are small: it must shrink.
  assert 0 < grads['likelihood']['log_scale'] <= 9
