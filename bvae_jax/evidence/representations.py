"""Representations whose quality is known, to put the scores on trial.

Each is a table [R, D] of codes of every combination of K factors, drawn from a
seed: its latents are in a random order, of random signs, and those left over
carry next to nothing, as a trained model's do.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SIZES = (4, 6, 8, 8)  # values of the factors
NUM_LATENTS = 10
SILENT = 0.01  # std of a latent that carries nothing
POSTERIOR_STD = 0.1  # of a latent that carries something; a silent one has 1
GRID = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), 1)

# (generator, units [R, K] of zero mean and unit variance, level) -> [R, L].
Draw = Callable[[np.random.Generator, np.ndarray, float], np.ndarray]


class Kind(NamedTuple):
  """One way to represent factors.

  Attributes:
    words: what it is.
    modular: whether each latent tells of one factor; None where none tells.
    compact: whether each factor is told by one latent.
    explicit: whether every factor can be read off the codes, by a linear model
      or by one that is not.
    draw: the codes of a level, see `Draw`.
    level: what the level is; '' of a kind that has none.
    levels: its values.
    copied: whether the labels name the third factor again, as the fourth.
  """

  words: str
  modular: bool | None
  compact: bool | None
  explicit: bool
  draw: Draw
  level: str = ''
  levels: tuple[float, ...] = (0.0,)
  copied: bool = False


class Codes(NamedTuple):
  """A drawn representation of the whole grid.

  Attributes:
    mean: float32 [R, D].
    logvar: float32 [R, D].
    kl: [D], nats that each latent carries, at least for the UDR's mask.
  """

  mean: np.ndarray
  logvar: np.ndarray
  kl: np.ndarray


def units() -> np.ndarray:
  """The factors [R, K], each of zero mean and unit variance on the grid."""
  return (GRID - GRID.mean(0)) / GRID.std(0)


def _perfect(random, unit, level):
  return unit


def _rotated(random, unit, degrees):
  """Pairs of latents (z_0, z_1), (z_2, z_3) turned by one angle."""
  angle = np.deg2rad(degrees)
  turn = np.array(
    [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
  )
  pairs = [unit[:, k : k + 2] @ turn.T for k in range(0, unit.shape[1], 2)]
  return np.concatenate(pairs, 1)


def _mixed(random, unit, level):
  """An orthogonal matrix from the Haar measure: QR with positive diagonal."""
  q, r = np.linalg.qr(random.normal(size=(unit.shape[1],) * 2))
  return unit @ (q * np.sign(np.diag(r)))


def _duplicated(random, unit, level):
  return np.concatenate([unit, unit], 1)


def _split(random, unit, level):
  """cos and sin of a whole turn over the values of each factor."""
  turn = 2 * np.pi * GRID / np.array(SIZES)
  return np.sqrt(2) * np.concatenate([np.cos(turn), np.sin(turn)], 1)


def _merged(random, unit, level):
  """Two factors a latent, the second between the values of the first."""
  sizes = np.array(SIZES)
  both = GRID[:, ::2] * sizes[1::2] + GRID[:, 1::2]
  return (both - both.mean(0)) / both.std(0)


def _noisy(random, unit, level):
  return unit + level * random.normal(size=unit.shape)


def _warped(random, unit, power):
  """sign(z) |z|^p of codes in [-1, 1], and back to unit variance."""
  scaled = unit / np.abs(unit).max(0)
  codes = np.sign(scaled) * np.abs(scaled) ** power
  return codes / codes.std(0)


def _shuffled(random, unit, level):
  """The values of each factor in an order of their own."""
  columns = [
    np.unique(unit[:, k])[random.permutation(size)][GRID[:, k]]
    for k, size in enumerate(SIZES)
  ]
  return np.stack(columns, 1)


def _folded(random, unit, level):
  codes = np.abs(unit)
  return (codes - codes.mean(0)) / codes.std(0)


def _scaled(random, unit, level):
  return level * unit


def _fewer(random, unit, dropped):
  return unit[:, : unit.shape[1] - int(dropped)]


def _copied(random, unit, level):
  return unit[:, :3]


def _random(random, unit, level):
  return random.normal(size=(len(unit), NUM_LATENTS))


def _silent(random, unit, level):
  return unit[:, :0]


KINDS: dict[str, Kind] = {
  'perfect': Kind('a latent a factor', True, True, True, _perfect),
  'rotated': Kind(
    'pairs of latents turned by an angle', False, False, True, _rotated,
    'degrees', (0, 5, 10, 20, 30, 45, 90),
  ),
  'mixed': Kind(
    'all latents turned at random, each seed its own way',
    False, False, True, _mixed,
  ),
  'duplicated': Kind(
    'each factor in two equal latents', True, False, True, _duplicated
  ),
  'split': Kind(
    'each factor as cosine and sine of a whole turn', True, False, True, _split
  ),
  'merged': Kind(
    'two factors in one latent, nothing lost', False, True, True, _merged
  ),
  'noisy': Kind(
    'normal noise on every code', True, True, False, _noisy,
    'noise std', (0.1, 0.3, 1.0),
  ),
  'warped': Kind(
    'each code to an odd power', True, True, True, _warped,
    'power', (5.0,),
  ),
  'shuffled': Kind(
    'the values of each factor in any order', True, True, True, _shuffled
  ),
  'folded': Kind(
    'absolute values: the sign is lost', True, True, False, _folded
  ),
  'scaled': Kind(
    'all codes made small', True, True, True, _scaled, 'scale', (0.03,)
  ),
  'redundant factors': Kind(
    'a latent a factor, but the fourth is a copy of the third',
    False, True, True, _copied, copied=True,
  ),
  'fewer latents': Kind(
    'the last factors are not coded', True, True, False, _fewer,
    'factors left out', (1, 2),
  ),
  'random': Kind(
    'normal noise alone', None, None, False, _random
  ),
  'silent': Kind('next to nothing', None, None, False, _silent),
}  # fmt: skip


def faulty(name: str, level: float) -> bool:
  """Whether anything is wrong with a kind's codes at a level."""
  found = KINDS[name]
  turned_back = name == 'rotated' and level % 90 == 0
  return not (
    turned_back or (found.modular and found.compact and found.explicit)
  )


def draw(name: str, level: float, seed: int) -> Codes:
  """One representation of the grid.

  Args:
    name: of `KINDS`.
    level: of its levels, or between them.
    seed: of everything random.
  """
  random = np.random.default_rng(seed)
  found = KINDS[name].draw(random, units(), level)
  left = NUM_LATENTS - found.shape[1]
  mean = np.concatenate(
    [found, SILENT * random.normal(size=(len(found), left))], 1
  )
  order = random.permutation(NUM_LATENTS)
  mean = (mean * random.choice((-1.0, 1.0), NUM_LATENTS))[:, order]
  carries = order < found.shape[1]
  logvar = np.where(carries, 2 * np.log(POSTERIOR_STD), 0.0)
  return Codes(
    mean.astype(np.float32),
    np.broadcast_to(logvar, mean.shape).astype(np.float32),
    carries.astype(np.float32),
  )


def factors(name: str) -> np.ndarray:
  """The labels [R, K] of the table's rows; where one is a copy, no grid."""
  return GRID[:, [0, 1, 2, 2]] if KINDS[name].copied else GRID
