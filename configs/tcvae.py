"""beta-TCVAE."""

from configs import common


def get_config(preset: str = ''):
  return common.get('beta_tcvae', preset)
