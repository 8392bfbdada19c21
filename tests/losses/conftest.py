"""Tiny networks and batches on which every wiring can run."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses, models

BATCH, LATENTS, LABELLED, SIDE = 8, 4, 4, 3

# Every objective as registered, and every option that changes the mathematics.
CASES = [(name, {}) for name in losses.OBJECTIVES] + [
  ('beta_tcvae', {'estimator': 'mws'}),
  ('beta_tcvae', {'estimator': 'mss'}),
  ('factor_vae', {'permutation': 'same'}),
  ('infogan', {'num_noise': 3, 'num_categories': 2, 'prior': 'uniform'}),
  ('semi_supervised', {'kind': 'l2'}),
  ('jl1_vae', {'num_columns': 1}),
]


def _encoder(params, images):
  hidden = jnp.tanh(images.reshape(images.shape[0], -1) @ params['trunk'])
  logvar = 0.5 * hidden @ params['logvar'] - 1 if 'logvar' in params else 0
  return hidden @ params['mean'], logvar


def _decoder(params, z, hidden=False):
  x = jnp.tanh(z) @ params['out']
  return [jnp.tanh(x)] if hidden else x.reshape(-1, SIDE, SIDE, 1)


def _coder(params, images):
  return _encoder(params, images)[0]


def _bounded_coder(params, images):
  return jnp.tanh(_coder(params, images))


def _codebooks(params, z):
  return models.Codebooks(LATENTS, 3).apply({'params': params}, z)


def _discriminator(params, z):
  return jnp.tanh(z @ params['hidden']) @ params['logits']


def _critic(params, images):
  mean, logvar = _encoder(params, images)
  return jnp.sum(mean * logvar, axis=1), mean, logvar


NETS = {
  'encoder': _encoder,
  'coder': _coder,
  'bounded_coder': _bounded_coder,
  'codebooks': _codebooks,
  'decoder': _decoder,
  'discriminator': _discriminator,
  'critic': _critic,
}


def _make_params(rng, num_inputs):
  pixels = SIDE**2
  normal = lambda *shape: jnp.asarray(rng.normal(size=shape) * 0.7)
  encoder = lambda: {
    'trunk': normal(pixels, 5),
    'mean': normal(5, LATENTS),
    'logvar': normal(5, LATENTS),
  }
  coder = lambda: {k: v for k, v in encoder().items() if k != 'logvar'}
  made = {
    'encoder': encoder(),
    'coder': coder(),
    'codebooks': {'values': normal(LATENTS, 3)},
    'critic': encoder(),
    'decoder': {'out': normal(num_inputs, pixels)},
    'discriminator': {'hidden': normal(LATENTS, 6), 'logits': normal(6, 2)},
  }
  return {**made, 'bounded_coder': coder()}


@functools.cache
def make_case(name, **options):
  """An objective with parameters, a batch and the context of one device.

  `case.run(params, hparams)` is its wired loss, `case.step` its compiled value
  and gradient (given a third, of that batch), `case.inputs()` what it hands to
  the pure loss.
  """
  objective = losses.OBJECTIVES[name]
  options = {**objective.options, **options}
  rng = np.random.default_rng(0)
  params = _make_params(rng, LATENTS + options.get('num_noise', 0))
  images = lambda n: jnp.asarray(rng.uniform(size=(n, SIDE, SIDE, 1)))
  case = types.SimpleNamespace(
    objective=objective,
    nets=NETS,
    params={network: params[network] for network in objective.networks},
    hparams={
      k: jnp.asarray(v)
      for k, v in {**objective.hparams, **objective.memory}.items()
    },
    batch={
      'images': images(BATCH),
      'second_images': images(BATCH),
      'pair_images': images(BATCH),
      'labelled_images': images(LABELLED),
      'labels': jnp.asarray(rng.uniform(size=(LABELLED, 3))),
    },
    key=jax.random.key(0),
    context=losses.Context(
      losses.LIKELIHOODS['bernoulli'], 1000, BATCH, options
    ),
  )

  def run(params, hparams, batch=case.batch, context=case.context, **changes):
    entry = objective._replace(**changes)
    return entry.wire(NETS, context)(params, batch, case.key, hparams)

  def inputs():
    """Positional and keyword arrays, and static arguments of the loss."""
    seen = []
    run(
      case.params,
      case.hparams,
      loss=lambda *args, **kwargs: (
        seen.append((args, kwargs)) or objective.loss(*args, **kwargs)
      ),
    )
    ((args, kwargs),) = seen
    static = {k: v for k, v in kwargs.items() if not isinstance(v, jax.Array)}
    arrays = {k: v for k, v in kwargs.items() if k not in static}
    return args, arrays, static

  case.run, case.inputs = run, inputs
  of_batch = lambda params, hparams, batch=case.batch: run(
    params, hparams, batch
  )
  case.step = jax.jit(jax.value_and_grad(of_batch, has_aux=True))
  return case


@pytest.fixture(
  params=CASES,
  ids=lambda case: '-'.join([case[0], *map(str, case[1].values())]),
)
def case(request):
  """One case for each of CASES."""
  name, options = request.param
  return make_case(name, **options)


@pytest.fixture
def draw():
  """draw(batch, latents) -> z, mean, logvar, float32 [batch, latents]."""

  def posterior(batch, latents, seed=0):
    rng = np.random.default_rng(seed)
    mean, noise, spread = rng.normal(size=(3, batch, latents))
    logvar = 0.5 * spread - 1
    z = mean + np.exp(0.5 * logvar) * noise
    return tuple(jnp.asarray(a, jnp.float32) for a in (z, mean, logvar))

  return posterior


@pytest.fixture(name='make_case')
def _make_case():
  """The maker of cases, for tests that pick their own."""
  return make_case
