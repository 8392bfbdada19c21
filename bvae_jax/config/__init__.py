"""What a run is: every key of a config, its default, and its checks.

`default_config(objective)` is the 2019 study's protocol (Locatello et al.,
arXiv:1811.12359, appendix) with the objective's own hyperparameters; files in
`configs/` change what they must. `validate` turns a wrong value into one clear
line before anything is compiled or written.
"""

from bvae_jax.config import own
from bvae_jax.config.checks import ConfigError
from bvae_jax.config.defaults import (
  OPTIONAL,
  default_config,
  grid,
  scalars,
  settings,
)
from bvae_jax.config.idle import idle
from bvae_jax.config.kept import (
  FREE_KEYS,
  SCORE_KEYS,
  as_config,
  complete,
  differing_keys,
  flat,
  grown_keys,
  on_any_host,
  plain,
)
from bvae_jax.config.validation import TRACKERS, validate

own.load()
