"""A plain autoencoder on dSprites, and ICA on its codes (Hsu et al. 2023).

    python -m bvae_jax.main --config=configs/ae.py:quick
    python -m bvae_jax.main --config=configs/ae.py

A baseline of arXiv:2305.18378 and of Tripod (arXiv:2404.10282): nothing but
reconstruction and weight decay (AdamW); what is scored are the independent
components of its codes, as `evaluation.transform=ica` says.

Expected of quick, medians over its three seeds: MIG 0.02, FactorVAE score
0.38, SAP 0.01, InfoM 0.34, nll 17.0 nats. On
this small network that is no more than ICA of pixels scores (docs/metrics.md).
"""

from configs import common


def get_config(preset: str = ''):
  """AdamW at 1e-3 with a decay of 0.1, 128 images a batch; or a quick one."""
  config = common.get('ae', preset)
  config.optimizer, config.weight_decay = 'adamw', 0.1
  config.evaluation.transform = 'ica'
  config.metrics = ('mig', 'factor_vae_score', 'sap', 'infomec', 'unsupervised')
  if not preset:
    config.learning_rate, config.batch_size = 1e-3, 128
  return config
