"""Annealed VAE."""

from configs import common


def get_config(preset: str = ''):
  config = common.get('annealed_vae', preset)
  if preset == 'quick':
    config.hparams.gamma = 30.0
    config.hparams.capacity = 12.0
    config.schedules = {
      'capacity': {'kind': 'linear', 'start': 0.0, 'steps': 6500}
    }
  return config
