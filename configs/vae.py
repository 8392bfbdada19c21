"""VAE on dSprites (Kingma & Welling 2014, arXiv:1312.6114).

    python -m bvae_jax.main --config=configs/vae.py:quick
    python -m bvae_jax.main --config=configs/vae.py

The baseline: nothing asks the latents to align with the factors.

Expected of quick, medians over its three seeds: MIG 0.06, FactorVAE score
0.53, SAP 0.02, ELBO -38.0 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  return common.get('vae', preset)
