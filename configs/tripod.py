"""Tripod on dSprites (Hsu et al. 2024, arXiv:2404.10282).

    python -m bvae_jax.main --config=configs/tripod.py:quick
    python -m bvae_jax.main --config=configs/tripod.py

An autoencoder whose latents each take one of twelve fixed values, with a
penalty of their dependence and one of what they do together to the decoder's
hidden layers. The full config has the paper's networks and its weights for 3D
Shapes; for other sets they go down to a millionth of these, and the steps are
250,000 there. Features are normalised before the codes, without which the mean
image, learned first, drives all codes to the ends of their grid.

Those networks are an accelerator's work. The small convolutional ones take less
(`--config.encoder=conv_locatello --config.decoder=deconv_locatello`), but the
Hessian is by differences over a tenth of a deviation, and the kinks of a ReLU
within it are all the curvature that their decoder has.

Quick's decoder is smooth. Its weights have the highest median MIG of six
settings on seeds 100 and 101 (0.10; 0.04 to 0.06 the others); with a Hessian's
weight of 1 one latent is active of ten.

Expected of quick, medians over its three seeds: MIG 0.05, FactorVAE score
0.33, SAP 0.02, InfoM 0.34, InfoC 0.28, nll 26.6 nats; two minutes on two
cores of an AMD EPYC. Of ten seeds (`--config.seeds="(0,1,2,3,4,5,6,7,8,9)"`):
MIG 0.10 (0.03 to 0.19), FactorVAE score 0.30, InfoM 0.34, InfoC 0.42. Three say
little: summed in another order, those had a MIG of 0.14, 0.11 and 0.14.
"""

from configs import common


def get_config(preset: str = ''):
  """Adam at 2e-4; or a quick one."""
  config = common.get('tripod', preset)
  config.metrics = common.DISCRETE
  if preset:
    config.decoder = 'mlp_small_tanh'
    config.hparams = {'multiinformation': 3.0, 'hessian': 0.001}
  else:
    config.encoder = config.decoder = 'residual_hsu'
    config.learning_rate = 2e-4
  return config
