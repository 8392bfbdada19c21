"""Members that take turns on the cores of a CPU, beside whole chunks each.

python -m benchmarks.turns [--members=3] [--only=conv_locatello]
"""

import argparse
from collections.abc import Callable

from benchmarks import quick, timing
from bvae_jax import parallel

STEPS = {'mlp_small': 270, 'conv_locatello': 100}  # a chunk of some seconds
DECODERS = {'mlp_small': 'mlp_small', 'conv_locatello': 'deconv_locatello'}
ROUNDS = 9


def rows(network: str, members: int) -> list[timing.Row]:
  seeds = tuple(range(members))
  program = quick.make_program(
    seeds=seeds, encoder=network, decoder=DECODERS[network]
  )
  running = program.begin(program.init())

  def chunk(fewest: int) -> Callable[[], None]:
    def advance() -> None:
      nonlocal running
      parallel.Cores.fewest = fewest
      running = program.advance(running, STEPS[network])

    return advance

  whole = STEPS[network] + 1
  taken = timing.measure(
    {'turns': chunk(parallel.Cores.fewest), 'whole': chunk(whole)}, ROUNDS
  )
  faster = timing.ratio(taken['whole'], taken['turns'])
  steps = STEPS[network] * members
  each = [f'{w} {timing.milliseconds(t, steps)}' for w, t in taken.items()]
  what = f'{network}, {members} members'
  return [timing.row(what, faster, 'x', '>= 1', ', '.join(each))]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--members', type=int, default=3)
  parser.add_argument('--only', default='mlp_small', choices=sorted(STEPS))
  options = parser.parse_args()
  print(timing.setting())
  for row in rows(options.only, options.members):
    print(row)


if __name__ == '__main__':
  main()
