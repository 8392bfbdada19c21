"""beta-TCVAE on dSprites (Chen et al. 2018, arXiv:1802.04942).

    python -m bvae_jax.main --config=configs/tcvae.py:quick
    python -m bvae_jax.main --config=configs/tcvae.py

The quick preset holds the KL to a capacity that opens slowly (Burgess et al.
2018) under the total correlation's penalty: in so few steps a channel that is
narrow first aligns latents with factors, and one that is wide from the start
mixes them. Its setting is the best of eight on seeds 100 and 101
(`configs/tuning.py`).

Expected of quick, medians over its three seeds: MIG 0.33, FactorVAE score
0.69, SAP 0.06, ELBO -40.3 nats; one to two minutes on two
cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('beta_tcvae', preset)
  if preset == 'quick':
    config.hparams = {'beta': 4.0, 'gamma': 30.0, 'capacity': 9.0}
    config.schedules = common.ramp('capacity', steps=common.RAMP)
  return config
