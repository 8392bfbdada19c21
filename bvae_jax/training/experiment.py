"""All that is static about a run: its data, networks, likelihood, optimiser."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import linen as nn

from bvae_jax import data, losses, models, parallel
from bvae_jax.models import dense
from bvae_jax.training import batches, optimizer
from bvae_jax.training import roles as roles_lib
from bvae_jax.training import static as static_lib


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
  """All that is static about a run, built from its config.

  It knows of no device: `chunk.make_chunk` is told how a batch is spread. What
  is scored and used is computed in float32, whatever trains.
  """

  config: ml_collections.ConfigDict
  dataset: data.Dataset
  objective: losses.Objective
  roles: tuple[losses.Role, ...]
  modules: Mapping[str, nn.Module]
  nets: Mapping[str, Callable]  # name -> apply, as `make_nets` gives it
  context: losses.Context
  optimizer: optax.GradientTransformationExtraArgs
  is_shipped: bool  # whether no part of it is somebody's own

  @functools.cached_property
  def static(self) -> 'Experiment':
    """What programs are traced from: one object for all that are equal."""
    return static_lib.of(self)

  @functools.cached_property
  def made(self) -> dict:
    """What `static.once` has made of this one."""
    return {}

  def encode(self, params: Any, images: jax.Array) -> tuple[jax.Array, ...]:
    """The mean and log-variance [B, D] of one member's posterior.

    Codes that are points have log-variances of -inf, discrete ones are values
    of their codebook.
    """
    name, posterior = next(
      (role.name, role.posterior) for role in self.roles if role.posterior
    )
    with jax.default_matmul_precision('highest'):
      mean, logvar = posterior(self.nets[name](params[name], images))
    return self._discrete(params, mean), logvar

  def codebook(self, params: Any) -> jax.Array | None:
    """The values [D, V] that latents may take; None where continuous."""
    make = self.objective.codebook
    if make is None:
      return None
    return make(params, self.config.num_latents, self.context.options)

  def _discrete(self, params: Any, z: jax.Array) -> jax.Array:
    """Codes [B, D] as values of the codebook, if there is one."""
    codebook = self.codebook(params)
    return z if codebook is None else models.nearest(z, codebook)

  def chosen(self, z: jax.Array) -> jax.Array:
    """Codes [B, D] with their likeliest category one-hot, if there is one.

    A walk begins there: between logits that lie far apart none of -2 to 2
    would choose another.
    """
    if not self.num_categories:
      return z
    return models.one_category(z, self.num_categories)

  @property
  def num_categories(self) -> int:
    """How many of the last latents are one categorical code."""
    return self.context.options.get('num_categories', 0)

  def sample(
    self, key: jax.Array, mean: jax.Array, logvar: jax.Array
  ) -> jax.Array:
    """A sample [B, D] of the posterior, categories one-hot."""
    if self.objective.points:
      return mean
    if not self.num_categories:
      return losses.reparameterize(key, mean, logvar)
    return losses.sample_posterior(
      key, mean, logvar, num_categories=self.num_categories
    )

  def sample_prior(self, key: jax.Array, count: int) -> jax.Array:
    """Codes drawn from the prior, [count, D], categories one-hot."""
    shape = count, self.config.num_latents
    if 'prior' not in self.context.options:
      return self.sample(key, jnp.zeros(shape), jnp.zeros(shape))
    return losses.sample_prior(
      key,
      shape,
      num_categories=self.num_categories,
      prior=self.context.options['prior'],
    )

  def kl(self, mean: jax.Array, logvar: jax.Array) -> jax.Array:
    """KL [B, D] of the posterior from the prior, nats."""
    return losses.code_kl(mean, logvar, num_categories=self.num_categories)

  def decode(self, params: Any, z: jax.Array) -> jax.Array:
    """One member's decoder outputs [B, H, W, C] of latents [B, D].

    A decoder that is given latents alone takes its noise to be zero. Discrete
    latents are taken at the nearest value of their codebook, a category at its
    most likely one: codes [B, D] hold its logits, or are one-hot.
    """
    z = self.chosen(self._discrete(params, z))
    noise = roles_lib.num_inputs(self.config) - z.shape[1]
    z = jnp.pad(z, ((0, 0), (0, noise)))
    with jax.default_matmul_precision('highest'):
      return self.nets['decoder'](params['decoder'], z)


def make_nets(
  modules: Mapping[str, nn.Module], dtype: Any = jnp.float32
) -> dict[str, Callable]:
  """The networks as pure functions of their parameters.

  Args:
    modules: the networks.
    dtype: what they compute in; parameters and outputs are float32.

  Returns:
    {name: apply(params of the network, x)}; `hidden=True` gives the outputs of
    its hidden layers, a list, in place of its own, and is a ValueError of a
    network that keeps none.
  """

  def cast(tree: Any, to: Any) -> Any:
    same = jnp.dtype(dtype) == jnp.float32
    return tree if same else jax.tree.map(lambda x: x.astype(to), tree)

  def apply(
    module: nn.Module, params: Any, x: jax.Array, hidden: bool = False
  ) -> Any:
    variables, x = {'params': cast(params, dtype)}, cast(x, dtype)
    if not hidden:
      return cast(module.apply(variables, x), jnp.float32)
    _, sown = module.apply(variables, x, mutable=[dense.HIDDEN])
    if not (layers := jax.tree.leaves(sown)):
      raise ValueError(
        f'{type(module).__name__} keeps no hidden layer, and this objective '
        'penalises those: choose a network that has some, and keep them by '
        'models.dense.keep_hidden'
      )
    return cast(layers, jnp.float32)

  return {
    name: functools.partial(apply, module) for name, module in modules.items()
  }


def dataset(settings: ml_collections.ConfigDict) -> data.Dataset:
  """The data set of a run: its images stay on all hosts, or on none.

  Where one of them has no room on its devices, the programs of all are fed.

  Args:
    settings: `config.dataset`.

  Raises:
    RuntimeError: in a process that is forked from one that has computed.
  """
  parallel.own_process()
  found = data.load(settings)
  stays = found.rows is not None
  if parallel.any_host(stays) and not stays:
    settings = settings.copy_and_resolve_references()
    settings.storage = 'host'
    found = data.load(settings)
  return found


def build(
  config: ml_collections.ConfigDict, dataset: data.Dataset | None = None
) -> Experiment:
  """Networks, data, optimiser and loss of a config.

  Args:
    config: a validated config.
    dataset: the data set; loaded from the config when not given.

  Raises:
    ValueError: networks and images, or objective and data, that do not fit.
  """
  dataset = data.load(config.dataset) if dataset is None else dataset
  batches.check(losses.OBJECTIVES[config.objective].batch, dataset)
  return assemble(config, dataset)


def assemble(
  config: ml_collections.ConfigDict, dataset: data.Dataset
) -> Experiment:
  """`build` of a data set that need not be fit to train on."""
  objective = losses.OBJECTIVES[config.objective]
  roles = roles_lib.of(objective)
  modules = {
    role.name: role.make(config, dataset.image_shape) for role in roles
  }
  context = losses.Context(
    nll=losses.LIKELIHOODS[config.likelihood],
    dataset_size=dataset.num_train,
    batch_size=config.batch_size,
    options=config.options.to_dict(),
  )
  return Experiment(
    config=config,
    dataset=dataset,
    objective=objective,
    roles=roles,
    modules=modules,
    nets=make_nets(modules),
    context=context,
    optimizer=optimizer.make(roles, config.optimizer, config.clip_norm),
    is_shipped=static_lib.is_shipped(config, objective),
  )
