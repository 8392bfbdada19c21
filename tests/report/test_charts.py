"""Charts: rows go in whole, and one that diverged flattens no other."""

import json
import re

import numpy as np
import pages
import pytest

from bvae_jax.report import charts, markup


def rows(members=3, steps=4):
  return [
    {'member': f'seed={m}', 'step': s, 'value': float(m * s)}
    for m in range(members)
    for s in range(steps)
  ]


def test_domain_spans_the_finite_values():
  assert charts.domain([1.0, np.nan, 3.0, np.inf], pad=0.5) == ((0.0, 4.0), 0)
  assert charts.domain([np.nan]) == ((0.0, 1.0), 0)
  (low, high), _ = charts.domain([2.0, 2.0])
  assert low < 2.0 < high


def test_a_diverged_member_leaves_the_frame_to_the_others():
  curves = np.array([[9.0, 8.0, 9.0], [2.0, 1.0, 1e9]])
  assert charts.domain(curves, pad=0.125) == ((0.0, 10.0), 1)
  # Of three members two of which agree, the third has not diverged.
  (low, high), outside = charts.domain([0.693, 0.695, 0.76])
  assert (low < 0.693, high > 0.76, outside) == (True, True, 0)
  # Two runs side by side: the smaller one is no stray.
  (low, high), outside = charts.domain([28.9, 29.0, 29.1, 29.2, 135.0, 136.0])
  assert (low < 28.9, high > 136.0, outside) == (True, True, 0)


def test_numbers_have_a_true_minus():
  text = markup.minus('-0.5 [-1.2, -.3], a-1, 2-3, --labels=-2, +0.1')
  assert text == '−0.5 [−1.2, −.3], a-1, 2-3, --labels=−2, +0.1'


@pytest.mark.parametrize('value, found', [(1.234567, 1.2346), (np.inf, None)])
def test_numbers_are_rounded_for_the_page(value, found):
  assert charts.rounded(value) == found


def test_the_page_holds_the_very_rows_escaped():
  found = [row | {'member': '</script><b>"'} for row in rows(1)]
  box = markup.chart(charts.curves(found, title='<i>'))
  assert '<b>' not in box and '</script>' not in box
  shown = pages.charts(pages.tree(f'<p>{box}</p>'))['<i>']
  assert [{k: row[k] for k in found[0]} for row in shown] == found


def test_every_chart_is_valid_vega_lite():
  point = {'member': 'a', 'value': 0.5, 'x': 1.0, 'y': 2.0}
  line = {'group': 'mean', 'x': 1.0, 'y': 2.0, 'order': 0}
  cell = {'row': 'r', 'column': 'c', 'value': -0.5}
  drawn = [
    charts.curves(rows(), title='t', colours={'seed=0': '#111'}),
    charts.strip([point, point | {'value': None}], title='t'),
    charts.heat_map([cell, cell | {'value': None}], title='t', limit=1.0),
    charts.bars([{'name': 'a', 'value': 0.3}], title='t'),
    charts.latents([point | {'rank': 1, 'latent': 'z0'}], title='t'),
    charts.scatter([point], title='t', lines=[line], log_x=True, ticks=[1.0]),
    charts.distribution([point | {'setting': 's'}], title='t'),
  ]
  texts = re.findall(r'<text[^>]*>([^<]*)<', charts.svg(drawn[2]))
  assert '–' in texts and 'null' not in texts  # a constant score has no rank
  lone = [point | {'x': x} for x in 3 * [0.25, 1.0, 4.0, 200.0]]
  titled = charts.scatter(lone, title='t', log_x=True).to_dict()['title']
  assert titled['text'] == 't'  # a logarithmic axis holds them all
  far = charts.scatter([point, point | {'x': 1e38}], title='t', log_x=True)
  low, high = far.to_dict()['layer'][0]['encoding']['x']['scale']['domain']
  assert low < 0.05 and high > 2e39  # of 38 decades, with room at both ends
  one = charts.curves(rows()[:1], title='t').to_dict()['layer'][1]
  assert one['mark']['opacity'] == 1  # a line of one step is nothing to see
  told = {'row': 'score', 'column': 'with'}
  cells = charts.heat_map([cell], title='t', told=told, value='v').to_dict()
  tips = [tip['title'] for tip in cells['layer'][0]['encoding']['tooltip']]
  assert tips == ['score', 'with', 'v']
  share = charts.bars([{'name': 'a', 'value': 0.1}], title='t', limit=1.0)
  encoding = share.to_dict()['layer'][0]['encoding']
  assert encoding['y']['scale'] == {'domain': [0, 1]}
  for chart in (drawn[1], drawn[4]):  # whose summaries leave the stopped out
    assert chart.to_dict()['layer'][0]['transform'] == [
      {'filter': '!datum.stopped'}
    ]
  for chart in drawn:
    json.dumps(chart.to_dict(validate=True), allow_nan=False)


def test_a_graph_has_room_for_its_names():
  """A letter takes 7 pixels in a wide font; none is cut off."""
  for size in (4, 80):
    drawn = charts.graph([], title='t', left=['x' * size], right=['z0'])
    spec = drawn.to_dict(validate=False)
    low, high = spec['layer'][0]['encoding']['x']['scale']['domain']
    before = spec['width'] * (-0.03 - low) / (high - low)  # the names' end
    assert before >= 7 * size and spec['width'] == pytest.approx(
      max(86, 12 + 7 * size) + 250 + 86
    )
