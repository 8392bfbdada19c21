"""Images that are held out are never drawn, and are scored beside others."""

import helpers
import jax
import numpy as np
import pytest

from bvae_jax import data, population
from bvae_jax.evaluation import evaluate, tables
from bvae_jax.training import batches
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import program as program_lib


def config(objective='beta_vae', share=0.25, **changes):
  made = helpers.small_config(objective, **changes)
  made.dataset.holdout = share
  return made


@pytest.mark.parametrize(
  'objective', ['beta_vae', 'factor_vae', 'ada_gvae', 'semi_supervised']
)
def test_no_batch_has_an_image_that_is_held_out(objective):
  experiment = experiment_lib.build(config(objective, batch_size=64))
  dataset = experiment.dataset
  assert dataset.num_images == 216 and dataset.num_train == 162
  assert experiment.context.dataset_size == 162
  assert '54 images held out from training' in dataset.description
  both = np.concatenate([dataset.split.train, dataset.split.held_out])
  assert sorted(both) == list(range(216))

  def draw(key):
    source = batches.Source(dataset, dataset.images, experiment.context, key)
    return batches.DRAWS[experiment.objective.batch](key, source)

  drawn = jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 50))
  for index in drawn.values():
    assert not np.isin(index, dataset.split.held_out).any()
  assert np.isin(dataset.split.train, drawn['images']).all()
  if objective == 'ada_gvae':
    one, two = (
      data.index_to_factors(drawn[name], dataset.factor_sizes)
      for name in ('images', 'pair_images')
    )
    assert (one == two).any(-1).all()  # pairs, still


def test_the_elbo_of_both(tmp_path):
  settings = config(metrics=())
  experiment = experiment_lib.build(settings)
  members = population.members(settings)
  program = program_lib.make(experiment, members)
  states = program.collect(program.init())
  results = evaluate.evaluate(experiment, states, members)
  found = results.members[0].elbo
  for name in ('elbo', 'nll', 'kl'):
    assert np.isfinite(found[f'held_out_{name}'])
    assert found[f'held_out_{name}'] != found[name]
  assert found['held_out_elbo'] == pytest.approx(
    -found['held_out_nll'] - found['held_out_kl'], rel=1e-6
  )
  assert 'held_out_nll' in tables.table(results)
  assert ',held_out_elbo,' in tables.csv_text({'run': results})


def test_a_share_that_leaves_nothing():
  for share, count in ((0.001, 0), (0.999, 216)):
    with pytest.raises(ValueError, match=f'holds out {count} of 216 images'):
      data.load(config(share=share).dataset)
