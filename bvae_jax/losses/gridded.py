"""Tripod: codes on a fixed grid, independent, each moving images by itself."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from bvae_jax.losses import checks, points
from bvae_jax.losses.wiring import (
  Context,
  Loss,
  LossFn,
  Nets,
  Params,
  Result,
  batch_noise,
)

_TINY = 1e-12  # added to variances, so that a constant latent has a gradient
_EPSILON = 0.1  # of the finite differences, in standard deviations


def on_grid(z: jax.Array, num_values: int) -> jax.Array:
  """The nearest of V even values from -1 to 1 to each code in [-1, 1], [B, D].

  Source: Hsu et al. 2024 (arXiv:2404.10282), finite scalar quantisation.
  """
  steps = num_values - 1
  return 2 * jnp.round((z + 1) / 2 * steps) / steps - 1


def latent_multiinformation(z: jax.Array, scale: jax.Array) -> jax.Array:
  """The total correlation of a batch of codes, as kernels estimate it.

  mean_b [log q(z_b) - sum_d log q_d(z_bd)], each density the mean of normal
  kernels at the codes of the batch. A marginal's kernel has the standard
  deviation scale_d, the joint's is Silverman's (4 / ((D + 2) B))^(1 / (D + 4))
  of it, as in the authors' code. Moving and scaling latents changes nothing;
  it is a penalty, not an estimate of nats: independent codes have another
  value than 0.

  Args:
    z: codes [B, D].
    scale: the standard deviation of each latent [D], above 0 (else NaN).

  Returns:
    A scalar.

  Raises:
    ValueError: not [B, D] and [D], or B < 2.

  Source: Hsu et al. 2024 (arXiv:2404.10282), kernel-based latent
  multiinformation.
  """
  checks.check_posterior(z=z, min_batch=2)
  z, scale = checks.at_least_float32(z, scale)
  batch, num_latents = z.shape
  if scale.shape != (num_latents,):
    raise ValueError(
      f'scale must have shape {(num_latents,)}, got {scale.shape}'
    )
  silverman = (4 / ((num_latents + 2) * batch)) ** (1 / (num_latents + 4))

  def log_kernels(width: jax.Array) -> jax.Array:
    apart = (z[:, None] - z[None]) / width[None, None]
    return jax.scipy.stats.norm.logpdf(apart) - jnp.log(width)[None, None]

  joint = log_kernels(silverman * scale).sum(-1)
  of_all = jax.nn.logsumexp(joint, axis=1) - jnp.log(batch)
  marginals = log_kernels(scale)
  of_each = jax.nn.logsumexp(marginals, axis=1) - jnp.log(batch)
  return jnp.mean(of_all - of_each.sum(-1))


def hessian_share(
  decode: Callable[[jax.Array], Any],
  z: jax.Array,
  scale: jax.Array,
  signs: jax.Array,
  normals: jax.Array,
) -> jax.Array:
  """The share of a decoder's curvature in which two latents act together.

  sum_{i != j} H_ij^2 / sum_{ij} H_ij^2 of the Hessian H of each output in
  latents of unit scale, both sums over all outputs of a layer: 0 where each
  latent acts by itself. The variance of v' H v is twice the first sum over
  random signs v, and twice the second over normal v; v' H v is a central
  difference over 0.1 v, but for the value in the middle, which no variance
  sees.

  Args:
    decode: z [n, D] -> outputs [n, ...], of one layer or of several, any n.
    z: [b, D].
    scale: the standard deviation of each latent [D].
    signs: directions of -1 and 1 [P, b, D], two or more.
    normals: directions of standard normals [P, b, D], of a P of its own.

  Returns:
    [b], estimated from P directions of both kinds, summed over layers.

  Raises:
    ValueError: wrong shapes, P < 2, or outputs that are not [n, ...].

  Source: Hsu et al. 2024 (arXiv:2404.10282), the normalised Hessian penalty;
  Peebles et al. 2020 (arXiv:2008.10599), theorem 1, for the first sum.
  """
  z, scale, signs, normals = _checked(z, scale, signs, normals)
  steps = _EPSILON * scale[None, None] * jnp.concatenate([signs, normals])
  # Both variances are of samples, over P - 1; of one P that cancels.
  signed, normal = (1 - 1 / len(x) for x in (signs, normals))
  # One batch: under a vmap a convolutional step takes four times as long.
  ends = jnp.stack([z[None] + steps, z[None] - steps])  # [2, ..., b, D]

  def ratio(outputs: jax.Array) -> jax.Array:
    up, down = outputs.reshape(*ends.shape[:3], -1)
    kinds = jnp.split((up + down) / _EPSILON**2, [len(signs)])
    of_signs, of_all = (jnp.var(x, axis=0).mean(-1) for x in kinds)
    return of_signs / (of_all + 1e-10) * (normal / signed)

  inputs = ends.reshape(-1, z.shape[-1])
  layers = jax.tree.leaves(decode(inputs))
  shapes = [jnp.shape(layer) for layer in layers]
  if {shape[:1] for shape in shapes} != {inputs.shape[:1]}:
    raise ValueError(
      f'decode must give outputs [{len(inputs)}, ...] of z {inputs.shape},'
      f' got {shapes}'
    )
  return sum(map(ratio, layers), start=jnp.zeros(len(z), z.dtype))


def tripod(
  nll: jax.Array,
  z: jax.Array,
  quantized: jax.Array,
  *,
  multiinformation: float | jax.Array,
  hessian: float | jax.Array,
  share: jax.Array,
) -> Result:
  """The reconstruction from codes on a grid, and two penalties.

  mean_b nll + multiinformation * `latent_multiinformation`(quantized)
  + hessian * mean_b share.

  Args:
    nll: [B] of images decoded from the codes on the grid.
    z: codes in [-1, 1], before they are rounded [B, D].
    quantized: on the grid [B, D], with a gradient for z.
    multiinformation: weight of the latents' dependence.
    hessian: weight of what latents do together.
    share: `hessian_share` of the decoder at the codes [B].

  Raises:
    ValueError: wrong shapes.

  Source: Hsu et al. 2024 (arXiv:2404.10282), where nll is averaged over the
  subpixels of an image.
  """
  checks.check_weights(multiinformation=multiinformation, hessian=hessian)
  checks.check_rank(2, z=z, quantized=quantized)
  checks.check_vector(share=share)
  checks.check_batch(share=share, z=z)
  terms = points.base_terms(nll, quantized)
  z, quantized, share = checks.at_least_float32(z, quantized, share)
  terms['quantization_error'] = points.distance(z, quantized)
  terms['latent_multiinformation'] = latent_multiinformation(
    quantized, _scale(z)
  )
  terms['hessian_share'] = jnp.mean(share)
  loss = terms['nll'] + multiinformation * terms['latent_multiinformation']
  return loss + hessian * terms['hessian_share'], terms


def _checked(
  z: jax.Array, scale: jax.Array, signs: jax.Array, normals: jax.Array
) -> tuple[jax.Array, ...]:
  """The arrays of `hessian_share` as one float type, after the guards."""
  checks.check_posterior(z=z)
  checks.check_rank(1, scale=scale)
  for name, directions in {'signs': signs, 'normals': normals}.items():
    checks.check_rank(3, **{name: directions})
    count, *shape = jnp.shape(directions)
    if tuple(shape) != jnp.shape(z) or shape[1:] != list(jnp.shape(scale)):
      raise ValueError(
        f'expected z [b, D], scale [D] and {name} [P, b, D], got z'
        f' {jnp.shape(z)}, scale {jnp.shape(scale)} and {name}'
        f' {jnp.shape(directions)}'
      )
    checks.check_least(2, **{f'directions of {name}': count})
  return checks.at_least_float32(z, scale, signs, normals)


def _scale(z: jax.Array) -> jax.Array:
  """The standard deviation of each latent [D] of a batch [B, D]."""
  return jnp.sqrt(jnp.var(z, axis=0) + _TINY)


def wire(loss: Loss, nets: Nets, context: Context) -> LossFn:
  """Encode, round to the grid with a straight-through gradient, decode.

  Options, at least 2 each: `num_values` of each latent, `num_directions` of a
  kind for an image's Hessians. They are those of the decoder's hidden layers
  and not of its outputs, as in the authors' code.
  """
  num_values = context.options['num_values']
  num_directions = context.options['num_directions']
  checks.check_least(2, num_values=num_values, num_directions=num_directions)

  def loss_fn(params, batch, key, hparams):
    images = batch['images']
    z = nets['bounded_coder'](params['bounded_coder'], images)
    code = points.straight_through(z, on_grid(z, num_values))
    decode = functools.partial(nets['decoder'], params['decoder'])
    nll = context.nll(params, decode(code), images)
    hidden = functools.partial(decode, hidden=True)
    whole, whole_code = context.gather((z, code))
    drawn = batch_noise(key, context, 2, num_directions, z.shape[1])
    signs, normals = jnp.moveaxis(drawn, 0, 2)
    share = hessian_share(hidden, code, _scale(whole), jnp.sign(signs), normals)
    nll, share = context.gather((nll, share))
    return loss(nll, whole, whole_code, **hparams, share=share)

  return loss_fn


def grid_codebook(
  params: Params, num_latents: int, options: Mapping[str, Any]
) -> jax.Array:
  """The values of Tripod's grid [D, V], the same for each latent."""
  del params
  values = jnp.linspace(-1.0, 1.0, options['num_values'])
  return on_grid(jnp.tile(values, (num_latents, 1)), options['num_values'])
