"""How InfoGAN is wired: a generator against a critic that infers its codes.

It is a wiring as `wiring` defines them; 'decoder' is the generator.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from bvae_jax.losses import adversarial, information
from bvae_jax.losses.wiring import Context, Loss, LossFn, Nets, batch_noise


def infogan(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """The generator's loss is `loss`; the critic's is

  `gan_discriminator_loss` + lambda_info * E[-log Q(c|x)]
  + gradient_penalty * E |d logit / dx|^2 / 2 at real x (R_1, eq. 9 of
  Mescheder et al. 2018).

  Two things keep the game alive on small runs, where grey generated images
  would never pass for binary ones: the penalty, and normal noise of standard
  deviation `instance_noise` on all images that the critic sees. Options:
  `num_noise` inputs of the generator beside the code; `num_categories`, the
  size of a categorical code in its last columns; `prior` of its others.
  """
  num_noise = context.options['num_noise']
  categories = {'num_categories': context.options['num_categories']}
  prior = context.options['prior']
  critic = nets['critic']

  def loss_fn(params, batch, key, hparams):
    weights = dict(hparams)
    spread = weights.pop('instance_noise')
    penalty_weight = weights.pop('gradient_penalty')
    frozen, images = lax.stop_gradient(params), batch['images']
    learner = params['critic']
    keys = iter(jax.random.split(key, 6))

    def generate(params, code):
      noise = batch_noise(next(keys), context, num_noise)
      inputs = jnp.concatenate([context.shard(code), noise], axis=1)
      return nets['decoder'](params['decoder'], inputs)

    def blurred(images):
      noise = batch_noise(next(keys), context, *images.shape[1:])
      return images + spread * noise

    (real_logits, mean, logvar), penalty = _penalised(
      lambda x: critic(learner, x), blurred(images)
    )
    shape = (context.batch_size, mean.shape[1])
    code = information.sample_prior(
      next(keys), shape, **categories, prior=prior
    )
    fake = blurred(jax.nn.sigmoid(generate(params, code)))
    real_logits, penalty, mean, logvar, for_generator, for_critic = (
      context.gather(
        (
          real_logits,
          penalty,
          *lax.stop_gradient((mean, logvar)),
          critic(frozen['critic'], fake),
          critic(learner, lax.stop_gradient(fake)),
        )
      )
    )

    z = information.sample_posterior(next(keys), mean, logvar, **categories)
    nll = context.nll(frozen, generate(frozen, z), images)
    fake_logits, code_mean, code_logvar = for_generator
    value, terms = loss(
      context.gather(nll),
      z,
      mean,
      logvar,
      **weights,
      **categories,
      prior=prior,
      fake_logits=fake_logits,
      code=code,
      code_mean=code_mean,
      code_logvar=code_logvar,
    )
    seen_logits, *seen = for_critic
    code_nll = information.code_nll(code, *seen, **categories)
    terms |= _critic_terms(real_logits, seen_logits, penalty)
    critic_loss = (
      terms['discriminator_loss']
      + weights['lambda_info'] * jnp.mean(code_nll)
      + penalty_weight * terms['gradient_penalty']
    )
    return value + critic_loss, terms

  return loss_fn


def _penalised(
  critic: Callable[[jax.Array], tuple[jax.Array, ...]], images: jax.Array
) -> tuple[tuple[jax.Array, ...], jax.Array]:
  """The critic's outputs, and |d logit / dx|^2 / 2 of each image [b]."""
  outputs, pullback = jax.vjp(critic, images)
  logits, mean, _ = outputs
  ones, zeros = jnp.ones_like(logits), jnp.zeros_like(mean)
  (slopes,) = pullback((ones, zeros, zeros))
  return outputs, 0.5 * jnp.sum(jnp.square(slopes), axis=range(1, slopes.ndim))


def _critic_terms(
  real_logits: jax.Array, fake_logits: jax.Array, penalty: jax.Array
) -> dict[str, jax.Array]:
  """What the log tells of the critic, means over the global batch."""
  # A sigmoid is the softmax of a logit and 0.
  pair = lambda logits: jnp.stack([logits, jnp.zeros_like(logits)], axis=1)
  return {
    'discriminator_loss': adversarial.gan_discriminator_loss(
      real_logits, fake_logits
    ),
    'discriminator_accuracy': adversarial.discriminator_accuracy(
      pair(real_logits), pair(fake_logits)
    ),
    'gradient_penalty': jnp.mean(penalty),
  }
