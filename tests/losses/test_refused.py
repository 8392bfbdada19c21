"""What a loss refuses in one line, where arrays would broadcast in silence."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses, models

NLL, Z = np.ones(6), np.ones((6, 4))
POSTERIOR = NLL, Z, Z, Z
DIRECTIONS = np.ones((3, 6, 4))
SQUARE = jnp.square
CONTROL = {
  'capacity': 1.0,
  'proportional': 1.0,
  'integrating': 1.0,
  'beta_min': 1.0,
  'integral': 0.0,
  'control': 1.0,
}

# Every weight of a loss, with the others at 1.
WEIGHTS = [
  (losses.beta_vae, POSTERIOR, ('beta',), {}),
  (losses.annealed_vae, POSTERIOR, ('gamma', 'capacity'), {}),
  (losses.beta_tcvae, POSTERIOR, ('beta', 'gamma', 'capacity'), {}),
  (
    losses.factor_vae,
    POSTERIOR,
    ('gamma', 'kl_weight', 'capacity'),
    {'joint_logits': np.ones((6, 2))},
  ),
  (
    losses.dip_vae,
    POSTERIOR,
    ('lambda_od', 'lambda_d', 'kl_weight', 'capacity'),
    {'kind': 'i'},
  ),
  (
    losses.semi_supervised,
    POSTERIOR,
    ('beta', 'gamma_sup'),
    {'labelled_mean': Z, 'labels': Z},
  ),
  (losses.control_vae, POSTERIOR, tuple(CONTROL), {}),
  (losses.hfs, POSTERIOR, ('beta', 'gamma', 'delta'), {}),
  (losses.jl1_vae, POSTERIOR, ('beta', 'gamma'), {'norm': NLL}),
  (
    losses.infogan,
    POSTERIOR,
    ('lambda_info',),
    {'fake_logits': NLL, 'code': Z, 'code_mean': Z, 'code_logvar': Z},
  ),
  (losses.qlae, (NLL, Z, Z), ('quantization', 'commitment'), {}),
  (losses.tripod, (NLL, Z, Z), ('multiinformation', 'hessian'), {'share': NLL}),
]


@pytest.mark.parametrize(
  'loss, args, weights, arrays',
  WEIGHTS,
  ids=lambda x: getattr(x, '__name__', ''),
)
def test_a_weight_is_one_number(loss, args, weights, arrays):
  """A weight for each image would give as many losses."""
  for name in weights:
    for bad, found in [
      (np.ones(6), r'shape \(6,\)'),
      ([2.0], r'shape \(1,\)'),
      ('4', "'4'"),
      (None, 'None'),
      (1j, '1j'),
    ]:
      given = {**dict.fromkeys(weights, 1.0), name: bad}
      with pytest.raises(ValueError, match=f'^{name}.* one real.*{found}'):
        loss(*args, **given, **arrays)


def test_whole_and_half_numbers_are_weights():
  """KL of mean 1 and log-variance 0 in 4 latents: 2."""
  mean, logvar = Z, np.zeros((6, 4))
  for beta in (3, np.float64(3), jnp.bfloat16(3), jnp.int32(3), np.array(3)):
    value, _ = losses.beta_vae(NLL, mean, mean, logvar, beta=beta)
    np.testing.assert_allclose(value, 1 + 3 * 2)


REFUSED = {
  'norm [B, 3]': (
    lambda: losses.jl1_vae(*POSTERIOR, beta=1, gamma=1, norm=np.ones((6, 3))),
    r'rank 1, got norm \(6, 3\)',
  ),
  'share [B, 3]': (
    lambda: losses.tripod(
      NLL, Z, Z, multiinformation=1, hessian=1, share=np.ones((6, 3))
    ),
    r'rank 1, got share \(6, 3\)',
  ),
  'nll as a list': (
    lambda: losses.vae([1.0] * 6, Z, Z, Z),
    r'^nll is a list: give an array, jnp.asarray\(nll\)$',
  ),
  'images as a list': (
    lambda: losses.bernoulli_nll(Z, Z.tolist()),
    '^images is a list',
  ),
  'a tensor of PyTorch': (
    lambda: losses.gaussian_kl(Z, types.SimpleNamespace(detach=None)),
    r'^logvar is a tensor .* logvar.detach\(\).cpu\(\).numpy\(\)$',
  ),
  'words': (
    lambda: losses.bernoulli_nll(Z, Z.astype(str)),
    '^images must be numbers, got dtype <U',
  ),
  'objects': (
    lambda: losses.vae(NLL.astype(object), Z, Z, Z),
    '^nll must be numbers, got dtype object$',
  ),
  'no latent': (
    lambda: losses.beta_tcvae(NLL, *[Z[:, :0]] * 3, beta=1),
    r'at least one column, got z \(6, 0\)',
  ),
  'no image': (
    lambda: losses.bernoulli_nll(Z[:0], Z[:0]),
    r'none empty, got \(0, 4\)',
  ),
  'no logit': (
    lambda: losses.gan_generator_loss(NLL[:0]),
    'batch of at least 1, got fake_logits',
  ),
  'no pair of logits': (
    lambda: losses.density_ratio_tc(np.ones((0, 2))),
    r'joint_logits \[B, 2\], B at least 1, got \(0, 2\)',
  ),
  'whole labels that a trace hides': (
    lambda: jax.jit(losses.supervised_penalty)(Z, 5 * Z.astype(int)),
    'labels of dtype int32 under jit: .* their number of values, less 1',
  ),
  'a code of no columns': (lambda: losses.code_entropy(-1), 'num_latents.* 1'),
  'one direction': (
    lambda: losses.hessian_share(
      SQUARE, Z, Z[0], DIRECTIONS[:1], DIRECTIONS[:1]
    ),
    'directions of signs=1 must be at least 2',
  ),
  'directions of one image': (
    lambda: losses.hessian_share(
      SQUARE, Z, Z[0], DIRECTIONS[:, :1], DIRECTIONS[:, :1]
    ),
    r'z \(6, 4\), scale \(4,\) and signs \(3, 1, 4\)',
  ),
  'one scale of all latents': (
    lambda: losses.hessian_share(SQUARE, Z, NLL[:1], DIRECTIONS, DIRECTIONS),
    r'scale \(1,\)',
  ),
  'a decoder without layers': (
    lambda: losses.hessian_share(lambda _: [], Z, Z[0], DIRECTIONS, DIRECTIONS),
    r'outputs \[72, ...\] of z \(72, 4\), got \[\]',
  ),
  'latents of no image': (
    lambda: losses.jacobian_norm(SQUARE, Z, np.zeros((0, 6), int)),
    r'k of 1 or more, got \(0, 6\) beside \(6, 4\)',
  ),
  'latents turned': (
    lambda: losses.jacobian_norm(SQUARE, Z, np.zeros((6, 4), int)),
    r'latents \[k, b\].*got \(6, 4\)',
  ),
  'a latent that is not there': (
    lambda: losses.jacobian_norm(SQUARE, Z, np.full((1, 6), 4)),
    'latents must be from 0 to 3, got 4 to 4',
  ),
  'codebooks of other latents': (
    lambda: models.nearest(Z, np.ones((1, 3))),
    r'got \(6, 4\) beside \(1, 3\)',
  ),
  'a category wider than its code': (
    lambda: models.one_category(Z, 5),
    'from 1 to the 4 columns .* got 5',
  ),
  'half a latent': (
    lambda: losses.jacobian_norm(SQUARE, Z, np.full((1, 6), 0.5)),
    'latents must be integers, got float32',
  ),
}


@pytest.mark.parametrize('case', REFUSED)
def test_it_is_refused(case):
  call, message = REFUSED[case]
  with pytest.raises(ValueError, match=message):
    call()


def test_nan_is_no_latent_that_does_not_vary():
  """Of codes with a NaN there is no total correlation, nor an error of 0."""
  z = np.random.default_rng(0).normal(size=(20, 3))
  z[0, 0] = np.nan
  found = jax.jit(losses.gaussian_total_correlation)(jax.random.key(0), z)
  assert np.isnan(found.estimate) and np.isnan(found.error)
