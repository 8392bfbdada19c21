"""The total correlation's cost, as a share of a training step, and its memory.

The step is a VAE's on the 4x4 network with 64x64 images; the term is timed
alone, with its gradient.
"""

import jax

from benchmarks import timing, training
from bvae_jax import losses


def rows(scale: float) -> list[timing.Row]:
  found = []
  for batch in (64, 256, 1024):
    posterior = jax.random.normal(
      jax.random.key(0), (3, batch, training.LATENTS)
    )
    term = jax.jit(jax.value_and_grad(losses.total_correlation, (0, 1, 2)))
    term = term.lower(*posterior).compile()
    case = training.make_case('conv_burgess', batch, 64)
    times = timing.measure(
      {
        'term': timing.blocking(term, *posterior),
        'step': training.ours(case, 1, 1),
      },
      max(2, round(8 * scale)),
    )
    share = timing.ratio(times['term'], times['step'])
    held = term.memory_analysis().temp_size_in_bytes
    pairs = 4 * batch * batch * training.LATENTS
    found.append(
      timing.row(
        f'total correlation in a step of {batch}',
        timing.Times(share.wall * 100, share.cpu * 100),
        '%',
        '< 5' if batch == 64 else '',
        f'{timing.milliseconds(times["term"])} of'
        f' {timing.milliseconds(times["step"])}; holds {held / 1e6:.2g} MB,'
        f' B B D floats are {pairs / 1e6:.2g} MB',
      )
    )
  return found
