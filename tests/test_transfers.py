"""A chunk, and a look, run on what already lies on their devices."""

import dataclasses
import threading

import helpers
import jax
import jax.numpy as jnp
import pytest

from bvae_jax import data, population
from bvae_jax.training import chunk as chunk_lib
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import probe
from bvae_jax.training import program as program_lib


@pytest.fixture(params=[('members', 1), ('members', 2), ('data', 4)])
def program(request):
  mode, num_devices = request.param
  config = helpers.small_config(
    seeds=(0, 1, 2), parallel=mode, num_devices=num_devices
  )
  drawn = data.load(config.dataset)
  stored = dataclasses.replace(
    drawn,
    arrays=drawn.images(jnp.arange(drawn.num_images)),
    images_fn=lambda arrays, index: arrays[index],
  )
  experiment = experiment_lib.build(config, stored)
  return program_lib.make(experiment, population.members(config))


def test_nothing_moves_between_host_and_devices_inside_a_chunk(program):
  running = program.advance(program.begin(program.init()), 1)
  arguments = program._arguments(running, 2)
  run, look = (compiled.call for compiled in program._compiled)
  jax.config.update('jax_transfer_guard', 'disallow')  # in all threads
  try:
    running = run(*arguments)
    jax.block_until_ready(look(*program._looked_at(running)))
  finally:
    jax.config.update('jax_transfer_guard', 'allow')
  assert (program.collect(running.state).step == 3).all()


def test_a_chunk_makes_only_its_number_of_steps_anew(program):
  running = program.begin(program.init())
  first, second = (program._arguments(running, n) for n in (1, 2))
  same = [a is b for a, b in zip(*map(jax.tree.leaves, (first, second)))]
  assert same == [True] * (len(same) - 1) + [False]


@pytest.mark.parametrize('num_devices', [1, 2])
def test_both_are_traced_in_the_callers_thread(num_devices, monkeypatch):
  """Its settings of JAX, as `enable_x64`, are those of no other thread."""
  threads = {}

  def chunk(arrays, running, own, steps):
    threads['chunk'] = threading.get_ident()
    return running

  def look(experiment, arrays, params, own):
    threads['look'] = threading.get_ident()
    return {}

  monkeypatch.setattr(chunk_lib, 'make_chunk', lambda *_: chunk)
  monkeypatch.setattr(probe, 'probe', look)
  config = helpers.small_config(seeds=(0, 1), num_devices=num_devices)
  experiment = experiment_lib.build(config)
  made = program_lib.make(experiment, population.members(config))
  assert made.bytes
  assert threads == dict.fromkeys(('chunk', 'look'), threading.get_ident())
