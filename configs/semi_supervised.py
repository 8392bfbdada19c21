"""Semi-supervised VAE on dSprites (Locatello et al. 2020, arXiv:1905.01258).

    python -m bvae_jax.main --config=configs/semi_supervised.py:quick
    python -m bvae_jax.main --config=configs/semi_supervised.py

`options.num_labels` labelled images (100 or 1000) pin the first latents to the
factors.

Quick's beta is the best of eight settings on seeds 100 and 101
(`configs/tuning.py`).

Expected of quick, medians over its three seeds: MIG 0.26, FactorVAE score
0.68, SAP 0.06, ELBO -42.9 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('semi_supervised', preset)
  if preset == 'quick':
    config.hparams.beta = 4.0
  return config
