"""ControlVAE on dSprites (Shao et al. 2020, arXiv:2004.05988).

    python -m bvae_jax.main --config=configs/control_vae.py:quick
    python -m bvae_jax.main --config=configs/control_vae.py

A PI controller sets beta so that the KL follows a set point, which opens
slowly; its integral is a part of the checkpoint. The authors' code runs 1.5
million steps, a third of them for the ramp to 16 nats; here it is a third of
300,000.

Expected of quick, medians over its three seeds: MIG 0.16, FactorVAE score
0.56, SAP 0.03, ELBO -38.2 nats. Its KL ends
near 8 nats, under the set point, where beta is down at its least, 1.
"""

from configs import common


def get_config(preset: str = ''):
  """The paper's gains under the 2019 study's protocol, or a quick one."""
  config = common.get('control_vae', preset)
  config.schedules = common.ramp('capacity', steps=100_000, start=0.5)
  if preset == 'quick':
    config.hparams.update({'capacity': 12.0, 'integrating': 0.01})
    config.schedules = common.ramp('capacity', steps=6500)
  return config
