"""Training of 8 models from start to end beside the ways PyTorch has for it.

  python -m benchmarks.ensemble [--steps=2000] [--members=8]

Each contender trains the quick preset's network in a process of its own, which
pays for imports and compilation. Ours is the product's run, with images that
are rendered as it goes and no compilation cache; PyTorch's takes images from a
tensor. With fewer than 2,000 steps (250 in `benchmarks.run`) the time of 2,000
is start-up + 2,000 times the measured step, and the row says so.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable

import jax
import numpy as np

from benchmarks import timing

STEPS = 2000
BATCH, SIZE, LATENTS, RATE = 64, 32, 10, 1e-3
_NEAR = 1.2  # times the best: who takes less has another round
PEERS = ('loop', 'loop compile', 'vmap', 'vmap compile')


def ours(members: int, steps: int) -> Callable[[], None]:
  from benchmarks import quick

  program = quick.make_program(seeds=tuple(range(members)))
  running, *_ = program.finish(program.begin(program.init()), 1, 1)  # compiles
  return lambda: jax.block_until_ready(program.finish(running, steps, steps))


def peer(way: str, members: int, steps: int) -> Callable[[], None]:
  """PyTorch's training loop after one step, which compiles."""
  import torch

  from benchmarks import training

  case = training.vae_case('mlp_small', BATCH, (SIZE, SIZE, 1))
  store = torch.rand(10_000, 1, SIZE, SIZE).round()

  def sample(*lead):
    index = torch.randint(len(store), (*lead, BATCH))
    return store[index], torch.randn(*lead, BATCH, LATENTS)

  def looped(advance):
    def run(count):
      for _ in range(count):
        advance()

    run(1)
    return lambda: run(steps)

  def loop(module):
    loss = torch.compile(module) if 'compile' in way else module
    optimizer = torch.optim.Adam(module.parameters(), RATE, fused=True)

    def advance():
      optimizer.zero_grad(set_to_none=True)
      loss(*sample()).backward()
      optimizer.step()

    return advance

  if way.startswith('loop'):
    # One code serves all members, so that they compile once.
    modules = [copy.deepcopy(case.peer) for _ in range(members)]
    calls = [looped(loop(module)) for module in modules]
    return lambda: [call() for call in calls]

  module = case.peer
  params = {
    name: value.detach().expand(members, *value.shape).clone()
    for name, value in module.named_parameters()
  }
  optimizer = torch.optim.Adam(params.values(), RATE, fused=True)
  loss = lambda p, *inputs: torch.func.functional_call(module, p, inputs)
  grad = torch.func.vmap(torch.func.grad(loss))
  if 'compile' in way:
    grad = torch.compile(grad)

  def advance():
    grads = grad(params, *sample(members))
    for name, value in params.items():
      value.grad = grads[name]
    optimizer.step()

  return looped(advance)


def worker(way: str, members: int, steps: int) -> None:
  """Prints the wall and CPU seconds of the steps after start-up."""
  call = ours(members, steps) if way == 'ours' else peer(way, members, steps)
  wall, cpu = time.perf_counter(), time.process_time()
  call()
  taken = time.perf_counter() - wall, time.process_time() - cpu
  print(json.dumps(taken))


def seconds(way: str, members: int, steps: int) -> np.ndarray:
  """[start-up, steps] of a fresh process, of wall and CPU time each."""
  output, *total = timing.process(
    '-m', 'benchmarks.ensemble', f'--worker={way}', f'--members={members}',
    f'--steps={steps}', JAX_ENABLE_COMPILATION_CACHE='0',
    TORCHINDUCTOR_FORCE_DISABLE_CACHES='1',
  )  # fmt: skip
  loop = np.array(json.loads(output.splitlines()[-1]))
  return np.stack([np.array(total) - loop, loop])


def compare(members: int, steps: int, rounds: int) -> list[timing.Row]:
  """Rounds of all contenders, after the first of those that may be the best."""
  taken = {name: [] for name in ('ours', *PEERS)}
  totals, details, names = {}, {}, tuple(taken)
  for _ in range(rounds):
    for name in names:
      taken[name].append(seconds(name, members, steps))
      start, loop = np.stack(taken[name], 1)  # [R, wall and CPU]
      totals[name] = timing.Times(*(start + loop * STEPS / steps).T)
      total = np.median(totals[name].wall)
      details[name] = f'{total:.1f} s ({np.median(start[:, 0]):.1f} start)'
    wall = {name: np.median(totals[name].wall) for name in names[1:]}
    best = min(wall, key=lambda name: wall[name])
    near = [name for name in wall if wall[name] <= _NEAR * wall[best]]
    names = ('ours', *near)
  what = f'{members} models of {STEPS} steps'
  if steps != STEPS:
    what += f', from {steps}'
  told = ', '.join(f'{name} {detail}' for name, detail in details.items())
  ratio = timing.ratio(totals[best], totals['ours'])
  return [timing.row(what, ratio, 'x', '>= 1.2', f'best: {best}; {told}')]


def rows(scale: float) -> list[timing.Row]:
  return compare(8, max(1, round(STEPS / 8 * scale)), max(1, round(3 * scale)))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, default=STEPS)
  parser.add_argument('--members', type=int, default=8)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--worker', help='one contender, in this process')
  options = parser.parse_args()
  if options.worker:
    worker(options.worker, options.members, options.steps)
  else:
    for line in compare(options.members, options.steps, options.rounds):
      print(line)


if __name__ == '__main__':
  main()
