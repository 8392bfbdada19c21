// A notebook may hold several pages, and run the scripts of each elsewhere.
const page = document.currentScript.closest('.bvae') ??
  [...document.querySelectorAll('.bvae')].pop();
const all = (query, root = page) => [...root.querySelectorAll(query)];
const css = name => getComputedStyle(page).getPropertyValue(name).trim();

// Charts: unpacked and drawn one after the other, from the top.

function rows(columns) {
  const names = Object.keys(columns);
  const of = names.map(name => {
    const [values, which] = columns[name];
    return which ? which.map(i => values[i]) : values;
  });
  return of[0].map((_, i) =>
    Object.fromEntries(names.map((name, k) => [name, of[k][i]])));
}

function unpack(text) {
  const spec = JSON.parse(text);
  for (const part of [spec, ...spec.layer])
    if (part.data) part.data = {values: rows(part.data)};
  return spec;
}

function theme() {
  const [ink, muted, rule] = ['--ink', '--muted', '--rule'].map(css);
  return {
    background: css('--paper'),  // a saved chart is read on any page
    text: {color: ink}, title: {color: ink},
    view: {stroke: null}, font: 'system-ui, sans-serif',
    axis: {labelColor: muted, titleColor: muted, gridColor: rule,
           tickColor: rule, domainColor: muted, titleFontWeight: 'normal',
           labelSeparation: 4},
    legend: {labelColor: ink, titleColor: ink},
  };
}

const views = new Map();  // of the charts drawn
const picked = new Map();  // of each section, what is singled out
const rowsOf = spec => [spec, ...spec.layer].flatMap(
  part => part.data ? part.data.values : []);

// A title in lines of so many letters; a longer one would squeeze its chart.

const lines = (words, most) => words.split(/(?<=[ _])/).reduce((found, word) => {
  const last = found.pop();
  return last && last.length + word.trim().length > most
    ? [...found, last.trim(), word] : [...found, last + word];
}, ['']);

async function draw(box) {
  const spec = unpack(box.dataset.spec);
  if (spec.width === 'container')
    spec.title.text = lines(spec.title.text, box.clientWidth / 8);
  const {view} = await vegaEmbed(box, spec, {
    config: theme(), renderer: rowsOf(spec).length > 1500 ? 'canvas' : 'svg',
    actions: {export: {svg: true, png: true}, source: false, compiled: false,
              editor: false},
    scaleFactor: {png: 3},
    downloadFileName: box.getAttribute('aria-label'),
  });
  views.set(box, view);
  box.querySelector('summary')?.setAttribute('aria-label', 'Save the chart');
  const section = box.closest('section');
  show(view, picked.get(section) || []);
  try {
    view.addSignalListener('picked', (_, found) =>
      single(section, found.member || [], view));
  } catch { /* a chart without members */ }
}

function show(view, members) {
  try {
    const fields = view.signal('picked_tuple_fields');
    view.data('picked_store', members.map(
      member => ({unit: '', fields, values: [member]}))).run();
  } catch { /* a chart without members */ }
}

function single(section, members, from) {
  const before = picked.get(section) || [];
  if (String(before) === String(members)) return;
  picked.set(section, members);
  for (const [box, view] of views)
    if (view !== from && section.contains(box)) show(view, members);
  for (const key of all('.key', section))
    key.setAttribute('aria-pressed', String(members.length > 0 &&
      members.every(m => JSON.parse(key.dataset.members).includes(m))));
}

async function drawAll(root) {
  for (const box of all('.chart', root)) {
    if (views.has(box) || box.closest('details:not([open])')) continue;
    await draw(box);
    await new Promise(done => setTimeout(done));
  }
}
drawAll(page);
for (const fold of all('details'))
  fold.addEventListener('toggle', () => drawAll(fold));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
  [...views.keys()].forEach(draw));

for (const key of all('.key'))
  key.addEventListener('click', () => {
    const on = key.getAttribute('aria-pressed') === 'true';
    single(key.closest('section'), on ? [] : JSON.parse(key.dataset.members));
  });

// The values of a figure's charts as a table, made when it is opened.

for (const details of all('details.values'))
  details.addEventListener('toggle', () => {
    if (details.querySelector('table')) return;
    const table = document.createElement('table');
    for (const box of all('.chart', details.closest('figure'))) {
      const spec = unpack(box.dataset.spec);
      const found = rowsOf(spec).slice(0, 3000);
      const called = Object.fromEntries(spec.layer.flatMap(
        layer => layer.encoding.tooltip ?? []).map(
        tip => [tip.field, tip.title ?? tip.field]));
      const keys = [...new Set(found.flatMap(Object.keys))].filter(
        k => !['role', 'lane', 'share', 'shift', 'level', 'order'].includes(k) &&
          found.some(row => (row[k] ?? '') !== ''));
      const body = table.appendChild(document.createElement('tbody'));
      const add = (cells, kind) => {
        const tr = body.appendChild(document.createElement('tr'));
        for (const words of cells)
          tr.appendChild(document.createElement(kind)).textContent =
            typeof words === 'number' ? String(words).replace('-', '−')
              : words ?? '–';
        return tr;
      };
      const title = add([box.getAttribute('aria-label')], 'th').firstChild;
      Object.assign(title, {colSpan: keys.length, className: 'title'});
      add(keys.map(k => called[k] ?? k), 'th');
      for (const row of found) add(keys.map(k => row[k]), 'td');
    }
    const scroll = details.appendChild(document.createElement('div'));
    scroll.className = 'scroll';
    scroll.tabIndex = 0;
    scroll.append(table);
  });

// What is clicked is pressed by keys as well.

function pressed(node, action) {
  node.tabIndex = 0;
  node.addEventListener('click', action);
  node.addEventListener('keydown', event => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();  // a space scrolls
    action();
  });
}

// Tables sort by their heads.

function number(words) {
  const found = words.replace(/,/g, '').replace(/−/g, '-').match(/^[-+]?[\d.]+(e[-+]?\d+)?/i);
  return found ? parseFloat(found[0]) : NaN;
}

function compare(a, b) {
  const [x, y] = [number(a), number(b)];
  return isNaN(x) ? a.localeCompare(b, 'en', {numeric: true}) : x - y;
}

function sort(head) {
  const down = head.getAttribute('aria-sort') === 'ascending';
  for (const other of head.parentNode.cells)
    other.setAttribute('aria-sort', 'none');
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const body = head.closest('table').tBodies[0];
  const cell = row => row.cells[head.cellIndex].textContent.trim();
  const words = row => isNaN(number(cell(row)));  // stay below the numbers
  body.append(...[...body.rows].sort((a, b) => words(a) - words(b) ||
    (down ? -1 : 1) * compare(cell(a), cell(b))));
}

for (const head of all('thead th')) {
  head.setAttribute('aria-sort', 'none');
  pressed(head, () => sort(head));
}

// Pictures enlarge; the one that moves pauses. One that is shown smaller than it
// is must be smooth, or whole lines of it are gone.

const shrunk = new ResizeObserver(found => {
  for (const {target: img} of found) {
    const width = img.naturalWidth || img.getAttribute('width');
    img.classList.toggle('shrunk', img.clientWidth * devicePixelRatio < width);
  }
});
all('img').forEach(img => shrunk.observe(img));

const large = page.querySelector('dialog');
for (const img of all('figure img'))
  pressed(img, () => {
    Object.assign(large.firstChild, {src: img.currentSrc, alt: img.alt});
    large.showModal();
  });
large.addEventListener('click', () => large.close());

for (const button of all('.pause')) {
  const img = button.parentNode.querySelector('img');
  const set = still => {
    img.src = still ? button.dataset.still : button.dataset.moving;
    button.textContent = still ? 'Play' : 'Pause';
  };
  button.dataset.moving = img.src;
  button.addEventListener('click', () =>
    set(img.src === button.dataset.moving));
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) set(true);
}
