r"""beta-VAEs of your own images, without labels.

    python -m bvae_jax.main --config=configs/own_images.py \
      --config.dataset.path=DIR

DIR is a folder of images (nested or not; png, jpg, webp, tif and others), or a
.npy, .npz or HDF5 file with an array of images. They are cropped to 64x64
(`--config.dataset.fit=pad` keeps all of each), and decoded once.

Three seeds of two values of beta: the UDR (Duan et al. 2020) says which beta
the seeds agree on, which needs no labels. Labels, if there are some, add scores
(`--config.metrics`): a `factors.csv` in DIR (file name, one column a factor),
or subfolders as classes. 1,600 steps of eight images are a first look, three
minutes at most on two cores; `--config.num_steps=20000
--config.batch_size=64` gives a model. One image in ten is held out from
training, and scored beside the others (held_out_elbo).
"""

from configs import common


def get_config():
  """Six small convolutional models of the images in `dataset.path`."""
  config = common.get('beta_vae', '')
  config.dataset.name = 'images'
  config.dataset.image_size = 64
  config.dataset.holdout = 0.1
  config.seeds = (0, 1, 2)
  config.grid.beta = (1.0, 4.0)
  config.metrics = ('unsupervised', 'udr')
  config.learning_rate = 1e-3
  config.batch_size = 8  # of short runs, many small steps learn most
  config.num_steps = 1600
  config.log_every = 200
  config.checkpoint_every = 800
  config.evaluation.num_train = config.evaluation.num_test = 1000
  config.evaluation.num_elbo = 1000
  return config
