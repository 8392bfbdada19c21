"""A step of the product's program over members, beside PyTorch on the device.

  python -m benchmarks.members [--members=1,16] [--only=conv_locatello,...]
    [--member_batch=64] [--precision=bfloat16]

(On a GPU with XLA_PYTHON_CLIENT_PREALLOCATE=false, as both share the card.)
Ours is what a run compiles: `tcvae` at batch 64, with its images drawn in the
loop. PyTorch trains one plain VAE on images that lie on the device, eager and
under `torch.compile(mode='reduce-overhead')`, TF32 allowed; its best is what
the ratio is to. Each is the median of three calls of an eighth of a second or
more.
"""

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np
import torch

from benchmarks import timing, training
from bvae_jax import data, population
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import program as program_lib
from configs import tcvae

PRESETS = {'conv_locatello': '', 'mlp_small': 'quick'}
BATCH, SECONDS = 64, 0.5


def seconds(advance: Callable[[int], None]) -> float:
  """Of one step, where `advance(n)` takes n and waits for them."""

  def taken(steps: int) -> float:
    begin = time.perf_counter()
    advance(steps)
    return time.perf_counter() - begin

  steps = 4
  while (spent := taken(steps)) < SECONDS / 4:
    steps = min(steps * 6, int(steps * SECONDS / max(spent, 1e-5)) + 1)
  return float(np.median([taken(steps) for _ in range(3)])) / steps


def ours(network: str, members: int, keys: dict) -> tuple[float, float, float]:
  """Seconds of a step, of compiling it, and gigabytes."""
  config = tcvae.get_config(PRESETS[network])
  config.update(keys | {'seeds': tuple(range(members))})
  experiment = experiment_lib.build(config, data.load(config.dataset))
  program = program_lib.make(experiment, population.members(config))
  begin = time.perf_counter()
  needed = program.bytes
  compiled = time.perf_counter() - begin
  running = program.advance(program.begin(program.init()), 2)

  def advance(steps: int) -> None:
    nonlocal running
    running = program.advance(running, steps)

  return seconds(advance), compiled, needed / 1e9


def peer(network: str, compiled: bool) -> float:
  """Seconds of a step of one model in PyTorch."""
  device = 'cuda' if jax.default_backend() == 'gpu' else 'cpu'
  torch.backends.cuda.matmul.allow_tf32 = True
  torch.backends.cudnn.allow_tf32 = True
  torch.backends.cudnn.benchmark = True
  side = tcvae.get_config(PRESETS[network]).dataset.image_size
  module = training.make_case(network, BATCH, side).peer.to(device)
  store = torch.rand(10_000, 1, side, side, device=device).round()
  loss = torch.compile(module, mode='reduce-overhead') if compiled else module
  adam = torch.optim.Adam(module.parameters(), 1e-4, fused=True)

  def advance(steps: int) -> None:
    for _ in range(steps):
      index = torch.randint(len(store), (BATCH,), device=device)
      noise = torch.randn(BATCH, training.LATENTS, device=device)
      adam.zero_grad(set_to_none=True)
      loss(store[index], noise).backward()
      adam.step()
    if device == 'cuda':
      torch.cuda.synchronize()

  advance(3)
  return seconds(advance)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--members', default='1,16')
  parser.add_argument('--only', default=','.join(PRESETS))
  parser.add_argument('--member_batch', type=int, default=0)
  parser.add_argument('--precision', default='float32')
  options = parser.parse_args()
  keys = {key: getattr(options, key) for key in ('member_batch', 'precision')}
  print(timing.setting())
  for network in options.only.split(','):
    ways = {'eager': False, 'compiled': True}
    peers = {way: peer(network, value) for way, value in ways.items()}
    for way, each in peers.items():
      print(f'{network}, PyTorch {way}: {each * 1e3:.3f} ms a step')
    for members in map(int, options.members.split(',')):
      step, compiled, needed = ours(network, members, keys)
      print(
        f'{network}, {members} member(s): {step * 1e3:.3f} ms a step, '
        f'{step / members * 1e3:.3f} a member, {needed:.2f} GB, compiled in '
        f'{compiled:.1f} s: '
        f'{min(peers.values()) * members / step:.2f}x PyTorch',
        flush=True,
      )


if __name__ == '__main__':
  main()
