"""An objective of one's own, with a kind of network that no other has.

All of it stands here, as it would stand in a user's file.
"""

import functools

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from bvae_jax import losses, models, run
from bvae_jax.training import chunk
from bvae_jax.training import experiment as experiment_lib


class Prior(nn.Module):
  """Latents [B, D] -> the mean [B, D] that a learned prior gives them."""

  @nn.compact
  def __call__(self, z):
    bias = self.param('bias', nn.initializers.ones, (z.shape[1],))
    return jnp.broadcast_to(bias, z.shape)


def learned_prior_vae(nll, z, mean, logvar, *, beta, prior_mean):
  """nll + beta KL(q || N(prior_mean, 1))."""
  return losses.beta_vae(nll, z, mean - prior_mean, logvar, beta=beta)


def wiring(loss, nets, context):
  def loss_fn(params, batch, key, hparams):
    mean, logvar = nets['encoder'](params['encoder'], batch['images'])
    z = losses.reparameterize(key, mean, logvar)
    outputs = nets['decoder'](params['decoder'], z)
    nll = context.nll(params, outputs, batch['images'])
    prior_mean = nets['prior'](params['prior'], z)
    return loss(nll, z, mean, logvar, **hparams, prior_mean=prior_mean)

  return loss_fn


@pytest.fixture
def trained(monkeypatch):
  """The experiment, and its state before and after one step."""
  monkeypatch.setitem(
    losses.OBJECTIVES,
    'learned_prior',
    losses.Objective(
      learned_prior_vae,
      {'beta': 2.0},
      networks=(
        'encoder',
        'decoder',
        losses.Role(
          'prior',
          make=lambda config, image_shape: Prior(),
          example=lambda config, image_shape: (1, config.num_latents),
          optimizer='adversary',
        ),
      ),
      wiring=wiring,
    ),
  )
  config = helpers.small_config('learned_prior')
  experiment, before, take = helpers.first_step(config)
  return experiment, before, take(before)[0]


def test_its_network_is_made_and_trained_by_its_own_optimiser(trained):
  experiment, before, after = trained
  np.testing.assert_array_equal(before.params['prior']['bias'], np.ones(6))
  # Adam's first step is the learning rate against the gradient's sign: the
  # prior's mean moves from 1 towards the posterior's, near 0.
  np.testing.assert_allclose(after.params['prior']['bias'], 1 - 1e-3, 1e-6)
  moments = after.opt_state.inner_states['adversary'].inner_state
  slope = moments.mu['prior']['bias'] / (1 - 0.5)  # b1 of an adversary
  images = experiment.dataset.images(jnp.arange(experiment.dataset.num_images))
  mean, _ = experiment.encode(before.params, images)
  np.testing.assert_allclose(slope, 2 * (1 - mean.mean(0)), atol=0.3)


def test_a_term_does_not_say_whose_line_of_the_log_it_is(monkeypatch):
  def loss(*posterior, beta):
    value, terms = losses.beta_vae(*posterior, beta=beta)
    return value, {**terms, 'seed': value, 'mine': value}

  entry = losses.Objective(loss, {'beta': 2.0})
  monkeypatch.setitem(losses.OBJECTIVES, 'mine', entry)
  experiment = experiment_lib.build(helpers.small_config('mine'))
  with pytest.raises(ValueError, match='mine: a term may not be called seed,'):
    chunk.term_shapes(experiment)


@pytest.mark.parametrize(
  ('loss', 'entry', 'why'),
  [
    (lambda nll, *_: nll.mean(), {}, 'must return .loss, terms.: one real'),
    (lambda nll, *_: (nll, {}), {}, 'must return .loss, terms.: one real'),
    (lambda nll, *_: (1, {}), {}, 'must return .loss, terms.: one real'),
    (
      lambda nll, *_, m: (nll.mean(), {}),
      {'memory': {'m': 1.0}},
      'mine must return m among its terms',
    ),
    (None, {'batch': 'triples'}, "no batch 'triples': .* two_batches"),
    (None, {'networks': ('encoder', 'x')}, "networks: no 'x' among encoder,"),
    (None, {'hparams': {'learning_rate': 1.0}}, 'not be called learning_rate'),
  ],
)
def test_what_an_entry_has_amiss_is_told_before_training(
  loss, entry, why, monkeypatch, tmp_path
):
  monkeypatch.setitem(
    losses.OBJECTIVES, 'mine', losses.Objective(loss, **entry)
  )
  with pytest.raises(ValueError, match=why):
    run.train_and_evaluate(helpers.small_config('mine'), tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


def test_a_network_is_its_parameters_alone(monkeypatch):
  layers = [lambda x: x.reshape(len(x), -1), nn.BatchNorm(True)]
  encoder = functools.partial(models.Encoder, nn.Sequential(layers))
  monkeypatch.setitem(models.ENCODERS, 'own', encoder)
  experiment = experiment_lib.build(helpers.small_config('vae', encoder='own'))
  with pytest.raises(ValueError, match='the encoder keeps batch_stats beside'):
    helpers.initial(experiment, jax.random.key(0))
