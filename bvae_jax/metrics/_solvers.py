"""Small convex problems, solved in batches: L-BFGS and logistic regression.

Every function solves one problem; vmap it over factors, folds or members. The
loop then runs until the slowest problem has converged, and each turn costs one
evaluation, whatever the line search of the others does.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

_MEMORY = 10  # pairs of L-BFGS


class _State(NamedTuple):
  """L-BFGS at a point, with a trial step along a direction."""

  x: jax.Array
  value: jax.Array
  grad: jax.Array
  direction: jax.Array
  step: jax.Array
  moves: jax.Array  # [memory, P], oldest first
  turns: jax.Array  # [memory, P]: changes of the gradient
  turn: jax.Array


def _lbfgs_direction(grad, moves, turns):
  """Minus the inverse-Hessian estimate times the gradient (two loops)."""
  curvature = (moves * turns).sum(1)
  rho = jnp.where(curvature > 0, 1 / jnp.where(curvature > 0, curvature, 1), 0)

  def backward(q, pair):
    move, turn, r = pair
    alpha = r * (move @ q)
    return q - alpha * turn, alpha

  q, alphas = jax.lax.scan(backward, grad, (moves, turns, rho), reverse=True)
  norm = (turns[-1] ** 2).sum()
  q *= jnp.where(norm > 0, curvature[-1] / jnp.where(norm > 0, norm, 1), 1)

  def forward(q, pair):
    move, turn, r, alpha = pair
    return q + move * (alpha - r * (turn @ q)), None

  return -jax.lax.scan(forward, q, (moves, turns, rho, alphas))[0]


def minimize_lbfgs(
  value_and_grad: Callable[[jax.Array], tuple[jax.Array, jax.Array]],
  init: jax.Array,
  *,
  tolerance: float,
  max_turns: int,
) -> jax.Array:
  """Minimises a smooth convex function of a vector [P].

  L-BFGS with backtracking; a decrease is sufficient up to the resolution of
  float32. The caller scales the problem so that a first unit step is sound.

  Args:
    value_and_grad: [P] -> (scalar, [P]).
    init: start [P].
    tolerance: stops when no gradient component is larger.
    max_turns: evaluations at most.

  Returns:
    The minimiser [P].

  Source: Nocedal & Wright 2006, algorithm 7.4.
  """

  def turn(state: _State) -> _State:
    x = state.x + state.step * state.direction
    value, grad = value_and_grad(x)
    slope = state.step * (state.grad @ state.direction)
    slack = 2e-7 * jnp.abs(state.value)
    accept = value <= state.value + 1e-4 * slope + slack
    move, change = x - state.x, grad - state.grad
    # A pair without curvature would spoil the estimate: keep the old ones.
    keep = accept & (move @ change > 1e-10 * (change @ change))

    def push(pairs, new):
      return jnp.where(keep, jnp.concatenate([pairs[1:], new[None]]), pairs)

    moves, turns = push(state.moves, move), push(state.turns, change)
    direction = _lbfgs_direction(grad, moves, turns)
    return _State(
      x=jnp.where(accept, x, state.x),
      value=jnp.where(accept, value, state.value),
      grad=jnp.where(accept, grad, state.grad),
      direction=jnp.where(accept, direction, state.direction),
      step=jnp.where(accept, 1.0, state.step / 4),
      moves=moves,
      turns=turns,
      turn=state.turn + 1,
    )

  def unfinished(state: _State) -> jax.Array:
    steep = jnp.abs(state.grad).max() > tolerance
    return steep & (state.turn < max_turns) & (state.step > 1e-8)

  value, grad = value_and_grad(init)
  pairs = jnp.zeros((_MEMORY, init.size))
  start = _State(
    init, value, grad, -grad, jnp.ones(()), pairs, pairs, jnp.zeros((), int)
  )
  return jax.lax.while_loop(unfinished, turn, start).x


class Logistic(NamedTuple):
  """A multinomial logistic regression: logits = codes @ weights + bias.

  Attributes:
    weights: [D, C].
    bias: [C], minus infinity for a class without points.
  """

  weights: jax.Array
  bias: jax.Array

  def logits(self, codes: jax.Array) -> jax.Array:
    """Returns [N, C] for codes [N, D]."""
    return (
      jnp.matmul(codes, self.weights, precision='highest') + self.bias[None]
    )


@jax.custom_batching.sequential_vmap
def _each_eigh(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
  values, vectors = jnp.linalg.eigh(matrix)
  return values, vectors


def _eigh(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Eigenvalues [D] and vectors [D, D].

  One matrix at a time on a CPU: `memory.Compiled` says what a batch does there.
  """
  on_cpu = jax.default_backend() == 'cpu'
  return _each_eigh(matrix) if on_cpu else tuple(jnp.linalg.eigh(matrix))


def fit_logistic(
  codes: jax.Array,
  labels: jax.Array,
  num_classes: int,
  *,
  strength: float | jax.Array = 1.0,
  sample_weight: jax.Array | None = None,
  init: Logistic | None = None,
  tolerance: float = 1e-5,
  max_turns: int = 200,
) -> Logistic:
  """Fits a multinomial logistic regression, as scikit-learn defines it.

  min_W,b strength * sum_n w_n (-log softmax_{y_n}(W^T x_n + b)) + ||W||^2 / 2,
  solved over whitened codes, in which its curvature is near to round. Where
  there are fewer points than columns, in the span of the points, in which the
  weights lie: O(D N^2) instead of O(D^3).

  Args:
    codes: float [N, D].
    labels: int [N].
    num_classes: classes C, of which some may be absent.
    strength: inverse penalty (scikit-learn's C); infinity for no penalty.
    sample_weight: float [N], ones by default.
    init: where to start; by default from the class frequencies alone.
    tolerance: largest gradient component of the mean loss at the end.
    max_turns: evaluations at most.
  """
  if codes.shape[1] > codes.shape[0]:
    basis = jnp.linalg.qr(codes.T)[0]
    if init is not None:
      init = init._replace(weights=basis.T @ init.weights)
    fit = fit_logistic(
      jnp.matmul(codes, basis, precision='highest'),
      labels,
      num_classes,
      strength=strength,
      sample_weight=sample_weight,
      init=init,
      tolerance=tolerance,
      max_turns=max_turns,
    )
    return fit._replace(weights=basis @ fit.weights)
  target = jax.nn.one_hot(labels, num_classes)
  weight = jnp.ones(codes.shape[0])
  weight = weight if sample_weight is None else sample_weight
  total = weight.sum()
  frequency = weight @ target / total
  present = frequency > 0
  penalty = 1 / (strength * total)

  mean = weight @ codes / total
  centred = codes - mean[None]
  covariance = (centred * weight[:, None]).T @ centred / total
  scale, axes = _eigh(covariance)
  count = present.sum()
  # The loss curves by about 1 / C along each axis, the penalty by `penalty`.
  scale = jnp.maximum(scale, 0.0) + penalty * count
  scale = jnp.where(scale > 1e-12, scale, jnp.inf)
  unit = jnp.sqrt(count / scale)
  whiten = axes * unit[None]
  design = jnp.matmul(centred, whiten, precision='highest')
  share = weight / total
  bias = jnp.where(present, jnp.log(jnp.where(present, frequency, 1)), -jnp.inf)

  def unpack(x):
    x = x.reshape(-1, num_classes)
    return x[:-1], x[-1] * jnp.sqrt(count)

  def value_and_grad(x):
    inner, offset = unpack(x)
    weights = whiten @ inner
    logits = design @ inner + offset[None] + bias[None]
    top = logits.max(1, keepdims=True)
    p = jnp.exp(logits - top)
    normaliser = p.sum(1, keepdims=True)
    nll = jnp.log(normaliser) + top
    chosen = jnp.where(target > 0, logits, 0).sum(1)
    # A point without weight may be of an absent class: an infinite loss.
    loss = jnp.where(share > 0, nll[:, 0] - chosen, 0.0)
    value = share @ loss + penalty / 2 * (weights**2).sum()
    residual = share[:, None] * (p / normaliser - target)
    grad = design.T @ residual + penalty * (whiten.T @ weights)
    offset_grad = residual.sum(0) * jnp.sqrt(count)
    return value, jnp.concatenate([grad, offset_grad[None]]).ravel()

  start = jnp.zeros((codes.shape[1] + 1, num_classes))
  if init is not None:
    inner = axes.T @ init.weights / jnp.where(unit > 0, unit, 1.0)[:, None]
    offset = init.bias - bias + mean @ init.weights
    offset = jnp.where(present & jnp.isfinite(offset), offset, 0.0)
    start = jnp.concatenate([inner, offset[None] / jnp.sqrt(count)])
  solution = minimize_lbfgs(
    value_and_grad, start.ravel(), tolerance=tolerance, max_turns=max_turns
  )
  inner, offset = unpack(solution)
  weights = whiten @ inner
  return Logistic(weights, bias + offset - mean @ weights)
