"""beta-TCVAE on the drawn 3D scene, with 3D Shapes' factors.

    python -m bvae_jax.main --config=configs/scene3d.py:quick
    python -m bvae_jax.main --config=configs/scene3d.py

Nothing is downloaded. The quick preset keeps every other hue, which leaves
60,000 of the 480,000 images to score. Its setting is not tuned.

Expected of quick, medians over its three seeds: MIG 0.03, FactorVAE score
0.59, ELBO -937.9 nats; six minutes of CPU time.
"""

from configs import common


def get_config(preset: str = ''):
  """The 2019 study's protocol on the scene, or three small models."""
  config = common.get('beta_tcvae', preset)
  config.dataset.name = 'scene3d'
  if preset == 'quick':
    config.hparams = {'beta': 2.0, 'gamma': 30.0, 'capacity': 12.0}
    config.schedules = common.ramp('capacity', steps=6500)
    config.dataset.factor_stride = (2, 2, 2, 1, 1, 1)
  return config
