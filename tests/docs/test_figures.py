"""The figures of the docs, of models that are written by hand."""

import types

import numpy as np
import pytest

from bvae_jax.workdir import metrics_log

figures = pytest.importorskip('docs.figures')


def test_a_matrix_has_its_latents_by_kl_and_two_of_each_factor_stand_out():
  result = types.SimpleNamespace(
    elbo={'kl_per_latent': [1.0, 3.0, 2.0]},
    matrices={'mig': [[0.1, 0.9], [0.8, 0.2], [0.3, 0.4]]},
    metrics={'mig': 0.5},
  )
  model = types.SimpleNamespace(
    result=result, dataset=types.SimpleNamespace(factor_names=('a', 'b'))
  )
  chart = figures.matrix_chart(model, 'mig', 'MIG', 3)
  found = {(v['latent'], v['factor']): v for v in chart.data.values}
  values = [[found[d, k]['value'] for k in 'ab'] for d in (1, 2, 3)]
  np.testing.assert_array_equal(values, [[0.8, 0.2], [0.3, 0.4], [0.1, 0.9]])
  top = {at for at, v in found.items() if v['top']}
  assert top == {(1, 'a'), (2, 'a'), (3, 'b'), (2, 'b')}


def test_the_opening_has_a_line_a_latent(tmp_path, monkeypatch):
  monkeypatch.setattr(figures, 'FIGURES', tmp_path)
  lines = [
    {'group': 0, 'step': step, 'members': [{'kl_per_latent': [step / 10, 1.0]}]}
    for step in (10, 20)
  ]
  path = tmp_path / 'metrics.jsonl'
  path.write_text(''.join(map(metrics_log.text, lines)))
  figures.draw_opening(tmp_path)
  drawn = (tmp_path / 'opening.svg').read_text()
  assert 'latent: 0' in drawn and 'latent: 1' in drawn
