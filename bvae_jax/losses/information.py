"""InfoGAN: the prior of its codes, their posterior Q, and its loss.

A code is one array [B, D]: continuous variables, then the C units of one
categorical variable (C = 0: none). Q gives `mean` and `logvar` of that shape:
a diagonal Gaussian of the continuous variables, and in the last C columns of
`mean` the logits of the categories, those of `logvar` being idle.

The paper leaves the prior of the continuous codes open and takes Unif(-1, 1)
for MNIST. Here it is the standard normal, as in the VAEs, or the uniform of the
same mean and variance, whose square, unlike the round normal, has axes for the
factors to lie along. With either, Q is an encoder whose codes, KL and evidence
lower bound read like those of the VAEs.
"""

import math

import jax
import jax.numpy as jnp

from bvae_jax import draws
from bvae_jax.losses import adversarial, checks, divergence, objectives

PRIORS = ('normal', 'uniform')
_EDGE = math.sqrt(3.0)  # of the uniform prior of variance 1


def sample_prior(
  key: jax.Array,
  shape: tuple[int, int],
  *,
  num_categories: int = 0,
  prior: str = 'normal',
) -> jax.Array:
  """Codes drawn from the prior, and a uniform category.

  Args:
    key: a PRNG key.
    shape: (B, D).
    num_categories: C, among the D.
    prior: of the rest: 'normal', N(0, 1), or 'uniform', Unif(-3^.5, 3^.5).

  Returns:
    [B, D], the last C columns one-hot.

  Raises:
    ValueError: C is 1, negative or over D, or the prior is unknown.

  Source: Chen et al. 2016, section 4 and appendix C.
  """
  checks.check_choice('prior', prior, PRIORS)
  flat = jnp.zeros(shape)
  code = sample_posterior(key, flat, flat, num_categories=num_categories)
  if prior == 'normal':
    return code
  square = draws.uniform(key, shape, code.dtype, -_EDGE, _EDGE)
  split = shape[1] - num_categories
  return jnp.concatenate([square[:, :split], code[:, split:]], axis=1)


def sample_posterior(
  key: jax.Array, mean: jax.Array, logvar: jax.Array, *, num_categories: int = 0
) -> jax.Array:
  """Codes drawn from Q.

  Args:
    key: a PRNG key.
    mean: of Q [B, D].
    logvar: of Q [B, D].
    num_categories: C, among the D.

  Returns:
    [B, D], the last C columns one-hot.

  Raises:
    ValueError: not rank 2, shapes differ, or C is 1, negative or over D.

  Source: Chen et al. 2016 (arXiv:1606.03657), section 6: the head Q.
  """
  checks.check_posterior(mean=mean, logvar=logvar)
  mean, logvar = checks.at_least_float32(mean, logvar)
  split = checks.category_column(mean, num_categories)
  key, category_key = jax.random.split(key)
  code = divergence.reparameterize(key, mean, logvar)
  if not num_categories:
    return code
  category = jax.random.categorical(category_key, mean[:, split:])
  one_hot = jax.nn.one_hot(category, num_categories, dtype=code.dtype)
  return code.at[:, split:].set(one_hot)


def code_nll(
  code: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  num_categories: int = 0,
) -> jax.Array:
  """-log Q(c|x): its expectation bounds H(c|x) from above.

  I(c; x) >= H(c) - E[-log Q(c|x)], so that minimising it over Q and over the
  generator of x from c maximises a lower bound of their mutual information.

  Args:
    code: what was generated from [B, D].
    mean: of Q [B, D].
    logvar: of Q [B, D].
    num_categories: C, among the D.

  Returns:
    [B], nats.

  Raises:
    ValueError: not rank 2, shapes differ, or C is 1, negative or over D.

  Source: Chen et al. 2016, eq. 5.
  """
  checks.check_posterior(code=code, mean=mean, logvar=logvar)
  code, mean, logvar = checks.at_least_float32(code, mean, logvar)
  split = checks.category_column(mean, num_categories)
  log_q = divergence.gaussian_log_density(code, mean, logvar)[:, :split]
  log_p = code[:, split:] * jax.nn.log_softmax(mean[:, split:])
  return -log_q.sum(-1) - log_p.sum(-1)


def code_entropy(
  num_latents: int, *, num_categories: int = 0, prior: str = 'normal'
) -> float:
  """H(c) of the prior, nats: (D - C) H(c_d) + log C.

  H(c_d) is log(2 pi e) / 2 of the normal, log(2 3^.5) of the uniform.

  Args:
    num_latents: D.
    num_categories: C, among the D.
    prior: of the rest: 'normal' or 'uniform'.

  Raises:
    ValueError: D under 1, C is 1, negative or over D, or the prior is unknown.
  """
  checks.check_choice('prior', prior, PRIORS)
  checks.check_count('num_latents', num_latents, 1)
  normal = 0.5 * math.log(2 * math.pi * math.e)
  each = normal if prior == 'normal' else math.log(2 * _EDGE)
  continuous = checks.category_column(
    jnp.zeros((1, num_latents)), num_categories
  )
  return continuous * each + math.log(max(num_categories, 1))


def code_kl(
  mean: jax.Array, logvar: jax.Array, *, num_categories: int = 0
) -> jax.Array:
  """KL of Q from the prior.

  A category's share is p log(p C) - p + 1 / C: none is negative, and together
  they are the KL from the uniform.

  Args:
    mean: of Q [B, D].
    logvar: of Q [B, D].
    num_categories: C, among the D.

  Returns:
    [B, D], nats.

  Raises:
    ValueError: not rank 2, shapes differ, or C is 1, negative or over D.
  """
  checks.check_posterior(mean=mean, logvar=logvar)
  mean, logvar = checks.at_least_float32(mean, logvar)
  split = checks.category_column(mean, num_categories)
  kl = divergence.gaussian_kl(mean, logvar)
  if not num_categories:
    return kl
  log_p = jax.nn.log_softmax(mean[:, split:])
  p = jnp.exp(log_p)
  share = p * (log_p + math.log(num_categories)) - p + 1 / num_categories
  return kl.at[:, split:].set(share)


def infogan(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  lambda_info: float | jax.Array,
  fake_logits: jax.Array,
  code: jax.Array,
  code_mean: jax.Array,
  code_logvar: jax.Array,
  num_categories: int = 0,
  prior: str = 'normal',
) -> objectives.Result:
  """The loss of InfoGAN's generator and Q head; its encoder is only watched.

  -E log sigmoid(fake) - lambda_info * (H(c) - E[-log Q(c|x)]). What a VAE
  minimises enters the terms alone: nll, KL and elbo of real images, with Q as
  their encoder. The discriminator's own loss is `gan_discriminator_loss`.

  Args:
    nll: of real images through their codes [B].
    z: codes of real images, from Q [B, D].
    mean: of Q on real images [B, D].
    logvar: of Q on real images [B, D].
    lambda_info: weight of the mutual information.
    fake_logits: discriminator of generated images [B].
    code: what they were generated from [B, D].
    code_mean: of Q on generated images [B, D].
    code_logvar: of Q on generated images [B, D].
    num_categories: how many of the last columns are one categorical code.
    prior: of the others, 'normal' or 'uniform'.

  Returns:
    (loss, terms), with the bound as `code_information` in terms.

  Raises:
    ValueError: wrong shapes, an impossible num_categories, or unknown prior.

  Source: Chen et al. 2016, eq. 5 and 6.
  """
  checks.check_weights(lambda_info=lambda_info)
  checks.check_batch(fake_logits=fake_logits, code=code)
  if jnp.shape(code)[1:] != jnp.shape(z)[1:]:
    raise ValueError(
      f'codes differ: z {jnp.shape(z)} of real images, code'
      f' {jnp.shape(code)} of generated ones'
    )
  kl = code_kl(mean, logvar, num_categories=num_categories)
  terms = objectives.base_terms(nll, z, mean, logvar, kl)
  conditional = code_nll(
    code, code_mean, code_logvar, num_categories=num_categories
  )
  entropy = code_entropy(
    jnp.shape(code)[1], num_categories=num_categories, prior=prior
  )
  bound = entropy - jnp.mean(conditional)
  generator = adversarial.gan_generator_loss(fake_logits)
  terms |= {'code_information': bound, 'generator_loss': generator}
  return generator - lambda_info * bound, terms
