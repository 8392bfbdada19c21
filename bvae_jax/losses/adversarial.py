"""Losses of networks that oppose each other, and the density-ratio trick.

Each function is one player's loss. Which gradients must not flow is the
matter of the wiring that calls them.
"""

import jax
import jax.numpy as jnp

from bvae_jax import draws
from bvae_jax.losses import checks


def permute_dims(key: jax.Array, z: jax.Array) -> jax.Array:
  """A sample of the product of the marginals, from a sample of the joint.

  Each latent is permuted over the batch on its own.

  Args:
    key: a PRNG key.
    z: [B, D], of the global batch.

  Returns:
    [B, D]: each column holds the values that it held before.

  Raises:
    ValueError: not rank 2, or B = 1, where no permutation mixes anything.

  Source: Kim & Mnih 2018, algorithm 1.
  """
  checks.check_posterior(z=z, min_batch=2)
  return draws.shuffle(key, z)


def discriminator_loss(
  joint_logits: jax.Array, permuted_logits: jax.Array
) -> jax.Array:
  """Cross entropy of telling q(z) from the product of its marginals.

  -E log p_0(z) / 2 - E log p_1(permuted z) / 2, where the softmax of the
  logits is (p_0, p_1) and class 0 is the joint. log 2 at chance.

  Args:
    joint_logits: discriminator of z [B, 2].
    permuted_logits: discriminator of permuted samples [B, 2].

  Returns:
    A scalar, nats.

  Raises:
    ValueError: not [B, 2], shapes differ, or B = 0.

  Source: Kim & Mnih 2018, algorithm 2 and section 3.
  """
  joint_logits, permuted_logits = _checked_logits(
    joint_logits=joint_logits, permuted_logits=permuted_logits
  )
  joint = jax.nn.softplus(joint_logits[:, 1] - joint_logits[:, 0])
  permuted = jax.nn.softplus(permuted_logits[:, 0] - permuted_logits[:, 1])
  return 0.5 * (jnp.mean(joint) + jnp.mean(permuted))


def discriminator_accuracy(
  joint_logits: jax.Array, permuted_logits: jax.Array
) -> jax.Array:
  """Share of both batches that the discriminator gets right; 1/2 by chance.

  Equal logits tell nothing: they are half right.

  Args:
    joint_logits: of z [B, 2].
    permuted_logits: of the permuted z [B, 2].

  Returns:
    A scalar in [0, 1].

  Raises:
    ValueError: not [B, 2], shapes differ, or B = 0.
  """
  joint_logits, permuted_logits = _checked_logits(
    joint_logits=joint_logits, permuted_logits=permuted_logits
  )
  right = lambda apart: jnp.mean(jnp.heaviside(apart, 0.5))
  joint = right(joint_logits[:, 0] - joint_logits[:, 1])
  permuted = right(permuted_logits[:, 1] - permuted_logits[:, 0])
  return 0.5 * (joint + permuted)


def density_ratio_tc(joint_logits: jax.Array) -> jax.Array:
  """Total correlation as the discriminator sees it.

  E log(p_0(z) / p_1(z)) = E (l_0 - l_1), which is the total correlation where
  the discriminator is optimal.

  Args:
    joint_logits: discriminator of z [B, 2].

  Returns:
    A scalar, nats.

  Raises:
    ValueError: not [B, 2], or B = 0.

  Source: Kim & Mnih 2018, eq. 3.

  >>> float(density_ratio_tc(jnp.array([[2.0, 0.0], [0.0, 1.0]])))
  0.5
  """
  (joint_logits,) = _checked_logits(joint_logits=joint_logits)
  return jnp.mean(joint_logits[:, 0] - joint_logits[:, 1])


def gan_discriminator_loss(
  real_logits: jax.Array, fake_logits: jax.Array
) -> jax.Array:
  """-E log sigmoid(real) - E log sigmoid(-fake); 2 log 2 at chance.

  Args:
    real_logits: of images of the data [B].
    fake_logits: of generated images [B].

  Returns:
    A scalar, nats.

  Raises:
    ValueError: not rank 1, shapes differ, or B = 0.

  Source: Goodfellow et al. 2014, eq. 1.
  """
  checks.check_vector(real_logits=real_logits, fake_logits=fake_logits)
  real_logits, fake_logits = checks.at_least_float32(real_logits, fake_logits)
  real, fake = jax.nn.softplus(-real_logits), jax.nn.softplus(fake_logits)
  return jnp.mean(real) + jnp.mean(fake)


def gan_generator_loss(fake_logits: jax.Array) -> jax.Array:
  """-E log sigmoid(fake), logits [B]: the form that does not saturate.

  Raises:
    ValueError: not rank 1, or B = 0.

  Source: Goodfellow et al. 2014, section 3.
  """
  checks.check_vector(fake_logits=fake_logits)
  (fake_logits,) = checks.at_least_float32(fake_logits)
  return jnp.mean(jax.nn.softplus(-fake_logits))


def _checked_logits(**logits: jax.Array) -> tuple[jax.Array, ...]:
  checks.check_rank(2, **logits)
  for name, value in logits.items():
    shape = jnp.shape(value)
    if shape[0] < 1 or shape[1] != 2:
      raise ValueError(f'expected {name} [B, 2], B at least 1, got {shape}')
  return checks.at_least_float32(*logits.values())
