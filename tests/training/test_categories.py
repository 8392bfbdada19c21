"""InfoGAN's categories are read as such in the log and in the ELBO."""

import functools

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses, population
from bvae_jax.apps import coders
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.report import traversals
from bvae_jax.trained import model as model_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import probe as probe_lib


@pytest.fixture(scope='module')
def trained():
  """An experiment of 2 + 3 columns, one member, all images' posteriors."""
  config = helpers.small_config('infogan', num_latents=5)
  config.options.num_categories = 3
  config.evaluation.num_elbo = 2000
  experiment = experiment_lib.build(config)
  (key,) = population.keys(population.members(config))
  params = helpers.initial(experiment, key).params
  # A sure critic: logits of the categories far apart, by the image.
  head = params['critic']['mean']
  head['kernel'] = head['kernel'].at[:, 2:].multiply(200.0)

  @jax.jit
  def kl_of_all(params):
    every = jnp.arange(experiment.dataset.num_images)
    mean, logvar = experiment.encode(params, experiment.dataset.images(every))
    return losses.code_kl(mean, logvar, num_categories=3)

  kl = kl_of_all(params)
  return experiment, key, params, kl


def test_the_elbo_takes_the_kl_of_the_category(trained):
  experiment, _, params, kl = trained
  batched = jax.tree.map(lambda x: x[None], params)
  terms = codes_lib.bounds(experiment)(batched)
  np.testing.assert_allclose(
    terms['kl_per_latent'][0], kl.mean(0), rtol=0.05, atol=0.02
  )
  assert terms['kl_per_latent'][0, 2:].sum() <= np.log(3) + 1e-5
  z = experiment.sample(jax.random.key(0), jnp.zeros((9, 5)), jnp.zeros((9, 5)))
  np.testing.assert_array_equal(jnp.sort(z[:, 2:]), [[0, 0, 1]] * 9)


def test_strips_and_applications_take_it_too(trained):
  experiment, _, params, kl = trained
  model = model_lib.Model(experiment, params, 0, 0, {}, 0, None)
  every = np.asarray(experiment.dataset.images(np.arange(216)))
  found = coders.carried(model, *model.encode(every))
  np.testing.assert_allclose(found, kl.mean(0), rtol=1e-4, atol=1e-5)
  # What is drawn of an image is its likeliest category, no mix of logits.
  mean = np.asarray(model.encode(every)[0])
  assert np.abs(mean[:, 2:]).max() > 2
  code = np.concatenate(
    [mean[:, :2], np.eye(3)[mean[:, 2:].argmax(1)]], 1, dtype=np.float32
  )
  expected = experiment.nets['decoder'](params['decoder'], code)
  np.testing.assert_allclose(
    model.reconstruct(every), jax.nn.sigmoid(expected), rtol=1e-4, atol=1e-5
  )
  _, _, found = traversals._of_codes(experiment, params, every)
  np.testing.assert_allclose(found, kl.mean(0), rtol=1e-4, atol=1e-5)


def test_the_parts_of_the_log_add_up_to_that_kl(trained):
  experiment, key, params, kl = trained
  probe = jax.jit(functools.partial(probe_lib.probe, experiment))
  arrays, own = experiment.dataset.arrays, (jax.random.key_data(key), None)
  terms = probe(arrays, params, own)
  names = 'mutual_information', 'total_correlation', 'dimension_wise_kl'
  total = sum(terms[f'{name}_mss'] for name in names)
  np.testing.assert_allclose(total, kl.sum(1).mean(), atol=0.2)
  assert abs(terms[losses.SHOWN_TC]) < 1


def test_a_walk_along_a_category_ends_in_it(trained):
  experiment, _, params, _ = trained
  model = model_lib.Model(experiment, params, 0, 0, {}, 0, None)
  every = np.asarray(experiment.dataset.images(np.arange(216)))
  mean = np.asarray(model.encode(every)[0])
  surest = mean[:, 2:].max(1).argmax()
  assert mean[surest, 2:].max() > 2  # no other logit of -2 to 2 passes it
  image, code = every[surest], np.tile(mean[surest], (3, 1))
  code[:, 2:] = np.eye(3)
  expected = np.asarray(model.decode(code))
  drawn = traversals.traverse(experiment, params, image)
  for found in (drawn, model.traverse(image)):
    np.testing.assert_allclose(found[2:, -1], expected, atol=1e-5)
