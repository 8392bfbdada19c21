"""InfoGAN on dSprites (Chen et al. 2016, arXiv:1606.03657).

    python -m bvae_jax.main --config=configs/infogan.py:quick
    python -m bvae_jax.main --config=configs/infogan.py

The GAN of the comparison; its Q head is its encoder, so that codes, scores and
traversals read like those of the others. The weight of the information, the
gradient penalty and the noise are the best of ten settings tried on seed 0.

Expected of quick, medians over its three seeds: MIG 0.06, FactorVAE score
0.56, SAP 0.04, ELBO -159.9 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('infogan', preset)
