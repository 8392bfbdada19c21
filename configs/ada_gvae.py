"""Ada-GVAE on dSprites (Locatello et al. 2020, arXiv:2002.02886).

    python -m bvae_jax.main --config=configs/ada_gvae.py:quick
    python -m bvae_jax.main --config=configs/ada_gvae.py

Pairs of images that differ in a few factors: the weak supervision that answers
the impossibility theorem. `options.num_changed`: how many factors change.

Expected of quick, medians over its three seeds: MIG 0.26, FactorVAE score
0.73, SAP 0.07, ELBO -36.6 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('ada_gvae', preset)
