"""What trains in bfloat16, and what stays in float32."""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

CONV = {'encoder': 'conv_locatello', 'decoder': 'deconv_locatello'}


def lowered(**changes):
  """One step before it is compiled, and a call that takes it."""
  config = helpers.small_config('beta_vae', **changes)
  _, state, take = helpers.first_step(config)
  return take.lower(state), lambda: take(state)


def test_bfloat16_is_of_the_networks_alone():
  text = lowered(precision='bfloat16', **CONV)[0].as_text()
  products = [x for x in text.splitlines() if 'dot_general' in x]
  assert len(products) > 10 and all('xbf16>' in x for x in products)
  state, terms = lowered(precision='bfloat16')[1]()
  _, expected = lowered()[1]()
  floats = [
    x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)
  ]
  assert {x.dtype for x in floats} == {jnp.dtype('float32')}
  for name, value in expected.items():
    assert terms[name].dtype == jnp.float32
    np.testing.assert_allclose(terms[name], value, rtol=0.03, atol=0.02)
  assert float(terms['nll']) != float(expected['nll'])


@pytest.mark.parametrize('precision', ['default', 'highest'])
def test_products_are_as_precise_as_is_asked_for(precision):
  lines = lowered(matmul_precision=precision, **CONV)[0].as_text().splitlines()
  products = [x for x in lines if 'dot_general' in x]
  asked = sum('precision = [HIGHEST, HIGHEST]' in x for x in products)
  assert products and (asked == len(products)) == (precision == 'highest')
