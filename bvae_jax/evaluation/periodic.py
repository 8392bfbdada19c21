"""Scores of a population while it trains: the main one of a few metrics."""

import dataclasses
from collections.abc import Callable

import numpy as np

from bvae_jax import metrics, population
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.evaluation import evaluate, scores
from bvae_jax.evaluation import points as points_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step


def settings(
  experiment: experiment_lib.Experiment,
) -> experiment_lib.Experiment:
  """The experiment with the metrics of `evaluate_metrics`, without errors."""
  config = experiment.config.copy_and_resolve_references()
  config.metrics = tuple(config.evaluate_metrics)
  config.evaluation.num_resamples = 0
  return dataclasses.replace(experiment, config=config)


def scorer(
  experiment: experiment_lib.Experiment,
) -> Callable[[step.TrainState], dict[str, np.ndarray]]:
  """Scores states as the end of a run does, on the same points.

  Returns:
    A function of states [M, ...] to {metric: its main score [M]}, NaN where
    codes are not finite.
  """
  own = settings(experiment)
  config, dataset = own.config, own.dataset
  encode = codes_lib.encoder(own, points_lib.looked_at(own))

  def some(params) -> dict[str, np.ndarray]:
    good, codes = codes_lib.set_aside(encode(params))
    points = points_lib.sample(own, codes)
    found = scores.scores(config, dataset.factor_sizes, points)
    main = {
      name: one.scored.scores[metrics.METRICS[name].main]
      for name, one in found.items()
    }
    return {name: np.where(good, x, np.nan) for name, x in main.items()}

  def scored(states: step.TrainState) -> dict[str, np.ndarray]:
    params = step.evaluated(states).params
    members = len(states.step)
    blocks = [
      some(population.select(params, rows))
      for rows in evaluate.member_blocks(members)
    ]
    return {
      name: np.concatenate([one[name] for one in blocks])[:members]
      for name in config.metrics
    }

  return scored
