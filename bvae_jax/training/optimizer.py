"""How parameters move: the optimiser's directions, rates and weight decay.

Each update is asked whether it is to be taken (`take`, traced), so that a step
that only looks, and that of a member which has met a NaN, leave the state.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from bvae_jax import losses, shipped


def _held(take: jax.Array, new: Any, old: Any) -> Any:
  return jax.tree.map(lambda x, y: jnp.where(take, x, y), new, old)


def _holding(
  made: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
  """An optimiser of optax whose state stays where a step is not taken."""

  def update(
    updates: Any, state: Any, params: Any = None, *, take: Any = True, **_: Any
  ) -> tuple:
    updates, moved = made.update(updates, state, params)
    return updates, _held(take, moved, state)

  return optax.GradientTransformationExtraArgs(made.init, update)


def _adam(b1: float, b2: float) -> optax.GradientTransformationExtraArgs:
  """`optax.scale_by_adam`, as a loop does it best on CPUs.

  The direction is that of the new moments, m / (sqrt(v) + 1e-8), and of nothing
  else: what reads the old ones as well makes XLA copy them at each step.
  """
  made = optax.scale_by_adam(b1, b2, eps=1e-8)

  def update(
    updates: Any, state: Any, params: Any = None, *, take: Any = True, **_: Any
  ) -> tuple:
    del params
    mu = optax.tree.update_moment(updates, state.mu, b1, 1)
    nu = optax.tree.update_moment_per_elem_norm(updates, state.nu, b2, 2)
    count = state.count + take
    mu, nu = _held(take, (mu, nu), (state.mu, state.nu))
    mu, nu = lax.optimization_barrier((mu, nu))
    updates = jax.tree.map(
      lambda m, v: m / (jnp.sqrt(v) + 1e-8),
      optax.tree.bias_correction(mu, b1, count),
      optax.tree.bias_correction(nu, b2, count),
    )
    return updates, optax.ScaleByAdamState(count=count, mu=mu, nu=nu)

  return optax.GradientTransformationExtraArgs(made.init, update)


# Directions by optax's names; each is u in p <- p - rate (u + weight_decay p),
# so that with a weight decay 'adam' and 'adamw' are one.
OPTIMIZERS: dict[str, Callable[[], optax.GradientTransformationExtraArgs]] = {
  'adam': lambda: _adam(0.9, 0.999),
  'adamw': lambda: _adam(0.9, 0.999),
  'lion': lambda: _holding(optax.scale_by_lion(b1=0.9, b2=0.99)),
  'nadam': lambda: _holding(
    optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8, nesterov=True)
  ),
  'radam': lambda: _holding(optax.scale_by_radam(b1=0.9, b2=0.999, eps=1e-8)),
  'rmsprop': lambda: _holding(optax.scale_by_rms(decay=0.9, eps=1e-8)),
  'sgd': lambda: _holding(optax.identity()),
}
shipped.keep(OPTIMIZERS)
# Scalars of a step that are no hyperparameters of the loss.
RATES = ('learning_rate', 'discriminator_rate', 'weight_decay')


def make(
  roles: tuple[losses.Role, ...], name: str, clip_norm: float = 0.0
) -> optax.GradientTransformationExtraArgs:
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
  directions: dict[Hashable, optax.GradientTransformationExtraArgs] = {
    'model': OPTIMIZERS[name](),
    'adversary': _adam(0.5, 0.9),
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
