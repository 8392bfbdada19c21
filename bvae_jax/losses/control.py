"""A beta that a controller moves, so that the KL comes to a set point."""

import jax
import jax.numpy as jnp
from jax import lax

from bvae_jax.losses import checks, objectives

# What the controller remembers: its integral, and its last output.
MEMORY = {'integral': 0.0, 'control': 1.0}


def control_vae(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  capacity: float | jax.Array,
  proportional: float | jax.Array,
  integrating: float | jax.Array,
  beta_min: float | jax.Array,
  integral: float | jax.Array,
  control: float | jax.Array,
) -> objectives.Result:
  """The beta-VAE under a PI controller of beta.

  With e_t = C - KL_t, the batch's,
  I_t = I_{t-1} - k_i e_t, held where u_{t-1} < beta_min;
  u_t = k_p / (1 + exp(e_t)) + I_t + beta_min; beta_t = max(u_t, beta_min);
  and the loss is mean_b nll + beta_t * mean_b KL, beta_t a constant. k_p = k_i
  = 0 is the beta-VAE of beta_min.

  Args:
    nll: [B].
    z: [B, D].
    mean: [B, D].
    logvar: [B, D].
    capacity: C, the set point of the KL, nats.
    proportional: k_p.
    integrating: k_i.
    beta_min: the least beta.
    integral: I_{t-1}.
    control: u_{t-1}.

  Returns:
    (loss, terms), with `beta`, and the new `integral` and `control` in terms.

  Raises:
    ValueError: wrong shapes, or a weight that is not one number.

  Source: Shao et al. 2020 (arXiv:2004.05988), the PI controller, with the
  anti-windup of the authors' code.
  """
  terms = objectives.base_terms(nll, z, mean, logvar)
  checks.check_weights(
    capacity=capacity,
    proportional=proportional,
    integrating=integrating,
    beta_min=beta_min,
    integral=integral,
    control=control,
  )
  error = lax.stop_gradient(capacity - terms['kl'])
  integral, control = lax.stop_gradient((integral, control))
  moved = integral - integrating * error
  integral = jnp.where(control < beta_min, integral, moved)
  control = proportional * jax.nn.sigmoid(-error) + integral + beta_min
  beta = jnp.maximum(control, beta_min)
  terms |= {'beta': beta, 'integral': integral, 'control': control}
  return terms['nll'] + beta * terms['kl'], terms
