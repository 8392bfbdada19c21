"""What is known of the factors behind the images: a table, or a whole grid."""

import dataclasses
import functools
import logging
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jax.typing import ArrayLike

from bvae_jax.data import grid

_LOG = logging.getLogger(__name__)
KINDS = ('categorical', 'ordinal', 'continuous')
_FINE = 1e-4  # of a factor's range, which float32 must resolve


@dataclasses.dataclass(frozen=True)
class Factor:
  """One factor of variation.

  Attributes:
    name: what it is called in scores and on the page.
    kind: one of `KINDS`.
    size: the number of its values, which are 0 to size - 1; 0 if continuous.
    values: what the values are called, in order; may be empty.

  Raises:
    ValueError: an unknown kind, or a size that does not fit the kind, or not
      the number of names.
  """

  name: str
  kind: str
  size: int
  values: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    if self.kind not in KINDS:
      raise ValueError(
        f'factor {self.name}: kind {self.kind!r} is unknown; valid: '
        + ', '.join(KINDS)
      )
    if (self.size > 0) == (self.kind == 'continuous'):
      raise ValueError(
        f'factor {self.name}: size must be 0 if continuous, else at least 1, '
        f'got {self.size} of a {self.kind} factor'
      )
    if self.values and len(self.values) != self.size:
      raise ValueError(
        f'factor {self.name}: has {self.size} values, but names for '
        f'{len(self.values)}'
      )

  def thinned(self, stride: int) -> 'Factor':
    """Returns the factor of every stride-th value, from value 0 on."""
    size = -(-self.size // stride)
    return Factor(self.name, self.kind, size, self.values[::stride])


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Grid:
  """Every combination of discrete factors once, the last one fastest."""

  factors: tuple[Factor, ...]

  @classmethod
  def of(
    cls,
    names: Sequence[str],
    sizes: Sequence[int],
    kinds: Sequence[str] | str = 'ordinal',
    values: Mapping[str, Sequence[str]] | None = None,
  ) -> 'Grid':
    """Returns the grid of factors by name, size and kind.

    Args:
      names: of the K factors.
      sizes: the number of values of each.
      kinds: of each, or one for all.
      values: what those of a factor are called, {its name: names}.

    Raises:
      ValueError: a size or kind that is none, or not the number of names.
    """
    grid.num_combinations(sizes)
    each = (kinds,) * len(sizes) if isinstance(kinds, str) else kinds
    called = values or {}
    return cls(
      tuple(
        Factor(name, kind, int(size), tuple(called.get(name, ())))
        for name, size, kind in zip(names, sizes, each, strict=True)
      )
    )

  def thinned(self, stride: Sequence[int]) -> 'Grid':
    """Returns the grid of every stride-th value of each factor."""
    pairs = zip(self.factors, stride, strict=True)
    return Grid(tuple(factor.thinned(step) for factor, step in pairs))

  @property
  def sizes(self) -> tuple[int, ...]:
    """The number of values of each factor [K]."""
    return tuple(factor.size for factor in self.factors)

  @property
  def num_images(self) -> int:
    """The number of combinations."""
    return grid.num_combinations(self.sizes)

  def labels(self, index: ArrayLike) -> jax.Array:
    """Returns the factors of grid positions [...], int32 [..., K]."""
    return grid.index_to_factors(index, self.sizes)


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=['values'],
  meta_fields=['factors'],
)
@dataclasses.dataclass(frozen=True)
class Table:
  """The factors of each image by row, in any combination.

  Attributes:
    factors: the K columns.
    values: int32 [N, K] where all factors are discrete and -1 is missing, else
      float32 with NaN for missing.

  Raises:
    ValueError: values of another shape, or beyond the size of their factor.
  """

  factors: tuple[Factor, ...]
  values: np.ndarray | jax.Array = dataclasses.field(repr=False)

  def __post_init__(self) -> None:
    if not isinstance(self.values, np.ndarray):  # JAX rebuilds what was checked
      return
    if self.values.shape[1:] != (len(self.factors),):
      raise ValueError(
        f'values must be [N, {len(self.factors)}], a column a factor, got '
        f'{self.values.shape}'
      )
    for factor, column in zip(self.factors, self.values.T):
      if factor.size and (column >= factor.size).any():
        raise ValueError(
          f'factor {factor.name}: has {factor.size} values, 0 to '
          f'{factor.size - 1}, and the table holds {column.max():g}'
        )

  @classmethod
  def of(cls, factors: Sequence[Factor], values: np.ndarray) -> 'Table':
    """Returns the table of values [N, K] of any type.

    Those are missing that are NaN, or below 0 in a discrete column. Continuous
    ones are counted from the least where float32 could not tell them apart.
    """
    discrete = np.array([factor.size > 0 for factor in factors])
    found = np.where(discrete & (values < 0), np.nan, values)
    if discrete.all():
      found = np.nan_to_num(found, nan=-1).astype(np.int32)
    else:
      for k, factor in enumerate(factors):
        if factor.size or np.isnan(found[:, k]).all():
          continue
        low, high = np.nanmin(found[:, k]), np.nanmax(found[:, k])
        step = np.spacing(np.float32(max(-low, high)))
        if step > _FINE * (high - low):
          _LOG.warning('%s is counted from %.17g on', factor.name, low)
          found[:, k] -= low
      found = found.astype(np.float32)
    return cls(tuple(factors), found)

  @property
  def sizes(self) -> tuple[int, ...]:
    """The number of values of each factor [K], 0 of a continuous one."""
    return tuple(factor.size for factor in self.factors)

  @property
  def num_images(self) -> int:
    """The number of rows."""
    return len(self.values)

  def labels(self, index: ArrayLike) -> jax.Array:
    """Returns the rows of images [...], [..., K]."""
    traced = core.Tracer
    if isinstance(index, traced) or isinstance(self.values, traced):
      return jnp.asarray(self.values)[jnp.asarray(index)]
    return jax.device_put(np.asarray(self.values)[np.asarray(index)])

  @property
  def known(self) -> np.ndarray:
    """Which values are known, bool [N, K]."""
    values = np.asarray(self.values)
    return np.isfinite(values) if values.dtype.kind == 'f' else values >= 0

  def num_missing(self) -> tuple[int, ...]:
    """How many images lack a value of each factor."""
    return tuple((~self.known).sum(0).tolist())


def in_order(table: Table) -> tuple[Table | Grid, np.ndarray]:
  """The grid that a table of every combination is, if it is one.

  Returns:
    The grid, or the table as it is where it is none of two factors or more (a
    number of each image's own is no grid), and the row of each image, int [N].
  """
  if len(table.factors) > 1 and all(table.sizes):
    places = grid.grid_places(np.asarray(table.values), table.sizes)
    if places is not None:
      return Grid(table.factors), places.argsort()
  return table, np.arange(table.num_images)


def varying(found: Table | Grid | None) -> Table | Grid | None:
  """The factors without those of one value, which tell nothing.

  Returns:
    The rest (images of a grid keep their places), or None if there is none.
  """
  if found is None or 1 not in found.sizes:
    return found
  kept = [k for k, size in enumerate(found.sizes) if size != 1]
  left = [f.name for f in found.factors if f.size == 1]
  _LOG.warning('factors of one value are left out: %s', ', '.join(left))
  if not kept:
    return None
  rest = tuple(found.factors[k] for k in kept)
  if isinstance(found, Grid):
    return Grid(rest)
  return Table(rest, found.values[:, kept])
