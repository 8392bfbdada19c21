"""`bvae_jax.load(workdir)`: a trained model in anybody's program.

model = bvae_jax.load('runs/tcvae_quick')
mean, logvar = model.encode(images)
images = model.decode(mean)
"""

import dataclasses
import functools
import logging
import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax import core

from bvae_jax import data, population
from bvae_jax import workdir as workdir_lib
from bvae_jax.data import pixels
from bvae_jax.evaluation import results as results_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import program as program_lib

_LOG = logging.getLogger(__name__)

CHOICES = ('best', 'median', 'udr')
BLOCK = 256  # images or latents that go through a network together


def walk(start: Any, latents: Any, values: Any) -> jax.Array:
  """Codes [L, S, D] along single latents from `start` [D], the others held.

  Args:
    start: where the walk starts [D].
    latents: which ones move [L].
    values: that each of them takes [L, S].
  """
  moved = jax.nn.one_hot(latents, len(start))[:, None]
  return start * (1 - moved) + moved * values[..., None]


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
  """One trained member of a population.

  Images are [B, H, W, C] (or [B, H, W] where C is 1), of any batch size: uint8,
  bool, or float in [0, 1] or [-1, 1], told apart by type and range as `data`
  does. Under jit they must be float in [0, 1].

  Attributes:
    experiment: the networks, and what else is static of the run.
    params: of the member's networks.
    member: its place in the population.
    seed: its own.
    hparams: its traced hyperparameters.
    step: steps that it was trained.
    results: what the run found; None while it is not scored.
  """

  experiment: experiment_lib.Experiment = dataclasses.field(repr=False)
  params: Any = dataclasses.field(repr=False)
  member: int
  seed: int
  hparams: dict[str, float]
  step: int
  results: results_lib.Results | None = dataclasses.field(repr=False)

  @property
  def config(self) -> ml_collections.ConfigDict:
    """That of the run."""
    return self.experiment.config

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(height, width, channels) of the images."""
    return self.experiment.dataset.image_shape

  @property
  def num_latents(self) -> int:
    """D."""
    return self.config.num_latents

  @property
  def result(self) -> results_lib.Member | None:
    """What the run found of this member: scores, and the KL of each latent."""
    return None if self.results is None else self.results.members[self.member]

  @functools.cached_property
  def dataset(self) -> data.Dataset:
    """The data set of the run, loaded when first asked for.

    Raises:
      OSError: a file of it is gone.
      ValueError: it cannot be read.
    """
    return data.load(self.config.dataset)

  def encode(self, images: Any) -> tuple[jax.Array, jax.Array]:
    """Mean and log-variance of the posterior q(z|x), each [B, D].

    Codes that are points have log-variances of -inf.

    Raises:
      ValueError: images of another shape, or values that are none of images.
    """
    return _in_blocks(self._encode, self._images(images))

  def decode(self, z: Any) -> jax.Array:
    """Mean images E[x|z] in [0, 1] of latents [B, D], float [B, H, W, C].

    Raises:
      ValueError: z is not [B, D].
    """
    z = jnp.asarray(z, jnp.float32)
    if z.ndim != 2 or z.shape[1] != self.num_latents:
      raise ValueError(f'z must be [B, {self.num_latents}], got {z.shape}')
    return _in_blocks(self._decode, z)

  def reconstruct(self, images: Any) -> jax.Array:
    """E[x | z = posterior mean] of images, float [B, H, W, C]."""
    return self.decode(self.encode(images)[0])

  def sample(self, key: jax.Array, n: int) -> jax.Array:
    """n mean images of latents drawn from the prior, float [n, H, W, C].

    Raises:
      ValueError: the codes are points, which have no prior.
    """
    if self.experiment.objective.points:
      raise ValueError(
        f'the codes of {self.config.objective} are points without a prior: '
        'there is nothing to sample from; encode images and decode their codes'
      )
    shape = (n, self.num_latents)
    prior = (jnp.zeros(shape), jnp.zeros(shape))
    return self.decode(self.experiment.sample(key, *prior))

  def traverse(
    self,
    image: Any = None,
    *,
    latents: Sequence[int] | None = None,
    values: Any = None,
  ) -> jax.Array:
    """Images along single latents, the others held: [L, S, H, W, C].

    Args:
      image: where the walk starts, [H, W, C]: at its posterior mean. By default
        at the prior's mean.
      latents: which ones [L]; all by default.
      values: that a latent takes [S], or each its own [L, S]; by default 11
        from -2 to 2, in standard deviations of the prior.

    Raises:
      ValueError: an image of another shape, or no such latent.
    """
    chosen = jnp.arange(self.num_latents) if latents is None else latents
    chosen = np.asarray(chosen)
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < self.num_latents:
      raise ValueError(
        f'latents must be from 0 to {self.num_latents - 1}, got {chosen}'
      )
    values = jnp.linspace(-2.0, 2.0, 11) if values is None else values
    values = jnp.asarray(values, jnp.float32)
    values = jnp.broadcast_to(values, (len(chosen), values.shape[-1]))
    start = jnp.zeros(self.num_latents)
    if image is not None:
      start = self.encode(jnp.asarray(image)[None])[0][0]
    z = walk(start, chosen, values)
    images = self.decode(z.reshape(-1, self.num_latents))
    return images.reshape(*values.shape, *self.image_shape)

  def _encode(self, images: jax.Array) -> tuple[jax.Array, ...]:
    return _encode(self.params, images, encode=self.experiment.encode)

  def _decode(self, z: jax.Array) -> jax.Array:
    return _decode(self.params, z, decode=self.experiment.decode)

  def _images(self, images: Any) -> jax.Array:
    """Images as the networks take them, after the guards."""
    traced = isinstance(images, core.Tracer)
    images = images if traced else np.asarray(images)
    height, width, channels = self.image_shape
    if (
      images.ndim == 3 and channels == 1 and images.shape[1:] == (height, width)
    ):
      images = images[..., None]
    if images.shape[1:] != self.image_shape:
      raise ValueError(
        f'images must be [B, {height}, {width}, {channels}], got '
        f'{images.shape}; resize them to {height}x{width} with {channels} '
        'channel(s) first'
      )
    if traced:
      if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
          f'under jit images must be float in [0, 1], got {images.dtype}'
        )
      return images
    if not len(images):
      return jnp.zeros(images.shape)
    smallest, largest = pixels.extremes(images)
    offset, factor, _ = pixels.scale_of(images.dtype, smallest, largest)
    scaled = (images.astype(np.float32) + offset) * (factor / 255)
    return jnp.asarray(scaled, jnp.float32)


# The networks are static: one compilation, whoever's parameters come.


@functools.partial(jax.jit, static_argnames='encode')
def _encode(params, images, *, encode):
  return encode(params, images)


@functools.partial(jax.jit, static_argnames='decode')
def _decode(params, z, *, decode):
  return jax.nn.sigmoid(decode(params, z))


def _in_blocks(function: Any, rows: jax.Array) -> Any:
  """`function(rows)`, compiled for few batch sizes: powers of two."""
  count = len(rows)
  if isinstance(rows, core.Tracer):
    return function(rows)
  block = min(BLOCK, 1 << max(count - 1, 0).bit_length())
  fill = jnp.zeros((-count % block if count else 1, *rows.shape[1:]))
  padded = jnp.concatenate([rows, fill])
  parts = [
    function(padded[first : first + block])
    for first in range(0, len(padded), block)
  ]
  return jax.tree.map(lambda *x: jnp.concatenate(x)[:count], *parts)


def load(workdir: str | os.PathLike, *, member: int | str = 'best') -> Model:
  """A member of a run, from its last checkpoint.

  Args:
    workdir: the run's folder; of a run that still trains, the last checkpoint.
    member: its place in the population, from 0; or 'best' or 'median', by the
      first metric of the run; or 'udr', the one that agrees most with other
      seeds, which needs no factors.

  Raises:
    OSError: the folder holds no run, or no checkpoint.
    ValueError: there is no such member.
  """
  return load_all(workdir, [member])[0]


def load_all(
  workdir: str | os.PathLike, members: Sequence[int | str] | None = None
) -> tuple[Model, ...]:
  """Several members of a run, as `load`; all of them by default."""
  folder = workdir_lib.Workdir(workdir)
  config = folder.config()
  results = _results(folder)
  who = population.members(config)
  chosen = [
    _choose(folder, name, len(who), results)
    for name in (range(len(who)) if members is None else members)
  ]
  experiment = experiment_lib.assemble(config, _described(config, results))
  states = _states(experiment, folder)
  return tuple(
    Model(
      experiment=experiment,
      params=population.select(states.params, m),
      member=m,
      seed=who[m].seed,
      hparams=who[m].hparams,
      step=int(states.step[m]),
      results=results,
    )
    for m in chosen
  )


def _results(folder: workdir_lib.Workdir) -> results_lib.Results | None:
  if folder.results_path.exists():
    return results_lib.Results.read(folder.results_path)
  _LOG.warning(
    '%s is not finished; its last checkpoint is taken, and no score is known',
    folder.path,
  )
  return None


def _choose(
  folder: workdir_lib.Workdir,
  member: int | str,
  count: int,
  results: results_lib.Results | None,
) -> int:
  """The place of a member in its population."""
  name = str(member)
  if name.isdecimal() and int(name) < count:
    return int(name)
  if name not in CHOICES:
    raise ValueError(
      f'{folder.path} has no member {member}; its members are 0 to '
      f'{count - 1}, or one of {", ".join(CHOICES)}'
    )
  if results is None:
    if count == 1:
      return 0
    raise ValueError(
      f'member {name!r}: {folder.path} is not scored yet; give a number from 0 '
      f'to {count - 1}'
    )
  if name == 'udr':
    udr = np.array(results.values('udr'), np.float64)
    if not np.isfinite(udr).any():
      raise ValueError(
        f'{folder.path} has no UDR; score it with --mode=evaluate '
        '--config.metrics="(\'udr\',)" (it needs two seeds or more)'
      )
    return int(np.nanargmax(udr))
  _, order = results.ranking
  return order[-1] if name == 'best' else order[(len(order) - 1) // 2]


def _described(
  config: ml_collections.ConfigDict, results: results_lib.Results | None
) -> data.Dataset:
  """The data set as far as networks need it: no image of it is read."""
  if results is None:
    return data.load(config.dataset)
  height, width, channels = results.dataset.image_shape
  return data.Dataset(
    name=results.dataset.name,
    description=results.dataset.description,
    image_shape=(height, width, channels),
    num_images=results.dataset.num_images,
    arrays=(),
    images_fn=_no_images,
  )


def _no_images(arrays: Any, index: jax.Array) -> jax.Array:
  raise ValueError('the images are those of `Model.dataset`')


def _states(
  experiment: experiment_lib.Experiment, folder: workdir_lib.Workdir
) -> Any:
  """The population's last states; nothing is compiled, nothing is written."""
  if not (folder.path / 'checkpoints').is_dir():
    raise workdir_lib.WorkdirError(
      f'{folder.path} has no checkpoint yet; wait for the first one'
    )
  alone = experiment.config.copy_and_resolve_references()
  alone.update({'num_devices': 1, 'parallel': 'members'})
  return program_lib.restore(experiment._replace(config=alone), folder)
