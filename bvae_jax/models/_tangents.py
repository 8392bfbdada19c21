"""Derivatives with a transpose of their own, which reverse mode takes."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.core as core_lib
from jax.extend import core
from jax.interpreters import ad, batching, mlir


def primitive(
  name: str,
  tangent: Callable[..., jax.Array],
  gradients: Callable[..., tuple[jax.Array, ...]],
) -> core.Primitive:
  """The derivative of a function of (x, kernel, ...) as a primitive.

  A primitive, so that reverse mode takes `gradients` and not the transpose of
  each part; forward mode, and derivatives of derivatives, need no rule.

  Args:
    name: of the primitive.
    tangent: of (x, kernel, *tangents), linear in each of the tangents.
    gradients: of (g, x, kernel), with g like what `tangent` gives: the
      cotangents of all the tangents. Both take the same keywords.
  """

  def transpose(g: Any, x: Any, kernel: Any, *tangents: Any, **kwargs: Any):
    if type(g) is ad.Zero:
      found = tuple(ad.Zero(t.aval) for t in tangents)
    else:
      found = gradients(g, x, kernel, **kwargs)
    linear = map(ad.is_undefined_primal, tangents)
    return [None, None, *(c if is_ else None for c, is_ in zip(found, linear))]

  def abstract(*args: Any, **kwargs: Any) -> Any:
    y = jax.eval_shape(functools.partial(tangent, **kwargs), *args)
    return core_lib.ShapedArray(y.shape, y.dtype)

  def jvp(primals: Any, tangents: Any, **kwargs: Any) -> tuple:
    tangents = tuple(map(ad.instantiate_zeros, tangents))
    return jax.jvp(functools.partial(tangent, **kwargs), primals, tangents)

  def batch(args: Any, axes: Any, **kwargs: Any) -> tuple:
    return jax.vmap(functools.partial(tangent, **kwargs), axes)(*args), 0

  made = core.Primitive(name)
  made.def_impl(tangent)
  made.def_abstract_eval(abstract)
  ad.primitive_transposes[made] = transpose
  ad.primitive_jvps[made] = jvp
  batching.primitive_batchers[made] = batch
  mlir.register_lowering(made, mlir.lower_fun(tangent, multiple_results=False))
  return made
