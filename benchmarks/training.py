"""Training steps beside PyTorch on the same network, loss and optimiser.

  python -m benchmarks.training [--only=conv_burgess,...] [--members=4]

Every round times each contender once, one after the other, so that noise
falls on all of them alike; a ratio is the median over rounds of the time of
PyTorch's best setting over ours. Ours is K steps in one compiled loop with
the product's optimiser: members side by side on the cores of a CPU, under
`vmap` elsewhere. PyTorch trains members one after the other, which per member
costs what one does.
"""

import argparse
import functools
import json
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import linen as nn
from jax import lax
from torch.utils import flop_counter

from benchmarks import timing, torch_peer
from bvae_jax import losses, models
from bvae_jax.parallel import threads
from bvae_jax.training import optimizer, roles

NETWORKS = {
  'conv_burgess': ('conv_burgess', 'deconv_locatello'),
  'conv_locatello': ('conv_locatello', 'deconv_locatello'),
  'mlp_higgins': ('mlp_higgins', 'mlp_higgins'),
  'mlp_small': ('mlp_small', 'mlp_small'),
}
NAMES = (*NETWORKS, 'discriminator')
LATENTS = 10


class Case(NamedTuple):
  """One training step, twice."""

  params: Any
  loss: Callable[[Any, jax.Array], jax.Array]  # of params and a key
  peer: torch.nn.Module  # of what `sample` gives
  sample: Callable[[], tuple[torch.Tensor, ...]]
  betas: tuple[float, float]


def initial(network: nn.Module, key: jax.Array, x: jax.Array) -> Any:
  """The variables of a network before its first step."""
  return jax.jit(network.init)(key, x)


def vae_case(
  name: str,
  batch: int,
  image_shape: tuple[int, int, int],
  latents: int = LATENTS,
) -> Case:
  """A VAE on random binary images, with fresh noise in each step."""
  encoder = models.make_encoder(NETWORKS[name][0], latents, image_shape)
  decoder = models.make_decoder(NETWORKS[name][1], image_shape)
  keys = jax.random.split(jax.random.key(0), 3)
  images = jax.random.bernoulli(keys[0], shape=(batch, *image_shape))
  images = images.astype(float)
  params = {
    'encoder': initial(encoder, keys[1], images),
    'decoder': initial(decoder, keys[2], jnp.zeros((1, latents))),
  }

  def loss(params, key):
    mean, logvar = encoder.apply(params['encoder'], images)
    z = losses.reparameterize(key, mean, logvar)
    nll = losses.bernoulli_nll(decoder.apply(params['decoder'], z), images)
    return losses.vae(nll, z, mean, logvar)[0]

  peer = torch_peer.VAE(params, image_shape, tanh=name == 'mlp_higgins')
  pixels = torch.tensor(np.asarray(images).transpose(0, 3, 1, 2).copy())
  sample = lambda: (pixels, torch.randn(batch, latents))
  return Case(params, loss, peer, sample, (0.9, 0.999))


def discriminator_case(batch: int) -> Case:
  """FactorVAE's discriminator on random latents."""
  network = models.make_discriminator('mlp')
  params = initial(network, jax.random.key(0), jnp.zeros((1, LATENTS)))

  def loss(params, key):
    z, permuted = jax.random.normal(key, (2, batch, LATENTS))
    logits = functools.partial(network.apply, params['discriminator'])
    return losses.discriminator_loss(logits(z), logits(permuted))

  peer = torch_peer.Discriminator(params)
  sample = lambda: tuple(torch.randn(2, batch, LATENTS))
  return Case({'discriminator': params}, loss, peer, sample, (0.5, 0.9))


def make_case(name: str, batch: int, size: int, latents: int = LATENTS) -> Case:
  if name == 'discriminator':
    return discriminator_case(batch)
  return vae_case(name, batch, (size, size, 1), latents)


def ours(case: Case, steps: int, members: int) -> Callable[[], None]:
  """A call that trains `members` members for `steps` steps."""
  networks = tuple(roles.ROLES[name] for name in case.params)
  directions = optimizer.make(networks, 'adam')

  def chunk(state, key):
    def step(i, state):
      params, memory = state
      grads = jax.grad(case.loss)(params, jax.random.fold_in(key, i))
      updates, memory = directions.update(grads, memory, params)
      rates = {'learning_rate': 1e-4}
      return optimizer.move(networks, params, updates, rates), memory

    return lax.fori_loop(0, steps, step, state)

  keys = jax.random.split(jax.random.key(1), members)
  state = case.params, directions.init(case.params)
  if jax.default_backend() != 'cpu':
    run = jax.jit(jax.vmap(chunk), donate_argnums=0)
    states = jax.tree.map(lambda p: jnp.repeat(p[None], members, axis=0), state)

    def together():
      nonlocal states
      states = jax.block_until_ready(run(states, keys))

    return together

  one = jax.jit(chunk, donate_argnums=0)
  of = [jax.tree.map(jnp.copy, state) for _ in range(members)]

  def train(member):
    of[member] = jax.block_until_ready(one(of[member], keys[member]))

  train(0)  # compiles

  def side_by_side():
    with futures.ThreadPoolExecutor(threads.cores()) as pool:
      list(pool.map(train, range(members)))

  return side_by_side


def peer(
  case: Case, steps: int, *, channels_last: bool, compiled: bool
) -> Callable[[], None]:
  """A call that trains the peer for `steps` steps."""
  module, sample = case.peer, case.sample
  layout = torch.channels_last if channels_last else torch.contiguous_format
  module = module.to(memory_format=layout)
  loss = torch.compile(module) if compiled else module
  adam = torch.optim.Adam(module.parameters(), 1e-4, case.betas, fused=True)

  def call():
    for _ in range(steps):
      first, second = sample()
      if first.ndim == 4:
        first = first.contiguous(memory_format=layout)
      adam.zero_grad(set_to_none=True)
      loss(first, second).backward()
      adam.step()

  return call


def gflop(call: Callable[[], Any]) -> float:
  """GFLOP of the products in what PyTorch computes in a call."""
  counter = flop_counter.FlopCounterMode(display=False)
  with counter:
    call()
  return counter.get_total_flops() / 1e9


def step_gflop(case: Case) -> float:
  """GFLOP of one step, forward and backward."""
  return gflop(lambda: case.peer(*case.sample()).backward())


def benchmark(
  name: str,
  *,
  batch_size: int = 64,
  image_size: int = 64,
  members: int = 1,
  steps: int = 10,
  rounds: int = 10,
) -> dict[str, Any]:
  """Times one case; prints its table and returns its figures."""
  make = lambda: make_case(name, batch_size, image_size)
  settings = [
    ('default', False, False),
    ('channels_last', True, False),
    ('compile', False, True),
    ('compile channels_last', True, True),
  ]
  if not name.startswith('conv'):
    settings = settings[::2]
  contenders = {'ours': ours(make(), steps, members)}
  for label, channels_last, compiled in settings:
    contenders[f'torch {label}'] = peer(
      make(), steps, channels_last=channels_last, compiled=compiled
    )
  contenders['matmul'], matmul_gflop = timing.matmul()
  times = timing.measure(contenders, rounds)
  peak = matmul_gflop / np.median(times.pop('matmul').wall)
  times = {label: t / steps for label, t in times.items()}
  times['ours'] /= members
  medians = {k: float(np.median(t.wall)) * 1e3 for k, t in times.items()}
  best = min((label for label in times if label != 'ours'), key=medians.get)
  work = step_gflop(make())
  share = work / peak * 1e3 / medians['ours']
  row = timing.row(
    f'{name}, batch {batch_size}, {members} member(s)',
    timing.ratio(times[best], times['ours']),
    'x',
    '>= 1',
    f'{best} {medians[best]:.4g} ms, ours {medians["ours"]:.4g} ms',
  )
  print(f'\n{name}, ms a step (median, quartiles, CPU)')
  for label, t in times.items():
    low, high = np.percentile(t.wall, [25, 75]) * 1e3
    print(
      f'  {label:28s} {medians[label]:8.2f}  {low:8.2f} {high:8.2f}'
      f' {np.median(t.cpu) * 1e3:8.2f}'
    )
  print(
    f'  {best} / ours: {row.value:.2f}x (quartiles {row.low:.2f}'
    f' {row.high:.2f}; in CPU time {row.cpu:.2f})\n'
    f'  matmul peak {peak:.0f} GFLOP/s, {work:.2f} GFLOP: we reach {share:.0%}'
  )
  return {
    'row': row._asdict(),
    'ms': medians,
    'cpu_ms': {k: float(np.median(t.cpu)) * 1e3 for k, t in times.items()},
    'best_peer': best,
    'matmul_gflops': float(peak),
    'gflop': work,
    'share_of_peak': share,
  }


def rows(scale: float) -> Iterator[timing.Row]:
  """The table's rows; `scale` multiplies the number of rounds.

  Each is of a process of its own, as a user trains: what the memory of one that
  has trained other networks looks like would count as well.
  """
  rounds = max(2, round(10 * scale))
  for name in NAMES:
    if name == 'mlp_small':
      continue
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder) / 'training.json'
      printed, *_ = timing.process(
        *('-m', 'benchmarks.training', f'--only={name}'),
        *(f'--rounds={rounds}', f'--output={path}'),
      )
      print(printed, end='', flush=True)
      found = json.loads(path.read_text())['results'][name]
    yield timing.Row(**found['row'])


def main() -> None:
  parser = argparse.ArgumentParser(description='Training steps beside PyTorch.')
  parser.add_argument('--only', default=','.join(NAMES), help='cases to run')
  parser.add_argument('--batch_size', type=int, default=64)
  parser.add_argument('--image_size', type=int, default=64)
  parser.add_argument('--members', type=int, default=1, help='of our loop')
  parser.add_argument('--steps', type=int, default=10, help='a round')
  parser.add_argument('--rounds', type=int, default=10)
  parser.add_argument('--output', default=timing.FOLDER / 'training.json')
  options = vars(parser.parse_args())
  names = options.pop('only').split(',')
  output = options.pop('output')
  if set(names) - set(NAMES):
    parser.error(f'unknown case in {names}; there are {NAMES}')
  setting = {**timing.setting(), **options}
  print('  '.join(f'{key} {value}' for key, value in setting.items()))
  results = {}
  for name in names:
    results[name] = benchmark(name, **options)
    timing.write(output, {**setting, 'results': results})


if __name__ == '__main__':
  main()
