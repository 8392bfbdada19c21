"""One trained member: codes of images, and images of codes."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax import core

from bvae_jax import data, parallel
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import provenance
from bvae_jax.evaluation import results as results_lib
from bvae_jax.losses import checks
from bvae_jax.trained import inputs, networks
from bvae_jax.trained.walks import walk
from bvae_jax.training import experiment as experiment_lib

BLOCK = 256  # images or latents that go through a network together


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
  """One trained member of a population.

  Images are [B, H, W, C] (or [B, H, W] where C is 1): uint8, bool, or float in
  [0, 1] or [-1, 1], told apart by type and range; under jit float in [0, 1].

  Attributes:
    experiment: the networks, and what else is static of the run.
    params: of the member's networks.
    member: its place in the population.
    seed: its own.
    hparams: its traced hyperparameters.
    step: steps that it was trained.
    results: what the run found; None while it is not scored.
    folder: of the run, which tells which images it was trained on.
  """

  experiment: experiment_lib.Experiment = dataclasses.field(repr=False)
  params: Any = dataclasses.field(repr=False)
  member: int
  seed: int
  hparams: dict[str, float]
  step: int
  results: results_lib.Results | None = dataclasses.field(repr=False)
  folder: workdir_lib.Workdir | None = dataclasses.field(
    default=None, repr=False
  )

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
  def codebook(self) -> np.ndarray | None:
    """The values that each latent may take, rising, [D, V].

    None of latents on a continuum.
    """
    values = self.experiment.codebook(self.params)
    return None if values is None else np.sort(np.asarray(values))

  @functools.cached_property
  def dataset(self) -> data.Dataset:
    """The data set of the run, loaded when first asked for.

    Raises:
      OSError: a file of it is gone, or its images are others by now.
      ValueError: it cannot be read.
    """
    try:
      found = data.load(self.config.dataset)
    except FileNotFoundError as error:
      raise FileNotFoundError(
        f'{error}; if it has moved, tell the run: bvae main '
        '--config=RUN/config.json --config.dataset.path=PATH'
      ) from error
    if self.folder is not None:
      provenance.check_images(self.folder, found)
    return found

  def __reduce__(self) -> tuple[Any, ...]:
    """Pickled without images; whoever reads it builds the networks anew."""
    values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
    del values['experiment']
    values['params'] = jax.device_get(self.params)
    facts = networks.facts(self.experiment.dataset)
    return _unpickled, (self.config, facts, values)

  def encode(self, images: Any) -> tuple[jax.Array, jax.Array]:
    """Mean and log-variance of the posterior q(z|x), each [B, D].

    Codes that are points have log-variances of -inf; discrete ones are values
    of the codebook.

    Raises:
      ValueError: images of another shape, or values that are none of images.
    """
    return _in_blocks(self._encode, inputs.images(images, self.image_shape))

  def kl(self, mean: Any, logvar: Any) -> jax.Array:
    """KL [B, D] of the posterior of `encode` from the prior, nats.

    Raises:
      ValueError: the codes are points.
    """
    if self.experiment.objective.points:
      raise ValueError(
        f'the codes of {self.config.objective} are points, which have no KL; '
        'take a model with a posterior, such as a beta-VAE'
      )
    return self.experiment.kl(*map(inputs.array, (mean, logvar)))

  def decode(self, z: Any) -> jax.Array:
    """Mean images E[x|z] in [0, 1] of latents [B, D], float [B, H, W, C].

    Discrete latents are taken at the nearest value of the codebook, and of
    InfoGAN's category, whose logits `encode` gives, the likeliest.

    Raises:
      ValueError: z is not [B, D].
    """
    z = inputs.numbers('z', z)
    if z.ndim != 2 or z.shape[1] != self.num_latents:
      raise ValueError(f'z must be [B, {self.num_latents}], got {z.shape}')
    return _in_blocks(self._decode, z)

  def reconstruct(self, images: Any) -> jax.Array:
    """E[x | z = posterior mean] of images, float [B, H, W, C]."""
    return self.decode(self.encode(images)[0])

  def sample(self, key: jax.Array, n: int) -> jax.Array:
    """n mean images of latents drawn from the prior, float [n, H, W, C].

    Raises:
      ValueError: the codes are points, which have no prior; n is not 1 or more.
    """
    checks.check_count('n', n, 1)
    if self.experiment.objective.points:
      raise ValueError(
        f'the codes of {self.config.objective} are points without a prior: '
        'there is nothing to sample from; encode images and decode their codes'
      )
    parallel.own_process()
    return self.decode(self.experiment.sample_prior(key, n))

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
        from -2 to 2 deviations of the prior, or those of the codebook.

    Raises:
      ValueError: an image or values of another shape, or no such latent.
    """
    every = range(self.num_latents)
    chosen = np.asarray(every if latents is None else latents)
    known = chosen.ndim == 1 and {*chosen.tolist()} <= {*every}
    if not known or chosen.dtype == bool:
      raise ValueError(
        f'latents are numbers from 0 to {every[-1]}, [L]; got {chosen}'
      )
    chosen = chosen.astype(np.int32)
    if values is None:
      book = self.codebook
      values = np.linspace(-2.0, 2.0, 11) if book is None else book[chosen]
    values = inputs.numbers('values', values)
    values = values if values.ndim else values[None]
    if values.ndim > 2 or values.shape[:-1] not in ((), (1,), chosen.shape):
      raise ValueError(
        f'values must be [S], or [L, S] of the {len(chosen)} latents, got '
        f'{values.shape}'
      )
    start = np.zeros(self.num_latents, np.float32)
    if image is not None:
      mean, _ = self.encode(inputs.array(image)[None])
      start = self.experiment.chosen(mean)[0]
    z = walk(start, chosen, values)
    images = self.decode(z.reshape(-1, self.num_latents))
    return images.reshape(*z.shape[:2], *self.image_shape)

  def _encode(self, images: jax.Array) -> tuple[jax.Array, ...]:
    return _encode(self.params, images, encode=self.experiment.static.encode)

  def _decode(self, z: jax.Array) -> jax.Array:
    return _decode(self.params, z, decode=self.experiment.static.decode)


def _unpickled(
  config: ml_collections.ConfigDict, facts: dict[str, Any], values: dict
) -> Model:
  return Model(experiment=networks.build(config, **facts), **values)


# The networks are static: one compilation, whoever's parameters come.


@functools.partial(jax.jit, static_argnames='encode')
def _encode(params, images, *, encode):
  return encode(params, images)


@functools.partial(jax.jit, static_argnames='decode')
def _decode(params, z, *, decode):
  return jax.nn.sigmoid(decode(params, z))


def _in_blocks(function: Any, rows: Any) -> Any:
  """`function(rows)`, compiled for few batch sizes: powers of two."""
  count = len(rows)
  if isinstance(rows, core.Tracer):
    return function(rows)
  block = min(BLOCK, 1 << max(count - 1, 0).bit_length())
  more = -count % block if count else 1
  padded = np.pad(rows, ((0, more), *((0, 0),) * (rows.ndim - 1)))
  parts = [function(x) for x in np.split(padded, len(padded) // block)]
  if count == block:  # there is nothing else to compile
    return parts[0]
  return jax.tree.map(lambda *x: jnp.concatenate(x)[:count], *parts)
