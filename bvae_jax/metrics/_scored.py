"""What a metric returns: its scores, its matrix, its figures by factor."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, ParamSpec

import jax

P = ParamSpec('P')


class Scored(NamedTuple):
  """The result of one metric.

  Attributes:
    scores: scalars by name, the main score first.
    matrix: [D, K], what the scores are made of, where the metric has one.
    by_factor: {score: [K]}, for scores that are means over factors.
  """

  scores: dict[str, jax.Array]
  matrix: jax.Array | None = None
  by_factor: dict[str, jax.Array] = {}

  def flat(self, names: Sequence[str] | None = None) -> dict[str, jax.Array]:
    """Returns the scores, then `SCORE/FACTOR` of each factor's own figure."""
    found = dict(self.scores)
    for score, values in self.by_factor.items():
      own = names or [str(k) for k in range(values.shape[0])]
      found |= {f'{score}/{name}': x for name, x in zip(own, values)}
    return found


def flat(
  main: str,
) -> Callable[[Callable[P, Scored]], Callable[P, dict[str, jax.Array]]]:
  """The public form of a metric: a flat dict, the main score first.

  The figures by factor carry the column names where factors have some.
  """

  def public(function: Callable[P, Scored]) -> Callable[P, dict]:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def computed(*args: P.args, **kwargs: P.kwargs) -> Scored:
      # Whatever an accelerator takes for products by default.
      with jax.enable_x64(False), jax.default_matmul_precision('highest'):
        return function(*args, **kwargs)

    @functools.wraps(function)
    def scores(*args: P.args, **kwargs: P.kwargs) -> dict[str, jax.Array]:
      result = computed(*args, **kwargs)
      bound = signature.bind(*args, **kwargs).arguments
      factors = bound.get('factors', bound.get('table_factors'))
      names = getattr(factors, 'columns', None)
      names = None if names is None else [str(name) for name in names]
      found = result.flat(names)
      return {main: found[main], **found}

    scores.__wrapped__ = computed
    return scores

  return public


def scored(function: Callable[..., Any]) -> Callable[..., Scored]:
  """Scores, matrix and figures by factor of a public metric, together."""
  return function.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]


def matrix_of(
  function: Callable[P, dict[str, jax.Array]],
) -> Callable[P, jax.Array]:
  """The public form of a metric's matrix: the arguments of the metric."""
  compute = scored(function)

  def matrix(*args: P.args, **kwargs: P.kwargs) -> jax.Array:
    found = compute(*args, **kwargs).matrix
    assert found is not None, 'this metric has no matrix'
    return found

  matrix.__name__ = f'{function.__name__}_matrix'
  matrix.__doc__ = f'Returns [D, K]: what `{function.__name__}` is made of.'
  return matrix
