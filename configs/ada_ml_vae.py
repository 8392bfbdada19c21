"""Ada-ML-VAE on dSprites (Locatello et al. 2020, arXiv:2002.02886).

    python -m bvae_jax.main --config=configs/ada_ml_vae.py:quick
    python -m bvae_jax.main --config=configs/ada_ml_vae.py

As Ada-GVAE, the shared latents aggregated by a product of posteriors.

Expected of quick, medians over its three seeds: MIG 0.36, FactorVAE score
0.80, SAP 0.08, ELBO -36.0 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('ada_ml_vae', preset)
