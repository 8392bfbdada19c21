"""`bvae_jax.load(workdir)`: a trained model in anybody's program.

model = bvae_jax.load('runs/tcvae_quick')
mean, logvar = model.encode(images)
images = model.decode(mean)
"""

from bvae_jax.trained.loading import load, load_all
from bvae_jax.trained.model import Model
from bvae_jax.trained.walks import walk

__all__ = ['Model', 'load', 'load_all', 'walk']
