"""OBJECTIVES: each objective's loss, hyperparameters, networks and wiring.

Adding one is a pure function, an entry here and a config file.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bvae_jax.losses import (
  gan_program,
  information,
  objectives,
  programs,
  supervised,
)


class Objective(NamedTuple):
  """An entry of OBJECTIVES.

  Attributes:
    loss: the public pure function.
    hparams: its traced hyperparameters, with the paper's values where it gives
      them.
    options: static choices of the loss, the program and the sampler.
    networks: the names of the networks that it trains.
    batch: what the sampler draws: 'images'; 'two_batches' (with an independent
      'second_images'); 'pairs' (with 'pair_images', some factors changed);
      'labelled' (with 'labelled_images' [L, ...], 'labels' [L, K] in [0, 1]).
    program: wires the loss to the networks.
  """

  loss: Callable[..., objectives.Result]
  hparams: Mapping[str, float] = {}
  options: Mapping[str, Any] = {}
  networks: tuple[str, ...] = ('encoder', 'decoder')
  batch: str = 'images'
  program: Callable[..., objectives.Result] = programs.vae


OBJECTIVES: dict[str, Objective] = {
  'vae': Objective(objectives.vae),
  'beta_vae': Objective(objectives.beta_vae, {'beta': 4.0}),
  'annealed_vae': Objective(
    objectives.annealed_vae, {'gamma': 1000.0, 'capacity': 25.0}
  ),
  'beta_tcvae': Objective(
    objectives.beta_tcvae,
    {'beta': 6.0, 'gamma': 1.0, 'capacity': 0.0},
    {'estimator': 'data_free'},
    program=programs.tcvae,
  ),
  'factor_vae': Objective(
    objectives.factor_vae,
    {'gamma': 35.0},
    {'permutation': 'independent'},
    networks=('encoder', 'decoder', 'discriminator'),
    batch='two_batches',
    program=programs.factor_vae,
  ),
  'dip_vae_i': Objective(
    objectives.dip_vae, {'lambda_od': 10.0, 'lambda_d': 100.0}, {'kind': 'i'}
  ),
  'dip_vae_ii': Objective(
    objectives.dip_vae, {'lambda_od': 10.0, 'lambda_d': 10.0}, {'kind': 'ii'}
  ),
  'infogan': Objective(
    information.infogan,
    {'lambda_info': 0.05, 'instance_noise': 0.3, 'gradient_penalty': 0.1},
    {'num_noise': 0, 'num_categories': 0},
    networks=('critic', 'decoder'),
    program=gan_program.infogan,
  ),
  'ada_gvae': Objective(
    objectives.beta_vae,
    {'beta': 1.0},
    {'kind': 'gvae', 'num_changed': '1'},
    batch='pairs',
    program=programs.weak_vae,
  ),
  'ada_ml_vae': Objective(
    objectives.beta_vae,
    {'beta': 1.0},
    {'kind': 'mlvae', 'num_changed': '1'},
    batch='pairs',
    program=programs.weak_vae,
  ),
  'semi_supervised': Objective(
    supervised.semi_supervised,
    {'beta': 1.0, 'gamma_sup': 256.0},
    {'kind': 'bce', 'num_labels': 100},
    batch='labelled',
    program=programs.semi_supervised,
  ),
}
