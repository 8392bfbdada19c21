"""The script of a page, run: what is sorted, what is told, and no warning."""

import numpy as np
import pages
from markupsafe import Markup

from bvae_jax.apps import pictures
from bvae_jax.report import charts, markup, page

_FIRST = """<script>
window.told = [];
for (const kind of ['warn', 'error']) console[kind] = m => told.push(String(m));
addEventListener('error', e => told.push(e.message));
</script>"""
# Sorts by each column in turn, then by the last the other way, and opens the
# values of the chart.
_LAST = """<script>
const tip = mark => {
  const at = {bubbles: true, ...mark.getBoundingClientRect().toJSON()};
  for (const kind of ['pointermove', 'mousemove'])
    mark.dispatchEvent(new PointerEvent(kind, at));
  const rows = document.querySelectorAll('#vg-tooltip-element tr');
  return [...rows].map(row => [...row.cells].map(c => c.textContent).join(' '));
};
setTimeout(() => {
  const boxes = [...document.querySelectorAll('.chart')].slice(0, 3);
  const tips = boxes.map(box => tip(
    box.querySelector('.mark-symbol.role-mark path, .mark-rect path')));
  const cells = (rows, i) => [...rows].map(row => row.cells[i]?.textContent);
  const body = document.querySelector('tbody');
  const sorted = [...document.querySelectorAll('thead th')].map((head, i) => {
    head.click();
    return cells(body.rows, i);
  });
  document.querySelector('thead th:last-child').dispatchEvent(
    new KeyboardEvent('keydown', {key: ' '}));
  const title = document.querySelectorAll('.chart:last-child tspan');
  const pictures = [...document.images].slice(0, 2).map(img => img.className);
  const falling = cells(body.rows, 2);
  document.querySelector('details.values').open = true;
  setTimeout(() => {
    const rows = document.querySelector('details.values tbody').rows;
    document.body.innerHTML = '<pre id="found"></pre>';
    document.body.firstChild.textContent = JSON.stringify({
      sorted, falling, told, pictures, tips,
      lines: title.length,
      values: [...rows].map(row => [...row.cells].map(c => c.textContent)),
    });
  }, 500);
}, 1500);
</script>"""


@pages.in_browser
def test_tables_sort_by_size_and_charts_say_what_they_hold(tmp_path):
  table = markup.table(
    ['setting', 'rate', 'score'],
    [
      ['beta 10', '+0.001', '−0.2 ± 0.1'],
      ['beta 2', '1e-05', '1,000.5'],
      ['beta 1', '0.0001', '−3'],
      ['beta 4', '–', '–'],
    ],
  )
  rows = [
    {'member': 'seed=0', 'role': 'best', 'x': x, 'y': -0.5} for x in (1.0, 64.0)
  ]
  drawn = charts.scatter(rows, title='MIG', log_x=True, ticks=[1.0, 64.0])
  curve = charts.curves(
    [{'member': 'a', 'step': s, 'value': 1.0} for s in (0, 9)],
    title='ELBO [nats]',
    each='latent',
  )
  bar = {'name': '3.5', 'value': 1.0}
  named = charts.bars([bar], title='it\'s "x"', value='images')
  long = charts.bars([bar], title='a_long_name_' * 9)
  pictures = markup.join(
    markup.image(np.zeros((1, width, 1), np.uint8), 'p') for width in (9, 4000)
  )
  content = table + pictures + markup.panels([drawn, curve, named, long], 'c')
  sections = [page.Section('S', content)]
  text = page.document(page.Head('t', '', [], []), sections, {})
  path = tmp_path / 'page.html'
  path.write_text(text.replace('<head>', '<head>' + _FIRST, 1) + _LAST)
  found = pages.written(path, 'found', 6000)
  assert found['sorted'] == [
    ['beta 1', 'beta 2', 'beta 4', 'beta 10'],
    ['1e-05', '0.0001', '+0.001', '–'],
    ['−3', '−0.2 ± 0.1', '1,000.5', '–'],
  ]
  assert found['falling'] == ['1,000.5', '−0.2 ± 0.1', '−3', '–']
  assert found['told'] == []
  assert found['tips'] == [
    ['member seed=0', 'x 1', 'MIG −0.5'],
    ['latent a', 'step 0', 'ELBO [nats] 1'],
    ['it\'s "x" 3.5', 'images 1'],
  ]
  assert found['lines'] > 1  # of the title, beside which the chart is whole
  assert found['pictures'] == ['', 'shrunk']  # smooth, where it is made smaller
  assert found['values'][:3] == [
    ['MIG'], ['group', 'member', 'x', 'MIG'], ['seed=0', 'seed=0', '1', '−0.5']
  ]  # fmt: skip


_NOTEBOOK = """<!doctype html><meta charset="utf-8"/>
<style>td { color: red }</style>
<h1>Mine</h1><table><tr><td>2</td></tr></table><a href="#">a</a>
<svg><text>t</text></svg>
<div id="a"></div><div id="b"></div>
<template>%s</template>
<script>
const keys = ['font', 'color', 'margin', 'padding', 'background-color',
              'box-sizing', 'text-align'];
const mine = () => ['body', 'h1', 'table', 'td', 'a', 'text'].flatMap(name => {
  const style = getComputedStyle(document.querySelector(name));
  return keys.map(key => style.getPropertyValue(key));
}).join();
const before = mine();
const told = [];
addEventListener('error', e => told.push(e.message));
for (const id of ['a', 'b']) {
  const cell = document.getElementById(id);
  cell.innerHTML = document.querySelector('template').innerHTML;
  for (const old of cell.querySelectorAll('script')) {
    const script = document.createElement('script');
    script.textContent = old.textContent;
    if (id === 'a') old.replaceWith(script);
    else document.head.appendChild(script).remove();
  }
}
const pages = [...document.querySelectorAll('.bvae')];
pages[1].querySelector('thead th').click();
const found = JSON.stringify({
  same: before === mine(), told,
  titles: pages.map(p => getComputedStyle(p.querySelector('h1')).fontSize),
  first: pages.map(p => p.querySelector('tbody').textContent),
  captions: [...pages[0].querySelectorAll('figcaption')].map(
    caption => caption.textContent),
});
document.body.innerHTML = '<pre id="found"></pre>';
document.body.firstChild.textContent = found;
</script>"""


@pages.in_browser
def test_two_pages_in_a_notebook_keep_to_themselves(tmp_path):
  table = markup.table(['a'], [['3'], ['1']])
  one, two = (markup.figure(table, words) for words in ('One.', 'Two.'))
  strip = pictures.labelled(np.zeros((1, 2, 4, 4, 1), np.uint8), ['z0'])
  content = markup.element('fold', 'Folded', one) + two + Markup(strip)
  head = page.Head('t', markup.element('lede', 'words'))
  text = page.document(head, [page.Section('S', content)], {})
  path = tmp_path / 'notebook.html'
  path.write_text(_NOTEBOOK % text)
  found = pages.written(path, 'found', 2000)
  assert found == {
    'same': True,
    'told': [],
    'titles': ['28px', '28px'],
    'first': ['31', '13'],
    'captions': ['Figure 1. One.', 'Figure 2. Two.'],  # folded or not
  }
