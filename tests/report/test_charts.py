"""Charts: well-formed, to scale, and whole where values are missing."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from bvae_jax.report import markup, panels, svg

MARKS = [
  svg.Mark('#111', 'a', 'best'),
  svg.Mark('#222', '<b>'),
  svg.Mark('#333', 'c'),
]


def parts(drawing, name):
  return [e for e in ET.fromstring(drawing).iter() if e.tag == name]


def texts(drawing):
  return [e.text for e in parts(drawing, 'text')]


@pytest.mark.parametrize(
  'low, high, ticks',
  [
    (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    (-0.02, 1.02, [0, 0.5, 1.0]),
    (98, 131, [100, 110, 120, 130]),
    (-7, 3, [-6, -4, -2, 0, 2]),
  ],
)
def test_nice_ticks(low, high, ticks):
  np.testing.assert_allclose(svg.nice_ticks(low, high), ticks)


def test_domain_spans_the_finite_values():
  assert svg.domain([1.0, np.nan, 3.0, np.inf], pad=0.5) == (0.0, 4.0)
  assert svg.domain([np.nan]) == (0.0, 1.0)
  low, high = svg.domain([2.0, 2.0])
  assert low < 2.0 < high


def test_points_lie_where_the_axes_say():
  chart = svg.Chart((0.0, 10.0), (0.0, 1.0), title='t')
  chart.dot(0.0, 0.0, MARKS[0], tip='low')
  chart.dot(10.0, 1.0, MARKS[0], tip='high')
  chart.dot(5.0, float('nan'), MARKS[0], tip='nowhere')
  low, high = parts(chart.render(), 'circle')
  assert float(low.get('cx')) == chart.left
  assert float(high.get('cx')) == chart.right
  assert float(low.get('cy')) == chart.bottom
  assert float(high.get('cy')) == chart.top
  assert low.find('title').text == 'low'


def test_a_logarithmic_axis_puts_the_geometric_mean_in_the_middle():
  chart = svg.Chart((1.0, 100.0), (0.0, 1.0), title='t', log_x=True,
                    x_ticks=[(1.0, '1'), (100.0, '100')])  # fmt: skip
  assert chart.px(10.0) == pytest.approx((chart.left + chart.right) / 2)


def test_a_curve_breaks_where_a_value_is_missing():
  chart = svg.Chart((0.0, 4.0), (0.0, 1.0), title='t')
  chart.line(range(5), [0, 1, np.nan, 1, 0], MARKS[0])
  chart.line(range(5), [np.nan] * 5, MARKS[0])
  (path,) = parts(chart.render(), 'path')
  assert [path.get('d').count(c) for c in 'ML'] == [2, 2]


def test_a_strip_shows_each_finite_value_apart():
  values = np.array([0.5, 0.5, np.nan])
  drawing = panels.strip(values, MARKS, 'a <score>', span=(0, 1))
  dots = parts(drawing, 'circle')
  assert len({(d.get('cx'), d.get('cy')) for d in dots}) == len(dots) == 2
  assert 'best' in dots[-1].get('class')
  assert '<b>: 0.500' in [d.find('title').text for d in dots]
  assert 'a <score>' in texts(drawing)


def test_a_heat_map_colours_by_size_and_leaves_gaps():
  values = [[1.0, -0.5, None], [0.0, 0.25, float('nan')]]
  drawing = panels.heat_map(values, ['r', 's&'], ['a', 'b', 'c'], 'map')
  cells = parts(drawing, 'rect')
  alphas = [float(c.get('style').removeprefix('fill-opacity:')) for c in cells]
  assert np.argsort(alphas, kind='stable').tolist()[-2:] == [1, 0]
  assert ['below' in c.get('class') for c in cells] == [False, True] + 4 * [
    False
  ]
  assert texts(drawing).count(markup.MISSING) == 2
  assert 's&' in texts(drawing)


@pytest.mark.parametrize(
  'value, shown',
  [(None, '–'), (float('nan'), '–'), (0.1234, '0.123'), (-12.345, '−12.35'),
   (123456.0, '123,456'), (-150.04, '−150.0'), (3, '3.000')],
)  # fmt: skip
def test_numbers(value, shown):
  assert markup.number(value) == shown


@pytest.mark.parametrize(
  'value, shown',
  [(300_000, '300k'), (1500, '1500'), (0.0001, '0.0001'), (-2.5, '−2.5'),
   (2e6, '2M'), (1e-5, '1e-5'.replace('-', '−'))],
)  # fmt: skip
def test_ticks(value, shown):
  assert markup.compact(value) == shown


def test_elements_escape_what_they_are_given():
  made = markup.tag('p', markup.text('<&"'), class_='"x"', data_y=1.25, z=None)
  element = ET.fromstring(made)
  assert element.text == '<&"'
  assert element.attrib == {'class': '"x"', 'data-y': '1.2'}
