"""ROLES: the kinds of networks that an objective may name.

A kind that only one objective needs is a `losses.Role` in its own entry.
"""

import jax
import jax.numpy as jnp
import ml_collections

from bvae_jax import losses, models, shipped

Shape = tuple[int, ...]


def num_inputs(config: ml_collections.ConfigDict) -> int:
  """Inputs of the decoder: the latents, and InfoGAN's noise."""
  return config.num_latents + config.options.get('num_noise', 0)


def _images(config: ml_collections.ConfigDict, image_shape: Shape) -> Shape:
  del config
  return (1, *image_shape)


def _point(codes: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Codes that are points: log-variances of -inf."""
  return codes, jnp.full_like(codes, -jnp.inf)


_ALL = (
  losses.Role(
    'encoder',
    lambda config, image_shape: models.make_encoder(
      config.encoder, config.num_latents, image_shape
    ),
    _images,
    posterior=lambda outputs: outputs,
  ),
  losses.Role(
    'coder',
    lambda config, image_shape: models.make_coder(
      config.encoder, config.num_latents, image_shape
    ),
    _images,
    posterior=_point,
  ),
  losses.Role(
    'bounded_coder',
    lambda config, image_shape: models.make_coder(
      config.encoder, config.num_latents, image_shape, bounded=True
    ),
    _images,
    posterior=_point,
  ),
  losses.Role(
    'codebooks',
    lambda config, _: models.Codebooks(
      config.num_latents, config.options.num_values
    ),
    lambda config, _: (1, config.num_latents),
    decays=False,
  ),
  losses.Role(
    'critic',
    lambda config, image_shape: models.make_critic(
      config.encoder, config.num_latents, image_shape
    ),
    _images,
    'adversary',
    posterior=lambda outputs: outputs[1:],
  ),
  losses.Role(
    'decoder',
    lambda config, image_shape: models.make_decoder(
      config.decoder, image_shape
    ),
    lambda config, _: (1, num_inputs(config)),
  ),
  losses.Role(
    'discriminator',
    lambda config, _: models.make_discriminator(config.discriminator),
    lambda config, _: (1, config.num_latents),
    'adversary',
  ),
)
ROLES = {role.name: role for role in _ALL}
shipped.keep(ROLES)


def of(objective: losses.Objective) -> tuple[losses.Role, ...]:
  """The roles of an objective's networks, in its order.

  Raises:
    ValueError: it names a network that there is not.
  """
  unknown = [
    n for n in objective.networks if isinstance(n, str) and n not in ROLES
  ]
  if unknown:
    raise ValueError(
      f'networks: no {unknown[0]!r} among {", ".join(ROLES)}; give a '
      'losses.Role for a network of your own'
    )
  return tuple(
    network if isinstance(network, losses.Role) else ROLES[network]
    for network in objective.networks
  )
