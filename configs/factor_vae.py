"""FactorVAE on dSprites (Kim & Mnih 2018, arXiv:1802.05983).

    python -m bvae_jax.main --config=configs/factor_vae.py:quick
    python -m bvae_jax.main --config=configs/factor_vae.py

A discriminator tells joint from permuted latents; its density ratio estimates
the total correlation. `options.permutation`: the permuted batch is an
independent one (the paper, and quick) or the same (the code of the 2019 study).

Expected of quick, medians over its three seeds: MIG 0.07, FactorVAE score
0.53, SAP 0.05, ELBO -37.5 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('factor_vae', preset)
  if preset == 'quick':
    config.hparams.gamma = 6.0
    config.options.permutation = 'independent'
    config.discriminator = 'mlp_small'
  return config
