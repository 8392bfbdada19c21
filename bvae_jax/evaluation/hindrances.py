"""Why a metric could not be computed, found by a trial before training."""

import jax
import numpy as np

from bvae_jax import draws, metrics


def of_member(
  metric: metrics.Metric, points: metrics.Sample, sizes: tuple[int, ...]
) -> str:
  """Why a metric cannot be computed of points of one member, '' if it can."""
  trace = lambda seen: jax.eval_shape(
    lambda key, found: metric.compute(key, found, sizes), draws.key(0), seen
  )
  # What there is where no other metric asks for tables.
  bare = points._replace(code_table=None, logvar_table=None, table_factors=None)
  try:
    found = trace(points if metric.table else bare)
  except ValueError as error:
    return str(error)
  except jax.errors.JAXTypeError:  # NumPy, float(), an `if` of a value
    return 'it must be made of jax.numpy, which jax.jit and jax.vmap can trace'
  except (AttributeError, TypeError):
    if metric.table:
      raise
    trace(points)  # raises what is wrong besides
    return 'it looks at the codes of every image; give its Metric table=True'
  main = metric.main
  if (
    isinstance(found, metrics.Scored)
    and main in found.scores
    and all(score.shape == () for score in found.scores.values())
  ):
    return _misshapen(found, points.codes.shape[-1], len(sizes))
  return f'it must return metrics.Scored of scalar scores, {main!r} among them'


def of_seeds(metric: metrics.Metric, codes: jax.ShapeDtypeStruct) -> str:
  """Why a population metric cannot be computed, '' if it can.

  Args:
    metric: one that needs a population; of JAX, or of NumPy.
    codes: the shape of those that it is given, [M, N, D].
  """
  kl = jax.ShapeDtypeStruct((codes.shape[0], codes.shape[2]), np.float32)
  try:
    try:
      found = jax.eval_shape(metric.compute, codes, kl)
    except jax.errors.JAXTypeError:  # of NumPy: only numbers will do
      drawn = np.random.default_rng(0).normal(size=codes.shape)
      found = metric.compute(drawn.astype(np.float32), np.ones(kl.shape))
  except ValueError as error:
    return str(error)
  main, shape = metric.main, codes.shape[:1]
  if (
    isinstance(found, metrics.Scored)
    and main in found.scores
    and np.shape(found.scores[main]) == shape
  ):
    return ''
  return f'it must return metrics.Scored with {main!r} of shape {shape}'


def _misshapen(found: metrics.Scored, latents: int, factors: int) -> str:
  """What is no [D, K] matrix, or no [K] figures by factor; '' if all are."""
  whole = latents, factors
  if found.matrix is not None and found.matrix.shape != whole:
    return (
      f'its matrix must be {whole}, a row a latent and a column a factor; it '
      f'is {found.matrix.shape}'
    )
  for name, values in found.by_factor.items():
    if values.shape != (factors,):
      return (
        f'by_factor {name!r} must be {(factors,)}, a figure a factor; it is '
        f'{values.shape}'
      )
  return ''
