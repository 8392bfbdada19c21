"""Schedules: hyperparameters that move while a member trains."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax


def _pieces(kind: str, points: Sequence[tuple[int, float]]) -> Callable:
  """A function of the step through points (step, share), constant outside."""
  eases = {
    'linear': lambda u: u,
    'cosine': lambda u: (1 - jnp.cos(jnp.pi * u)) / 2,
    'step': jnp.floor,
  }
  steps, shares = map(jnp.asarray, zip(*points))

  def at(step: jax.Array) -> jax.Array:
    i = jnp.searchsorted(steps, step, side='right') - 1
    i = jnp.clip(i, 0, len(points) - 2)
    passed = (step - steps[i]) / (steps[i + 1] - steps[i])
    share = eases[kind](jnp.clip(passed, 0.0, 1.0))
    return shares[i] + (shares[i + 1] - shares[i]) * share

  return at


def unfinished(config: Mapping[str, Any]) -> list[str]:
  """A line on each schedule that ends after the run of this config does."""
  ends = {
    name: s['points'][-1][0]
    if 'points' in s
    else s.get('delay', 0) + s.get('steps', 1)
    for name, s in config['schedules'].items()
    if s.get('kind', 'linear') != 'constant'
  }
  return [
    f'schedules.{name} ends at step {end:,}, and the run at num_steps='
    f'{config["num_steps"]:,}: no member comes to its own value of {name}'
    for name, end in ends.items()
    if end > config['num_steps']
  ]


def scheduled(config: ml_collections.ConfigDict) -> Callable:
  """Returns `at(hparams, step)`: hyperparameters on their schedules.

  A schedule moves a hyperparameter from `start` to its own value v:
  v_t = start + (v - start) w(t), where w rises from 0 to 1 over `steps` steps
  after `delay` steps (kinds 'linear', 'cosine', and 'step': a jump at
  delay + steps); v itself may differ between members. One of `points` (t_i,
  s_i) has the value v s_i at step t_i and moves between them by its kind, so
  that a warm-up and a decay are one schedule.
  """
  kinds = {
    'constant': lambda steps: optax.constant_schedule(1.0),
    'linear': lambda steps: optax.linear_schedule(0.0, 1.0, steps),
    'cosine': lambda steps: (
      lambda t: 1.0 - optax.cosine_decay_schedule(1.0, steps)(t)
    ),
    'step': lambda steps: lambda t: jnp.where(t < steps, 0.0, 1.0),
  }
  pieces = {
    name: _pieces(s.get('kind', 'linear'), s['points'])
    for name, s in config.schedules.items()
    if 'points' in s
  }
  weights = {
    name: (
      s.get('start', 0.0),
      s.get('delay', 0),
      kinds[s.get('kind', 'linear')](s.get('steps', 1)),
    )
    for name, s in config.schedules.items()
    if 'points' not in s
  }

  def at(
    hparams: Mapping[str, jax.Array], step: jax.Array
  ) -> dict[str, jax.Array]:
    moved = {
      name: start
      + (hparams[name] - start) * weight(jnp.maximum(step - delay, 0))
      for name, (start, delay, weight) in weights.items()
    }
    shares = {name: hparams[name] * at(step) for name, at in pieces.items()}
    return {**hparams, **moved, **shares}

  return at
