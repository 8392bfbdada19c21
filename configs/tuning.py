"""Equal tuning: every method gets the same budget to find its setting.

    python -m bvae_jax.main --config=configs/tuning.py:quick
    python -m bvae_jax.main --config=configs/tuning.py

Eight settings a method, two seeds each (100 and 101), one population in one
program a method, of which the one with the highest median MIG is chosen
(`bvae_jax.evaluation.selection.choose`; the study's page shows the choice, and
what other scores would have chosen). `configs/methods.py` judges the presets on
seeds 0 to 4, which take no part here.

A method with a penalty of its own has two strengths of it, each with its
paper's whole KL and with three capacities that open slowly, the annealed VAE's;
the others sweep what they have. The quick preset has a quarter of the pixels,
so that its weights are a quarter of the bare config's. It trains for the steps
of the presets: in a quarter of them no capacity has the time to align latents,
and the whole KL looks better (docs/tuning.md).
"""

from configs import common

SEEDS = (100, 101)
METRICS = ('mig', 'factor_vae_score', 'sap', 'unsupervised', 'udr')
_CAPACITIES = (6.0, 9.0, 12.0)  # nats, for x, y, the scale, and then the rest
_SQUEEZE = 30.0  # holds the KL to the capacity, at 32x32

# The two strengths of each penalty, at 32x32.
_STRENGTHS = {
  'factor_vae': ({'gamma': 5.0}, {'gamma': 20.0}),
  'dip_vae_i': (
    {'lambda_od': 5.0, 'lambda_d': 0.1},  # else all latents must be active
    {'lambda_od': 1.0, 'lambda_d': 10.0},
  ),
  'dip_vae_ii': (
    {'lambda_od': 5.0, 'lambda_d': 5.0},
    {'lambda_od': 20.0, 'lambda_d': 20.0},
  ),
  'beta_tcvae': ({'beta': 2.0}, {'beta': 4.0}),
}


def _rows(objective: str, scale: float) -> list[dict]:
  """The eight settings of a method, its weights times the scale."""
  if objective in ('beta_vae', 'ada_gvae', 'ada_ml_vae'):
    betas = (0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0)
    return [{'beta': beta * scale} for beta in betas]
  if objective == 'semi_supervised':
    return [
      {'gamma_sup': gamma * scale, 'beta': beta * scale}
      for gamma in (32.0, 256.0)
      for beta in (0.5, 1.0, 2.0, 4.0)
    ]
  if objective == 'infogan':  # no sum over pixels is among its weights
    return [
      {'lambda_info': info, 'instance_noise': noise, 'gradient_penalty': smooth}
      for info in (0.05, 0.2)
      for noise in (0.1, 0.3)
      for smooth in (0.1, 1.0)
    ]
  if objective == 'annealed_vae':
    return [
      {'gamma': gamma * scale, 'capacity': capacity}
      for gamma in (_SQUEEZE, 100.0)
      for capacity in (*_CAPACITIES, 16.0)
    ]
  squeeze = 'gamma' if objective == 'beta_tcvae' else 'kl_weight'
  channels = [{squeeze: 1.0, 'capacity': 0.0}]
  channels += [{squeeze: _SQUEEZE * scale, 'capacity': c} for c in _CAPACITIES]
  return [
    {name: value * scale for name, value in strength.items()} | channel
    for strength in _STRENGTHS[objective]
    for channel in channels
  ]


def _unit(objective: str, preset: str):
  """The population of one method: its settings times the tuning seeds."""
  config = common.get(objective, preset)
  config.seeds = SEEDS
  config.metrics = METRICS
  common.sweep(config, _rows(objective, 1.0 if preset else 4.0))
  if preset and objective == 'factor_vae':
    config.discriminator = 'mlp_small'
    config.options.permutation = 'independent'
  if objective == 'infogan':
    config.options.prior = 'uniform'
  if 'capacity' in config.hparams:
    steps = common.RAMP if preset else 100_000
    config.schedules = common.ramp('capacity', steps=steps)
  return config


def get_config(preset: str = ''):
  """A unit a method: ten times eight settings and two seeds."""
  names = (
    *_STRENGTHS,
    'annealed_vae',
    'beta_vae',
    'ada_gvae',
    'ada_ml_vae',
    'semi_supervised',
    'infogan',
  )
  units = {name: _unit(name, preset) for name in names}
  return common.study('Equal tuning', 'tuning', units)
