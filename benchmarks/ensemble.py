"""Training of 8 models from start to end beside the ways PyTorch has for it.

  python -m benchmarks.ensemble [--steps=2000] [--members=8]

Each contender trains the quick preset's network in a process of its own, which
pays for imports and compilation; they start one after the other, then take
their steps in turn. Ours is the product's run, with images that are rendered as
it goes and no compilation cache; PyTorch's takes images from a tensor. With
fewer than 2,000 steps (100 in `benchmarks.run`) the time of 2,000 is start-up +
2,000 times the measured step, and the row says so.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

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

  def run():
    nonlocal running
    running, *_ = program.finish(running, steps, steps)

  return run


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
  """Says that it has compiled; then, a line read, a line of what steps took."""
  call = ours(members, steps) if way == 'ours' else peer(way, members, steps)
  print('ready', flush=True)
  for _ in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    taken = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps(taken), flush=True)


class Contender:
  """A process that has started, and takes its steps when it is its turn."""

  def __init__(self, way: str, members: int, steps: int):
    self._share = steps / STEPS
    self._loops: list[list[float]] = []  # [R, wall and CPU]
    begin = time.perf_counter()
    self._process = subprocess.Popen(
      [
        *(sys.executable, '-m', 'benchmarks.ensemble', f'--worker={way}'),
        *(f'--members={members}', f'--steps={steps}'),
      ],
      env={
        **os.environ,
        'JAX_ENABLE_COMPILATION_CACHE': '0',
        'TORCHINDUCTOR_FORCE_DISABLE_CACHES': '1',
      },
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )
    self._answer()
    self.start = time.perf_counter() - begin

  def _answer(self) -> str:
    line = self._process.stdout.readline()
    if not line:
      raise SystemExit(f'{" ".join(self._process.args)} failed')
    return line

  def turn(self) -> None:
    print(file=self._process.stdin, flush=True)
    self._loops.append(json.loads(self._answer()))

  @property
  def wall(self) -> np.ndarray:
    """Seconds of start-up and 2,000 steps, by each turn [R]."""
    return self.start + np.array(self._loops)[:, 0] / self._share

  def times(self) -> timing.Times:
    """Of start-up and 2,000 steps, by each turn; ends the process."""
    self._process.stdin.close()
    _, _, used = os.wait4(self._process.pid, 0)
    cpu = np.array(self._loops)[:, 1]
    start = used.ru_utime + used.ru_stime - cpu.sum()
    return timing.Times(self.wall, start + cpu / self._share)


def compare(members: int, steps: int, rounds: int) -> list[timing.Row]:
  """Turns of all contenders, after the first of those that may be the best."""
  every = {name: Contender(name, members, steps) for name in ('ours', *PEERS)}
  peers = [*PEERS]
  for _ in range(rounds):
    for name in ('ours', *peers):
      every[name].turn()
    total = {name: np.median(one.wall) for name, one in every.items()}
    best = min(peers, key=lambda name: total[name])
    peers = [name for name in peers if total[name] <= _NEAR * total[best]]
  what = f'{members} models of {STEPS} steps'
  if steps != STEPS:
    what += f', from {steps}'
  told = ', '.join(
    f'{name} {total[name]:.1f} s ({one.start:.1f} start)'
    for name, one in every.items()
  )
  times = {name: one.times() for name, one in every.items()}
  ratio = timing.ratio(times[best], times['ours'])
  return [timing.row(what, ratio, 'x', '>= 1.2', f'best: {best}; {told}')]


def rows(scale: float) -> list[timing.Row]:
  return compare(8, max(1, round(STEPS / 20 * scale)), max(1, round(3 * scale)))


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
