"""Quantised latents on dSprites (QLAE; Hsu et al. 2023, arXiv:2305.18378).

    python -m bvae_jax.main --config=configs/qlae.py:quick
    python -m bvae_jax.main --config=configs/qlae.py

An autoencoder whose latents each take one of ten learned values, under a high
weight decay (sections 3 and 5): the grid of codes and the plain networks leave
no room for tangled ones. InfoMEC is that of discrete codes.

The full config has the networks of the authors' code, an accelerator's work;
the small convolutional ones take less
(`--config.encoder=conv_locatello --config.decoder=deconv_locatello`).

Expected of quick, medians over its three seeds: MIG 0.05, FactorVAE score
0.58, SAP 0.02, InfoM 0.44, nll 21.0 nats.
"""

from configs import common


def get_config(preset: str = ''):
  """AdamW at 1e-3 with a decay of 0.1, 128 images a batch; or a quick one."""
  config = common.get('qlae', preset)
  config.optimizer, config.weight_decay = 'adamw', 0.1
  config.metrics = common.DISCRETE
  if preset:  # 0.01 of means, as sums over 32x32 pixels and 10 latents
    config.hparams = {'quantization': 1.0, 'commitment': 1.0}
  else:
    config.encoder, config.decoder = 'conv_hsu', 'styled_hsu'
    config.learning_rate, config.batch_size = 1e-3, 128
  return config
