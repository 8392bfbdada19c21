"""The PI controller of beta, against its recursion in Python."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax.losses import control


def test_it_is_the_recursion_and_holds_its_integral():
  gains = {'proportional': 0.5, 'integrating': 0.1, 'beta_min': 1.0}
  state, held = dict(control.MEMORY), 0
  integral, last = 0.0, 1.0
  for kl, target in [(5, 1), (5, 1), (0.5, 3), (0.1, 9), (0.1, 9), (6, 2)]:
    mean = jnp.full((4, 2), math.sqrt(kl), jnp.float32)  # KL = 2 m^2 / 2
    zero = jnp.zeros_like(mean)
    loss, terms = control.control_vae(
      jnp.ones(4), mean, mean, zero, capacity=target, **gains, **state
    )
    error = target - kl
    if last >= 1:
      integral -= 0.1 * error
    else:
      held += 1
    last = 0.5 / (1 + math.exp(error)) + integral + 1
    beta = max(last, 1.0)
    assert terms['beta'] == pytest.approx(beta, rel=1e-4)
    assert terms['integral'] == pytest.approx(integral, rel=1e-4)
    assert loss == pytest.approx(1 + beta * kl, rel=1e-4)
    state = {name: terms[name] for name in state}
  assert held > 0


def test_it_brings_a_kl_that_answers_to_the_set_point():
  """A toy model whose KL falls with beta: 30 / beta."""
  state, kl = dict(control.MEMORY), 30.0
  for _ in range(400):
    mean = jnp.full((1, 2), np.sqrt(kl), jnp.float32)
    _, terms = control.control_vae(
      jnp.ones(1), mean, mean, jnp.zeros_like(mean), capacity=10.0,
      proportional=0.01, integrating=0.005, beta_min=1.0, **state,
    )  # fmt: skip
    state = {name: terms[name] for name in state}
    kl = 30 / float(terms['beta'])
  assert kl == pytest.approx(10, rel=0.02)
