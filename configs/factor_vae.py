"""FactorVAE on dSprites (Kim & Mnih 2018, arXiv:1802.05983).

    python -m bvae_jax.main --config=configs/factor_vae.py:quick
    python -m bvae_jax.main --config=configs/factor_vae.py

A discriminator tells joint from permuted latents; its density ratio estimates
the total correlation. `options.permutation`: the permuted batch is an
independent one (the paper, and quick) or the same (the code of the 2019 study).

The quick preset also holds the KL to a capacity that opens slowly (Burgess et
al. 2018); its setting is the best of eight by the median MIG (docs/tuning.md).

Expected of quick, medians over its three seeds: MIG 0.27, FactorVAE score
0.76, SAP 0.07, ELBO -40.9 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('factor_vae', preset)
  if preset == 'quick':
    config.hparams = {'gamma': 5.0, 'kl_weight': 30.0, 'capacity': 12.0}
    config.schedules = common.ramp('capacity', steps=common.RAMP)
    config.options.permutation = 'independent'
    config.discriminator = 'mlp_small'
  return config
