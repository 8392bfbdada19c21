"""What the package knows of a data set: factors, and images by index."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from bvae_jax import draws, parallel
from bvae_jax.data import cache, grid
from bvae_jax.data import factors as factors_lib
from bvae_jax.data.correlated import Correlation


@functools.partial(jax.jit, static_argnames='images_fn')
def _images(arrays: Any, index: jax.Array, *, images_fn: Any) -> jax.Array:
  return images_fn(arrays, index)


class Rows:
  """Stored images that stay on the host, perhaps memory-mapped.

  They are compared by identity: a Dataset that holds them is a jit argument.
  """

  def __init__(self, array: np.ndarray) -> None:
    self._array = array
    # Without reading ahead: rows are taken in random order.
    cache.advise(array, 'MADV_RANDOM')

  @property
  def row(self) -> jax.ShapeDtypeStruct:
    """The shape and dtype of one of them."""
    return jax.ShapeDtypeStruct(self._array.shape[1:], self._array.dtype)

  def take(self, index: np.ndarray) -> np.ndarray:
    """Copies of the rows of any index [...], [..., *row]."""
    taken = np.take(self._array, index.reshape(-1), axis=0)
    cache.advise(self._array, 'MADV_DONTNEED')
    return np.asarray(taken).reshape(*index.shape, *taken.shape[1:])


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
  """Which images are trained on, and which are held out; compared by identity.

  Attributes:
    train: int32 [N - H], ascending.
    held_out: int32 [H], ascending.
  """

  train: np.ndarray
  held_out: np.ndarray


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=['arrays', 'factors'],
  meta_fields=[
    'name',
    'description',
    'image_shape',
    'num_images',
    'images_fn',
    'rows',
    'split',
    'noisy_fn',
    'correlation',
  ],
)
@dataclasses.dataclass(frozen=True)
class Dataset:
  """Images by index through a pure function, and what is known of them.

  A Dataset is a pytree whose leaves are `arrays` (the stored images, if any)
  and the values of a table of factors. Pass it to a jitted function as an
  argument, or pass `arrays` and call `images_fn(arrays, index)`: an array that
  a jitted function merely closes over is copied into the compiled program as a
  constant.

  Attributes:
    name: the key in `DATASETS`.
    description: one honest line on what the images are and where from.
    image_shape: (height, width, channels).
    num_images: N; images have the indices 0 to N - 1.
    arrays: a pytree of device arrays, empty when images are computed.
    images_fn: pure (arrays, index int [...]) -> float32 [..., H, W, C], [0, 1].
    factors: None, a `Table` of N rows, or a `Grid` of N combinations.
    rows: the stored images where they stay on the host; `images_fn` is then
      given what was taken of them, and places in that.
    split: which images are held out from training; None where all are trained
      on.
    noisy_fn: pure (arrays, index [...], keys [...]) -> images, where each look
      at an image draws noise from its key; training looks so, and `images_fn`
      gives an image the same noise whenever it is looked at.
    correlation: two factors of a grid that go together in training.

  Raises:
    ValueError: no image, or factors of another number of images.
  """

  name: str
  description: str
  image_shape: tuple[int, int, int]
  num_images: int
  arrays: Any = dataclasses.field(repr=False)
  images_fn: Callable[[Any, jax.Array], jax.Array]
  factors: factors_lib.Table | factors_lib.Grid | None = None
  rows: Rows | None = None
  split: Split | None = dataclasses.field(default=None, repr=False)
  noisy_fn: Callable[[Any, jax.Array, jax.Array], jax.Array] | None = None
  correlation: Correlation | None = None

  def __post_init__(self) -> None:
    told = self.num_images
    if isinstance(self.factors, factors_lib.Grid) or (
      # A transformation of JAX may rebuild a Dataset of anything but arrays.
      isinstance(self.factors, factors_lib.Table)
      and hasattr(self.factors.values, 'shape')
    ):
      told = self.factors.num_images
    if self.num_images < 1 or told != self.num_images:
      raise ValueError(
        f'data set {self.name}: num_images must be at least 1 and as many as '
        f'its factors tell of, got {self.num_images} and {told}'
      )

  @property
  def has_factors(self) -> bool:
    """Whether anything is known of the factors."""
    return self.factors is not None

  @property
  def is_grid(self) -> bool:
    """Whether every combination of factors is there once."""
    return isinstance(self.factors, factors_lib.Grid)

  @property
  def factor_names(self) -> tuple[str, ...]:
    """The names of the K factors, none where nothing is known."""
    known = self.factors.factors if self.factors is not None else ()
    return tuple(factor.name for factor in known)

  @property
  def factor_sizes(self) -> tuple[int, ...]:
    """Values of each factor, 0 of a continuous one; none without factors."""
    return self.factors.sizes if self.factors is not None else ()

  @property
  def num_train(self) -> int:
    """How many images are trained on."""
    return self.num_images if self.split is None else len(self.split.train)

  def sample_train(self, key: jax.Array, count: int) -> jax.Array:
    """Returns indices of images to train on, i.i.d., int32 [count].

    Uniform, but for a `correlation`.
    """
    if self.correlation is not None:
      return self.correlation.draw(key, count, self.factor_sizes)
    place = grid.sample_index(key, count, self.num_train)
    if self.split is None:
      return place
    return jnp.asarray(self.split.train)[place]

  def labels(self, index: ArrayLike) -> jax.Array:
    """Returns the factors of images [...], [..., K]; int32 if all discrete.

    Raises:
      ValueError: nothing is known of the factors.
    """
    return self.require_factors('labels').labels(index)

  def images_like(self, index: Any, of: Any) -> jax.Array:
    """Images of indices [...], with the noise of the images `of` [...].

    Where there is no noise, as `images`.
    """
    if self.noisy_fn is None:
      return self.images(index)
    return self.noisy_fn(self.arrays, jnp.asarray(index), noise_keys(of))

  def images(self, index: ArrayLike) -> jax.Array:
    """Returns the images of indices [...], float32 [..., H, W, C].

    Raises:
      RuntimeError: in a process that is forked from one that has computed.
    """
    parallel.own_process()
    if self.rows is None:
      index = index if isinstance(index, jax.Array) else np.asarray(index)
      return _images(self.arrays, index, images_fn=self.images_fn)
    found = np.asarray(index)
    taken = self.rows.take(found.reshape(-1))
    places = np.arange(found.size, dtype=np.int32).reshape(found.shape)
    return _images(taken, places, images_fn=self.images_fn)

  def require_factors(self, what: str) -> factors_lib.Table | factors_lib.Grid:
    """Returns the factors that `what` needs, or says that there are none.

    Raises:
      ValueError: nothing is known of the factors.
    """
    if self.factors is None:
      raise ValueError(
        f'{what}: data set {self.name} has no known factors; choose one that '
        'has, or what needs none'
      )
    return self.factors

  def require_grid(self, what: str) -> factors_lib.Grid:
    """Returns the grid that `what` needs, or says that there is none.

    Raises:
      ValueError: the factors are no complete grid.
    """
    if not isinstance(self.factors, factors_lib.Grid):
      raise ValueError(
        f'{what}: data set {self.name} is no complete grid of factors; choose '
        'one that is, such as dsprites, or what needs none'
      )
    return self.factors

  def require_labels(self, what: str) -> factors_lib.Table | factors_lib.Grid:
    """Returns factors that are all discrete and known of every image.

    Raises:
      ValueError: none are known, or one is continuous or partly unknown.
    """
    known = self.require_factors(what)
    odd = [f.name for f in known.factors if f.kind == 'continuous']
    if isinstance(known, factors_lib.Table):
      odd += [f.name for f, n in zip(known.factors, known.num_missing()) if n]
    if odd:
      raise ValueError(
        f'{what}: needs discrete factors that are known of every image; data '
        f'set {self.name} has others: {", ".join(dict.fromkeys(odd))}'
      )
    return known


def noise_keys(index: Any) -> jax.Array:
  """Keys of the noise that images [...] have whenever they are looked at."""
  index = jnp.asarray(index)
  of_index = functools.partial(jax.random.fold_in, draws.key(0))
  return jax.vmap(of_index)(index.reshape(-1)).reshape(index.shape)
