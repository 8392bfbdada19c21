"""Exercise 1: what each latent draws, for beta 1, 4 and 10 on dSprites.

    python -m bvae_jax.main --config=configs/exercises/traversals.py:quick
    python -m bvae_jax.main --config=configs/exercises/traversals.py

The three models' traversals side by side: the larger beta, the fewer latents
carry anything, and the more each keeps to one factor (Higgins et al. 2017). The
quick preset is a small dense network on whole 64x64 images, so that beta means
what it means in the papers: 10,000 steps, three minutes on two cores.
"""

from configs import common


def get_config(preset: str = ''):
  """Three beta-VAEs of one seed, with the 2019 networks or small ones."""
  config = common.get('beta_vae', preset)
  config.seeds = (0,)
  config.grid.beta = (1.0, 4.0, 10.0)
  if preset:
    config.dataset.image_size = 64
    config.num_steps = 10_000
  return common.study(
    'Traversals over beta', 'traversals', {'beta_vae': config}
  )
