// What is drawn: the rows of latents, their strips, the factors, the scatter.

const STRIP = 9; // images of a traversal
const WIDEST = 16; // of one through a codebook

// The share of its slider at which a value stands.
function shareOf(m, d, v) {
  const [low, high] = endsOf(m, d);
  return (placeOf(m, d, v) - low) / (high - low);
}

function trackOf(m, d) {
  const part = (v) => `${(100 * shareOf(m, d, v)).toFixed(1)}%`;
  const [from, to] = [part(m.low[d]), part(m.high[d])];
  return `linear-gradient(to right, var(--warm) ${from}, var(--accent) ${from},`
    + `var(--accent) ${to}, var(--warm) ${to})`;
}

// Every sigma, or every 2, 5, 10, ... of them, so that they can be counted.
function tickOf(m, d) {
  const [low, high] = m.reach[d];
  const fits = (n) => (high - low) / (n * m.sigma[d]) <= 16;
  return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find(fits) || 5000;
}

function ticksOf(m, d) {
  const [low, high] = m.reach[d], step = tickOf(m, d) * m.sigma[d];
  const values = [...m.book?.[d] ?? []];
  for (let v = Math.ceil(low / step) * step; !m.book && v <= high; v += step) {
    values.push(v);
  }
  return make('div', {className: 'ticks'}, ...values.map((v) => {
    const tick = make('i');
    tick.style.left = `${100 * shareOf(m, d, v)}%`;
    return tick;
  }));
}

function factsOf(m, d) {
  const k = knownBy(m, d);
  const known = k < 0 ? [] : [make('div', {},
    `${DATA.factors[k].name} explains ${Math.round(100 * m.shares[d][k])} %`)];
  const bar = make('span');
  bar.style.width = `${100 * m.kl[d] / Math.max(...m.kl, 1e-9)}%`;
  const [what, unit] = DATA.measure;
  const ticks = m.book ? `${m.book[d].length} values`
    : `tick ${tickOf(m, d)} σ`;
  const facts = `${what} ${m.kl[d].toFixed(2)} ${unit}, ${ticks}`;
  return [...known, make('div', {}, facts),
    make('div', {className: 'kl'}, bar)];
}

function latentRow(m, d) {
  const [low, high] = endsOf(m, d);
  const name = make('input', {type: 'text', value: labelOf(m, d)});
  name.setAttribute('aria-label', `name of latent ${d}`);
  name.title = `latent ${d}`;
  name.onchange = () => {
    STATE.names[`${m.place}/${d}`] = name.value.trim();
    name.value = labelOf(m, d);
    fillAxes();
  };
  const slider = make('input', {
    type: 'range', min: low, max: high,
    step: m.book ? 1 : (high - low) / 400});
  slider.style.setProperty('--track', trackOf(m, d));
  slider.setAttribute('aria-label', `latent ${d}`);
  slider.oninput = () => {
    STATE.z[d] = valueOf(m, d, Number(slider.value));
    STATE.last = d;
    show();
  };
  const values = stripOf(m, d);
  const strip = make('canvas', {
    className: 'strip', width: WIDTH * values.length, height: HEIGHT});
  strip.onclick = (event) => {
    const at = Math.floor(values.length * event.offsetX / strip.clientWidth);
    STATE.z[d] = values[Math.min(at, values.length - 1)];
    STATE.last = d;
    show();
  };
  const value = make('output');
  const slide = make('div', {className: 'slide'},
    slider, ticksOf(m, d), strip);
  // Each value of a codebook stands over its image.
  if (m.book) slide.style.setProperty('--inset', `${50 / m.book[d].length}%`);
  const row = make('div', {className: 'latent'},
    make('div', {className: 'about'}, name, ...factsOf(m, d)), value, slide);
  return {d, row, slider, value, strip, values};
}

// The values whose images a strip shows.
function stripOf(m, d) {
  const [low, high] = endsOf(m, d), whole = m.book?.[d].length ?? 0;
  const count = whole && whole <= WIDEST ? whole : STRIP;
  return Array.from({length: count}, (_, s) => {
    const share = (s + 0.5) / count;
    return valueOf(m, d, whole ? Math.floor(whole * share)
      : low + (high - low) * share);
  });
}

let rows = [];

function buildLatents() {
  const m = model();
  rows = m.order.map((d) => latentRow(m, d));
  const idle = rows.filter(({d}) => m.kl[d] < IDLE);
  const active = rows.filter(({d}) => m.kl[d] >= IDLE);
  $('latents').replaceChildren(...active.map(({row}) => row));
  const rest = $('idle');
  rest.hidden = !idle.length;
  rest.ontoggle = drawStrips;
  rest.querySelector('summary').textContent =
    `${idle.length} latents under ${IDLE} ${DATA.measure[1]}, which say nothing`;
  rest.querySelector('div').replaceChildren(...idle.map(({row}) => row));
}

// A number with a true minus, or with what stands for plus.
const signed = (v, digits, plus) =>
  `${v < 0 ? '−' : plus}${Math.abs(v).toFixed(digits)}`;

function showRows() {
  const m = model();
  for (const {d, slider, value} of rows) {
    slider.value = placeOf(m, d, STATE.z[d]);
    const out = STATE.z[d] < m.low[d] || STATE.z[d] > m.high[d];
    const steps = (STATE.z[d] - STATE.anchor[d]) / m.sigma[d];
    value.className = out ? 'out' : '';
    value.replaceChildren(signed(STATE.z[d], 2, ''), ' ',
      make('small', {}, `${signed(steps, 1, '+')} σ`));
  }
}

// Strips are drawn when the sliders rest, a row at a time.
let stripTimer = 0;

function drawStrips() {
  clearTimeout(stripTimer);
  const m = model(), z = [...STATE.z];
  const todo = rows.filter(({row}) => !row.closest('details:not([open])'));
  const next = () => {
    const one = todo.shift();
    if (!one) return;
    const context = one.strip.getContext('2d');
    one.values.forEach((v, s) => {
      const code = [...z];
      code[one.d] = v;
      context.putImageData(toImageData(decoded(m, code)), s * WIDTH, 0);
    });
    stripTimer = setTimeout(next, 0);
  };
  stripTimer = setTimeout(next, 150);
}

// Factors: the true image of a combination, and how the latents answer.
function valueName(k, v) {
  return DATA.factors[k].values[v] || String(v);
}

function buildFactors() {
  $('factor-section').hidden = !DATA.grid || !model().encoder.length;
  if (!DATA.grid) return;
  const inputs = DATA.values.map((values, k) => {
    const input = make('input', {
      type: 'range', min: 0, max: values.length - 1, step: 1,
      value: values.length >> 1});
    input.setAttribute('aria-label', `factor ${DATA.factors[k].name}`);
    const text = make('output', {}, valueName(k, values[input.value]));
    input.oninput = () => {
      text.textContent = valueName(k, values[input.value]);
      drive(inputs.map((one) => Number(one.value)));
    };
    $('factors').append(make('div', {className: 'factor'},
      make('span', {}, DATA.factors[k].name), input, text));
    return input;
  });
}

function drive(places) {
  const index = places.reduce((at, p, k) => at * DATA.values[k].length + p, 0);
  const before = STATE.z, m = model();
  anchorPixels(tile(SHEETS.grid, index), places.map((p, k) =>
    `${DATA.factors[k].name} ${valueName(k, DATA.values[k][p])}`).join(', '));
  const moved = m.order.map((d) => (STATE.z[d] - before[d]) / m.sigma[d]);
  const most = Math.max(...moved.map(Math.abs), 1);
  $('answers').replaceChildren(...m.order.map((d, i) => {
    const bar = make('i');
    bar.style.width = `${100 * Math.abs(moved[i]) / most}%`;
    return make('div', {}, make('span', {}, labelOf(m, d)), bar,
      make('span', {}, moved[i].toFixed(1)));
  }));
}

// The scatter of the codes of the data.
const COLOURS = ['#2166ac', '#d6604d', '#1b9e77', '#7570b3', '#e6ab02',
  '#a6761d', '#66a61e', '#e7298a'];

function fillAxes() {
  const m = model();
  for (const [id, first] of [['x', 0], ['y', 1]]) {
    const chosen = $(id).value || m.order[Math.min(first, m.D - 1)];
    $(id).replaceChildren(...m.order.map((d) => make('option', {
      value: d, textContent: `${labelOf(m, d)} (z${d})`})));
    $(id).value = chosen;
  }
}

function colourOf(i) {
  const k = Number($('colour').value);
  if (!DATA.factors.length || k < 0) return COLOURS[0];
  const value = DATA.labels[i][k];
  const seen = DATA.labels.map((row) => row[k]);
  const low = Math.min(...seen), high = Math.max(...seen);
  if (high - low < COLOURS.length && Number.isInteger(value)) {
    return COLOURS[value - low];
  }
  return `hsl(${220 - 200 * (value - low) / (high - low || 1)} 65% 50%)`;
}

function scatterMap() {
  const m = model(), x = Number($('x').value), y = Number($('y').value);
  const canvas = $('scatter'), scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight, pad = 14;
  const to = (d, v, size) => {
    const [low, high] = m.reach[d];
    return pad + (size - 2 * pad) * (v - low) / (high - low);
  };
  return {
    canvas, scale, width, height,
    at: (code) => [to(x, code[x], width), height - to(y, code[y], height)],
  };
}

let dots = []; // colours, for as long as the choice stands

function drawScatter() {
  const {canvas, scale, width, height, at} = scatterMap(), m = model();
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext('2d');
  context.scale(scale, scale);
  context.globalAlpha = 0.75;
  for (let i = 0; i < DATA.images.count; i++) {
    context.fillStyle = dots[i] = dots[i] || colourOf(i);
    context.beginPath();
    context.arc(...at(m.code(i)), 3, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(document.body).color;
  context.lineWidth = 2;
  const [x, y] = at(STATE.z);
  context.beginPath();
  for (const [dx, dy] of [[7, 0], [0, 7]]) {
    context.moveTo(x - dx, y - dy);
    context.lineTo(x + dx, y + dy);
  }
  context.stroke();
}

function nearest(event) {
  const {at} = scatterMap(), m = model();
  let found = -1, best = 14 ** 2;
  for (let i = 0; i < DATA.images.count; i++) {
    const [x, y] = at(m.code(i));
    const far = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2;
    if (far < best) [found, best] = [i, far];
  }
  return found;
}

function tip(i) {
  const box = $('tip'), m = model();
  box.hidden = i < 0;
  if (i < 0) return;
  paint($('tip-original'), tile(SHEETS.images, i));
  paint($('tip-decoded'), decoded(m, m.code(i)));
  box.querySelector('span').textContent = DATA.factors.map((factor, k) =>
    `${factor.name} ${valueName(k, DATA.labels[i][k])}`).join(', ');
  const {width, at} = scatterMap(), [x, y] = at(m.code(i));
  box.style.left = `${Math.min(x + 10, width - 156)}px`;
  box.style.top = `${y + 10}px`;
}
