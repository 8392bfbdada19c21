"""How the number of latents and the networks matter: a small study.

    python -m bvae_jax.main --config=docs/architecture.py --workdir=runs/arch

Six runs of beta-TCVAE (the quick preset) with 3, 6, 10 and 20 latents, and
with a decoder, then an encoder, of twenty times the parameters; three seeds
each.
"""

from configs import common, tcvae

_LATENTS = (3, 6, 10, 20)


def _unit(**changes):
  config = tcvae.get_config('quick')
  config.seeds = (0, 1, 2)
  config.metrics = ('mig', 'factor_vae_score', 'unsupervised')
  for key, value in changes.items():
    config[key] = value
  return config


def get_config():
  """A unit for each network."""
  units = {f'latents_{n}': _unit(num_latents=n) for n in _LATENTS}
  units['wide_decoder'] = _unit(decoder='mlp_higgins')
  units['wide_encoder'] = _unit(encoder='mlp_higgins')
  return common.study('Latents and networks', 'study', units)
