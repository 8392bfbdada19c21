"""What holds for every objective's loss, on inputs that hypothesis draws."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies

from bvae_jax import losses

few = hypothesis.settings(
  max_examples=6,
  deadline=None,
  derandomize=True,
  database=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


@functools.cache
def compiled(make_case, name):
  """loss_fn(args, arrays) -> (loss, terms), gradients by all; and inputs."""
  case = make_case(name)
  args, arrays, static = case.inputs()
  loss = functools.partial(case.objective.loss, **static)
  step = jax.jit(
    jax.value_and_grad(lambda a, k: loss(*a, **k), (0, 1), has_aux=True)
  )
  return step, args, arrays, case


def _batched(x, batch):
  return np.ndim(x) > 0 and len(x) == batch


@pytest.fixture(params=sorted(losses.OBJECTIVES))
def objective(request, make_case):
  return compiled(make_case, request.param)


@few
@hypothesis.given(seed=strategies.integers(0, 2**16))
def test_the_order_of_the_batch_does_not_matter(objective, seed):
  step, args, arrays, _ = objective
  batch = len(args[0])
  order = np.random.default_rng(seed).permutation(batch)
  move = lambda x: jnp.asarray(x)[order] if _batched(x, batch) else x
  (value, terms), grads = step(args, arrays)
  (moved, moved_terms), moved_grads = step(*jax.tree.map(move, (args, arrays)))
  np.testing.assert_allclose(moved, value, rtol=1e-5, atol=1e-5)
  for name in terms:
    np.testing.assert_allclose(
      moved_terms[name], terms[name], rtol=1e-4, atol=1e-5, err_msg=name
    )
  for a, b in zip(moved_grads[0], jax.tree.map(move, grads[0])):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_each_hyperparameter_moves_the_gradient_of_the_networks(case):
  """None is dead: the gradient of some network changes with it."""
  hparams = dict(case.hparams)
  if 'proportional' in hparams:  # a controller far from its point is idle
    hparams['capacity'] = jnp.asarray(0.0)
  _, grads = case.step(case.params, hparams)
  for name in case.objective.hparams:
    moved = {**hparams, name: 1.5 * hparams[name] + 0.25}
    _, other = case.step(case.params, moved)
    changes = jax.tree.map(lambda a, b: np.abs(a - b).max(), grads, other)
    # A capacity moves a gradient only past the KL: there it flips the sign.
    if name == 'capacity':
      far = {**case.hparams, name: jnp.asarray(1e4)}
      near = {**case.hparams, name: jnp.asarray(0.0)}
      changes = jax.tree.map(
        lambda a, b: np.abs(a - b).max(),
        case.step(case.params, near)[1],
        case.step(case.params, far)[1],
      )
    assert max(jax.tree.leaves(changes)) > 1e-7, name


@few
@hypothesis.given(
  logvar=strategies.sampled_from([-30.0, 0.0, 30.0]),
  mean=strategies.sampled_from([0.0, 1.0, -1e3]),
  equal=strategies.booleans(),
)
def test_extreme_and_equal_posteriors(objective, logvar, mean, equal):
  """Every loss, its terms and its gradients stay finite."""
  step, args, arrays, _ = objective
  nll, z, *posterior = args  # where codes are points there is none
  if equal:
    z, *posterior = (jnp.broadcast_to(a[:1], a.shape) for a in args[1:])
  if len(posterior) == 2:
    posterior = posterior[0] + mean, jnp.full_like(posterior[1], logvar)
  args = nll, z + mean, *posterior
  values, grads = step(args, arrays)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(values))
  assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))


@few
@hypothesis.given(logit=strategies.sampled_from([-1e4, -30.0, 0.0, 1e4]))
def test_extreme_logits(logit):
  """Closed forms: |l| where the sign is wrong, 0 where it is right."""
  logits = jnp.full((3, 4), logit)
  for target in (0.0, 1.0):
    nll = losses.bernoulli_nll(logits, jnp.full((3, 4), target))
    exact = 4 * np.logaddexp(0, logit if target == 0 else -logit)
    np.testing.assert_allclose(nll, exact, rtol=1e-6, atol=1e-9)
  pairs = jnp.stack([logits[:, 0], -logits[:, 0]], axis=1)
  np.testing.assert_allclose(losses.density_ratio_tc(pairs), 2 * logit)
  np.testing.assert_allclose(
    losses.discriminator_loss(pairs, pairs),
    0.5 * (np.logaddexp(0, -2 * logit) + np.logaddexp(0, 2 * logit)),
    rtol=1e-6,
  )
  exact = np.logaddexp(0, -logit)
  generator = losses.gan_generator_loss(logits[:, 0])
  np.testing.assert_allclose(generator, exact, rtol=1e-6)


def test_arrays_of_another_batch_are_refused(make_case):
  case = make_case('factor_vae')
  args, arrays, _ = case.inputs()
  with pytest.raises(ValueError, match=r'joint_logits \(5, 2\), z \(8, 4\)'):
    losses.factor_vae(*args, gamma=1.0, joint_logits=jnp.zeros((5, 2)))
  args, arrays, _ = make_case('infogan').inputs()
  with pytest.raises(ValueError, match=r'fake_logits \(5,\), code \(8, 4\)'):
    losses.infogan(*args, **{**arrays, 'fake_logits': jnp.zeros(5)})
  codes = {k: jnp.zeros((8, 3)) for k in ('code', 'code_mean', 'code_logvar')}
  with pytest.raises(ValueError, match=r'z \(8, 4\).*code \(8, 3\)'):
    losses.infogan(*args, **{**arrays, **codes})
