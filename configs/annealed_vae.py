"""Annealed VAE on dSprites (Burgess et al. 2018, arXiv:1804.03599).

    python -m bvae_jax.main --config=configs/annealed_vae.py:quick
    python -m bvae_jax.main --config=configs/annealed_vae.py

The KL is held to a capacity C that rises linearly: over 100,000 steps in the
2019 study, over 6,500 in the quick preset, whose setting is the best of eight
on seeds 100 and 101 (docs/tuning.md).

Burgess et al. trained a smaller network five times as fast:

    python -m bvae_jax.main --config=configs/annealed_vae.py \
      --config.encoder=conv_burgess32 --config.decoder=deconv_burgess32 \
      --config.learning_rate=5e-4

Expected of quick, medians over its three seeds: MIG 0.32, FactorVAE score
0.60, SAP 0.07, ELBO -41.0 nats; one to two minutes on two cores.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol, or three small models in minutes."""
  config = common.get('annealed_vae', preset)
  if preset == 'quick':
    config.hparams = {'gamma': 30.0, 'capacity': 6.0}
    config.schedules = common.ramp('capacity', steps=common.RAMP)
  return config
