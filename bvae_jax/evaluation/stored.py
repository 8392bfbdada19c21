"""The results that lie in a run's folder."""

import logging

import ml_collections

from bvae_jax import population, workdir
from bvae_jax.evaluation.results import Damaged, Results

_LOG = logging.getLogger(__name__)


def results(
  folder: workdir.Workdir, config: ml_collections.ConfigDict
) -> Results | None:
  """The results of a scored run, None while it is not.

  A folder that was copied while its run grew may hold those of before.
  """
  if not folder.results_path.exists():
    return None
  try:
    if folder.changed(folder.results_path.name):
      raise Damaged(
        f'{folder.results_path} has changed since it was written; the scores '
        'are computed anew'
      )
    found = Results.read(folder.results_path)
    seeds = [m.seed for m in population.members(config)]
    early = any(m.steps < config.num_steps for m in found.ok)
    fewer = seeds != [m.seed for m in found.members]
    if fewer or (early and not config.stop_when):
      raise Damaged(
        f'{folder.results_path} is of fewer seeds or steps than its run has; '
        'it is continued'
      )
    return found
  except Damaged as error:
    _LOG.warning('%s', error)
    return None
