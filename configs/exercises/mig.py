"""Exercise 2: the mutual information gap of trained models, by objective.

    python -m bvae_jax.main --config=configs/exercises/mig.py:quick
    python -m bvae_jax.main --config=configs/exercises/mig.py

Each objective at one setting, so that seeds and objectives can be compared. MIG
(Chen et al. 2018) is that of the 2019 study: histograms of 20 bins on the
posterior means. The quick preset, three seeds of 4,000 steps on 32x32 images,
takes three minutes on two cores; where a channel opens, it opens to 6 nats, as
half the steps of the presets have no time for more. The bare config has ten
seeds.
"""

from configs import annealed_vae, beta_vae, common, factor_vae, tcvae, vae

_MODULES = (vae, beta_vae, annealed_vae, factor_vae, tcvae)


def get_config(preset: str = ''):
  """A unit an objective, each as its own config file has it."""
  units = {}
  for module in _MODULES:
    config = module.get_config(preset)
    config.metrics = ('mig', 'factor_vae_score', 'sap')
    if preset:
      config.num_steps = 4000
      for schedule in config.schedules.values():
        schedule.steps = 3200
      if 'capacity' in config.hparams:
        config.hparams.capacity = 6.0
    else:
      config.seeds = tuple(range(10))
    units[config.objective] = config
  return common.study('MIG of five objectives', 'mig', units)
