"""Semi-supervised VAE on dSprites (Locatello et al. 2020, arXiv:1905.01258).

    python -m bvae_jax.main --config=configs/semi_supervised.py:quick
    python -m bvae_jax.main --config=configs/semi_supervised.py

`options.num_labels` labelled images (100 or 1000) pin the first latents to the
factors.

Expected of quick, medians over its three seeds: MIG 0.19, FactorVAE score
0.75, SAP 0.07, ELBO -37.5 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('semi_supervised', preset)
