"""Rows of a code table: every factor combination, last factor fastest."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.metrics import _inputs, _points


def check_table(
  code_table: jax.Array, factor_sizes: Sequence[int], *, min_factors: int = 2
) -> tuple[jax.Array, tuple[int, ...]]:
  """Returns the table as float32 [prod(factor_sizes), D] and the sizes.

  Args:
    code_table: codes of every factor combination, last factor fastest.
    factor_sizes: values of each factor, 2 or more.
    min_factors: the least K.

  Raises:
    ValueError: as `check_codes`, fewer than min_factors factors, or a number of
      rows that is not the number of factor combinations.
  """
  sizes = _inputs.check_sizes(factor_sizes, least=2)
  code_table = _inputs.check_codes(code_table)
  if len(sizes) < min_factors:
    raise ValueError(
      f'at least {min_factors} factors needed, got sizes {sizes}'
    )
  if code_table.shape[0] != np.prod(sizes):
    raise ValueError(
      f'code table {code_table.shape} does not have one row for each of the'
      f' {np.prod(sizes)} combinations of factor sizes {sizes}'
    )
  return code_table, sizes


def check_rows(
  code_table: jax.Array,
  factor_sizes: Sequence[int] | None,
  table_factors: Any,
  *,
  min_factors: int = 2,
) -> tuple[jax.Array, jax.Array | None, tuple[int, ...]]:
  """Codes of a whole grid, or of observed points with their labels.

  Returns:
    The codes float32 [N, D]; the labels int32 [N, K] of observed points, None
    of a grid; the sizes.

  Raises:
    ValueError: as `check_table`, or as `check_points`; neither sizes nor
      factors.
  """
  if table_factors is not None:
    return _points.check_points(
      code_table, table_factors, factor_sizes, min_factors=min_factors
    )
  if factor_sizes is None:
    raise ValueError('factor_sizes of a grid are needed, or table_factors')
  code_table, sizes = check_table(
    code_table, factor_sizes, min_factors=min_factors
  )
  return code_table, None, sizes


def sample_rows(
  key: jax.Array, factor_sizes: tuple[int, ...], shape: tuple[int, ...]
) -> jax.Array:
  """Draws rows int [*shape]: independent, uniform factors."""
  return jax.random.randint(key, shape, 0, np.prod(factor_sizes))


def _stride(factor, sizes):
  strides = np.cumprod((1, *sizes[:0:-1]))[::-1].astype(np.int32)
  return jnp.asarray(strides)[factor]


def factor_value(
  rows: jax.Array, factor: jax.Array, factor_sizes: tuple[int, ...]
) -> jax.Array:
  """Returns the value of one factor (an index, of a shape that broadcasts)."""
  return (
    rows // _stride(factor, factor_sizes) % jnp.asarray(factor_sizes)[factor]
  )


def set_factor(
  rows: jax.Array,
  factor: jax.Array,
  value: jax.Array,
  factor_sizes: tuple[int, ...],
) -> jax.Array:
  """Returns the rows with one factor set to a value, the others as they are."""
  change = value - factor_value(rows, factor, factor_sizes)
  return rows + change * _stride(factor, factor_sizes)
