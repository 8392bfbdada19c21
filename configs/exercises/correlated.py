"""Exercise 7: two factors that go together in training.

    python -m bvae_jax.main --config=configs/exercises/correlated.py:quick
    python -m bvae_jax.main --config=configs/exercises/correlated.py

Scores on all images of models that were trained while x and y went together,
ever more tightly (Traeuble et al. 2021, arXiv:2006.07886): of
methods that see no labels, of one that sees 100 labels of the correlated
images, and of one that sees pairs in which one factor changes. The quick
preset has two seeds of 4,000 steps on 32x32 images; the bare config has five
seeds.
"""

from configs import common

_SIGMAS = (0.0, 0.4, 0.2)  # 0: not correlated
_OBJECTIVES = ('beta_vae', 'beta_tcvae', 'semi_supervised', 'ada_gvae')


def get_config(preset: str = ''):
  """A unit a method and a strength of the correlation."""
  units = {}
  for objective in _OBJECTIVES:
    for sigma in _SIGMAS:
      name = f'{objective}_{round(100 * sigma)}'  # a name has no dot
      unit = units[name] = common.get(objective, preset)
      unit.metrics = ('mig', 'factor_vae_score', 'sap')
      if sigma:
        unit.dataset.correlated, unit.dataset.sigma = ('x', 'y'), sigma
      if preset:
        unit.seeds, unit.num_steps = (0, 1), 4000
      else:
        unit.seeds = tuple(range(5))
  return common.study('Correlated factors', 'correlated', units)
