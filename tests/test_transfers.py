"""A chunk runs on what already lies on its devices."""

import dataclasses

import helpers
import jax
import jax.numpy as jnp
import pytest

from bvae_jax import data, population, workdir
from bvae_jax.training import program as program_lib


@pytest.fixture(params=[('members', 1), ('members', 3), ('data', 4)])
def run(request, tmp_path):
  mode, num_devices = request.param
  config = helpers.small_config(
    seeds=(0, 1, 2), parallel=mode, num_devices=num_devices
  )
  folder = workdir.Workdir(tmp_path)
  folder.open(config)
  drawn = data.load(config.dataset)
  stored = dataclasses.replace(
    drawn,
    arrays=drawn.images(jnp.arange(drawn.num_images)),
    images_fn=lambda arrays, index: arrays[index],
  )
  run = program_lib.Run(config, folder, stored, population.members(config))
  checkpoints = run.checkpoints()
  run.start(checkpoints)
  checkpoints.close()
  run.compile()
  return run


def test_nothing_moves_between_host_and_devices_inside_a_chunk(run):
  run.advance(1)
  arguments = run._arguments(run.states, 2)
  with jax.transfer_guard('disallow'):
    run.states, terms = run._chunk(*arguments)
    jax.block_until_ready((run.states, terms))
  assert (run.snapshot().step == 3).all()


def test_a_chunk_makes_only_its_number_of_steps_anew(run):
  first, second = (run._arguments(run.states, n) for n in (1, 2))
  same = [a is b for a, b in zip(*map(jax.tree.leaves, (first, second)))]
  assert same == [True] * (len(same) - 1) + [False]
