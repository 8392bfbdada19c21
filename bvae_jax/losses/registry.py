"""OBJECTIVES: each objective's loss, hyperparameters, networks and wiring.

Adding one is a pure function, an entry here and a config file; a network of a
kind of its own comes with the entry, as a `Role`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from bvae_jax import shipped
from bvae_jax.losses import (
  control,
  gan_wiring,
  gridded,
  information,
  jacobian,
  objectives,
  points,
  supervised,
  support,
)
from bvae_jax.losses import wiring as wiring_lib


class Role(NamedTuple):
  """A kind of network: how training makes it and steps it.

  Attributes:
    name: its key in `nets` and `params`.
    make: (config, image_shape) -> the Flax module.
    example: (config, image_shape) -> the shape of an input, of batch 1.
    optimizer: 'model', or 'adversary' for a network that opposes others.
    posterior: its outputs -> (mean, logvar), where it can stand for an encoder;
      log-variances of -inf where codes are points.
    decays: whether the optimiser's weight decay holds for it.
  """

  name: str
  make: Callable[[Any, tuple[int, ...]], Any]
  example: Callable[[Any, tuple[int, ...]], tuple[int, ...]]
  optimizer: str = 'model'
  posterior: Callable[[Any], tuple[jax.Array, jax.Array]] | None = None
  decays: bool = True


class Objective(NamedTuple):
  """An entry of OBJECTIVES.

  Attributes:
    loss: the public pure function.
    hparams: its traced hyperparameters, weights and capacities of 0 or more,
      with the paper's values where it gives them.
    options: static choices of the loss, the wiring and the sampler.
    study: the 2019 study's own `options` and `schedules`, where they differ
      from the paper's; `config.default_config` follows the study.
    networks: what it trains: names in `training.roles.ROLES`, or Roles.
    batch: what the sampler draws: 'images'; 'two_batches' (with an independent
      'second_images'); 'pairs' (with 'pair_images', some factors changed);
      'labelled' (with 'labelled_images' [L, ...], 'labels' [L, K] in [0, 1]).
    wiring: joins the loss to the networks, (loss, nets, context) -> loss_fn.
    points: whether codes are points: nothing is sampled, and there is no KL.
    codebook: (params, num_latents, options) -> the values [D, V] that each
      latent may take, where codes are discrete: the nearest is its code.
    memory: scalars that the loss carries from step to step, with their first
      values: it is given them as hyperparameters, and gives the next ones in
      terms under the same names. They lie in the state beside the networks.
  """

  loss: Callable[..., objectives.Result]
  hparams: Mapping[str, float] = {}
  options: Mapping[str, Any] = {}
  study: Mapping[str, Mapping[str, Any]] = {}
  networks: tuple[str | Role, ...] = ('encoder', 'decoder')
  batch: str = 'images'
  wiring: wiring_lib.Wiring = wiring_lib.vae
  points: bool = False
  codebook: Callable[..., jax.Array] | None = None
  memory: Mapping[str, float] = {}

  def wire(
    self, nets: wiring_lib.Nets, context: wiring_lib.Context
  ) -> wiring_lib.LossFn:
    """The loss of these networks.

    Args:
      nets: name -> apply(params of the network, inputs).
      context: what is static of the run.

    Returns:
      `loss_fn(params, batch, key, hparams) -> (loss, terms)`.

    Raises:
      ValueError: an option that the wiring does not know.
    """
    return self.wiring(self.loss, nets, context)


# The channel of objectives that have a penalty of their own besides: the KL as
# it is, where a capacity is not asked for.
_OPEN = {'kl_weight': 1.0, 'capacity': 0.0}

OBJECTIVES: dict[str, Objective] = {
  'vae': Objective(objectives.vae),
  'beta_vae': Objective(objectives.beta_vae, {'beta': 4.0}),
  'annealed_vae': Objective(
    objectives.annealed_vae,
    {'gamma': 1000.0, 'capacity': 25.0},
    study={'schedules': {'capacity': {'kind': 'linear', 'steps': 100_000}}},
  ),
  'beta_tcvae': Objective(
    objectives.beta_tcvae,
    {'beta': 6.0, 'gamma': 1.0, 'capacity': 0.0},
    {'estimator': 'data_free'},
    wiring=wiring_lib.tcvae,
  ),
  'factor_vae': Objective(
    objectives.factor_vae,
    {'gamma': 35.0, **_OPEN},
    {'permutation': 'independent'},
    study={'options': {'permutation': 'same'}},
    networks=('encoder', 'decoder', 'discriminator'),
    batch='two_batches',
    wiring=wiring_lib.factor_vae,
  ),
  'dip_vae_i': Objective(
    objectives.dip_vae,
    {'lambda_od': 10.0, 'lambda_d': 100.0, **_OPEN},
    {'kind': 'i'},
  ),
  'dip_vae_ii': Objective(
    objectives.dip_vae,
    {'lambda_od': 10.0, 'lambda_d': 10.0, **_OPEN},
    {'kind': 'ii'},
  ),
  'infogan': Objective(
    information.infogan,
    {'lambda_info': 0.05, 'instance_noise': 0.3, 'gradient_penalty': 0.1},
    {'num_noise': 0, 'num_categories': 0, 'prior': 'normal'},
    networks=('critic', 'decoder'),
    wiring=gan_wiring.infogan,
  ),
  'ada_gvae': Objective(
    objectives.beta_vae,
    {'beta': 1.0},
    {'kind': 'gvae', 'num_changed': '1'},
    batch='pairs',
    wiring=wiring_lib.weak_vae,
  ),
  'ada_ml_vae': Objective(
    objectives.beta_vae,
    {'beta': 1.0},
    {'kind': 'mlvae', 'num_changed': '1'},
    batch='pairs',
    wiring=wiring_lib.weak_vae,
  ),
  'semi_supervised': Objective(
    supervised.semi_supervised,
    {'beta': 1.0, 'gamma_sup': 256.0},
    {'kind': 'bce', 'num_labels': 100, 'labels': 'perfect'},
    batch='labelled',
    wiring=wiring_lib.semi_supervised,
  ),
  'control_vae': Objective(
    control.control_vae,
    {
      'capacity': 16.0,
      'proportional': 0.01,
      'integrating': 0.001,
      'beta_min': 1.0,
    },
    memory=control.MEMORY,
  ),
  # What the authors' code runs with, where gamma is of 25 pairs drawn of 45.
  'hfs': Objective(support.hfs, {'beta': 1.0, 'gamma': 1.0, 'delta': 0.0}),
  'jl1_vae': Objective(
    jacobian.jl1_vae,
    {'beta': 4.0, 'gamma': 0.1},
    {'num_columns': 0},
    wiring=jacobian.wire,
  ),
  'ae': Objective(
    points.ae, networks=('coder', 'decoder'), wiring=points.wire_ae, points=True
  ),
  # The paper's 0.01, of means over subpixels and latents, are 4 of sums over
  # 64x64 grey pixels and 10 latents.
  'qlae': Objective(
    points.qlae,
    {'quantization': 4.0, 'commitment': 4.0},
    {'num_values': 10},
    networks=('coder', 'decoder', 'codebooks'),
    wiring=points.wire_qlae,
    points=True,
    codebook=points.learned_codebook,
  ),
  # The authors' 1e-4 and 1e-2 on 3D Shapes, of means over subpixels, times the
  # 4,096 pixels of a grey 64x64 image.
  'tripod': Objective(
    gridded.tripod,
    {'multiinformation': 0.4, 'hessian': 40.0},
    {'num_values': 12, 'num_directions': 2},
    networks=('bounded_coder', 'decoder'),
    wiring=gridded.wire,
    points=True,
    codebook=gridded.grid_codebook,
  ),
}
shipped.keep(OBJECTIVES)
