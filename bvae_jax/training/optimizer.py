"""How parameters move: the optimiser's directions, rates and weight decay."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import jax
import optax

from bvae_jax import losses

# Directions by optax's names; each is u in p <- p - rate (u + weight_decay p),
# so that with a weight decay 'adam' and 'adamw' are one.
OPTIMIZERS: dict[str, Callable[[], optax.GradientTransformation]] = {
  'adam': lambda: optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8),
  'adamw': lambda: optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8),
  'lion': lambda: optax.scale_by_lion(b1=0.9, b2=0.99),
  'nadam': lambda: optax.scale_by_adam(
    b1=0.9, b2=0.999, eps=1e-8, nesterov=True
  ),
  'radam': lambda: optax.scale_by_radam(b1=0.9, b2=0.999, eps=1e-8),
  'rmsprop': lambda: optax.scale_by_rms(decay=0.9, eps=1e-8),
  'sgd': optax.identity,
}
# Scalars of a step that are no hyperparameters of the loss.
RATES = ('learning_rate', 'discriminator_rate', 'weight_decay')


def make(
  roles: tuple[losses.Role, ...], name: str, clip_norm: float = 0.0
) -> optax.GradientTransformation:
  """Directions of all networks, from a name in OPTIMIZERS.

  An adversary keeps Adam with the momenta of Kim & Mnih (2018): 0.5 and 0.9.
  The rates are traced scalars, and are applied by `move`.

  Args:
    roles: the networks.
    name: the optimiser of all but adversaries.
    clip_norm: the largest Euclidean norm of the gradient, of adversaries and of
      the others apart; 0 leaves it as it is.
  """
  kinds = {role.name: role.optimizer for role in roles}
  directions: dict[Hashable, optax.GradientTransformation] = {
    'model': OPTIMIZERS[name](),
    'adversary': optax.scale_by_adam(b1=0.5, b2=0.9, eps=1e-8),
  }
  if clip_norm:
    directions = {
      kind: optax.chain(optax.clip_by_global_norm(clip_norm), direction)
      for kind, direction in directions.items()
    }
  return optax.multi_transform(
    directions,
    # What is no network is a parameter of the likelihood.
    lambda params: {name: kinds.get(name, 'model') for name in params},
  )


def move(
  roles: tuple[losses.Role, ...],
  params: Any,
  updates: Any,
  rates: Mapping[str, jax.Array],
) -> dict[str, Any]:
  """Parameters after a step: p - rate (u + weight_decay p).

  Args:
    roles: the networks; what belongs to none does not decay.
    params: of each network.
    updates: their directions u.
    rates: scalars of RATES; adversaries move at `discriminator_rate`, where it
      is given.
  """
  kinds = {role.name: role.optimizer for role in roles}
  decaying = {role.name for role in roles if role.decays}

  def moved(name: str) -> Any:
    rate = rates['learning_rate']
    if kinds.get(name) == 'adversary':
      rate = rates.get('discriminator_rate', rate)
    if name in decaying and 'weight_decay' in rates:
      decay = rates['weight_decay']
      along = lambda p, u: p - rate * (u + decay * p)
    else:
      along = lambda p, u: p - rate * u
    return jax.tree.map(along, params[name], updates[name])

  return {name: moved(name) for name in params}
