// What is drawn: the rows of latents, their strips, the factors.

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
    `z${d}: ${DATA.factors[k].name} explains `
    + `${Math.round(100 * m.shares[d][k])}\u00a0%`)];
  const bar = make('span');
  bar.style.width = `${100 * m.kl[d] / Math.max(...m.kl, IDLE)}%`;
  const [what, unit] = DATA.measure;
  const ticks = isCategory(m, d) ? `one of ${m.category.shape[0]} categories`
    : m.book ? `${m.book[d].length} values` : `tick ${tickOf(m, d)} σ`;
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
    slider.setAttribute('aria-label', `latent ${d}, ${name.value}`);
    fillAxes();
  };
  const slider = make('input', {
    type: 'range', min: low, max: high,
    step: m.book ? 1 : (high - low) / 400});
  slider.style.setProperty('--track', trackOf(m, d));
  slider.setAttribute('aria-label', `latent ${d}, ${labelOf(m, d)}`);
  slider.oninput = () => {
    STATE.z[d] = valueOf(m, d, Number(slider.value));
    STATE.last = d;
    show();
  };
  const values = stripOf(m, d);
  const strip = make('canvas', {
    className: 'strip', width: WIDTH * values.length, height: HEIGHT,
    ariaHidden: true}); // the slider does as much
  strip.onclick = (event) => {
    const at = Math.floor(values.length * event.offsetX / strip.clientWidth);
    STATE.z[d] = values[Math.min(at, values.length - 1)];
    STATE.last = d;
    show();
  };
  const value = make('output', {ariaLive: 'off'}); // the slider tells it
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
    `${idle.length} latent${idle.length > 1 ? 's' : ''} under ${IDLE} `
    + `${DATA.measure[1]}: next to nothing of an image`;
  rest.open = !active.length;
  rest.querySelector('div').replaceChildren(...idle.map(({row}) => row));
}

// A number with a true minus, or with what stands for plus.
function signed(v, digits, plus) {
  const size = Math.abs(v).toFixed(digits);
  return `${v < 0 && Number(size) ? '−' : plus}${size}`;
}

function showRows() {
  const m = model();
  for (const {d, slider, value} of rows) {
    // Places: what the page holds of a codebook is rounded.
    const [at, low, high] = [STATE.z[d], m.low[d], m.high[d]]
      .map((v) => placeOf(m, d, v));
    slider.value = at;
    const out = at < low || at > high;
    const steps = (STATE.z[d] - STATE.anchor[d]) / m.sigma[d];
    value.className = out ? 'out' : '';
    value.replaceChildren(signed(STATE.z[d], 2, ''), ' ',
      make('small', {}, `${signed(steps, 1, '+')} σ`));
    slider.setAttribute('aria-valuetext', value.textContent
      + (out ? ', beyond the data' : ''));
  }
}

// Strips are drawn when the sliders rest, as many images at a time as leave the
// page at hand.
let stripTimer = 0;

function drawStrips() {
  clearTimeout(stripTimer);
  const m = model(), z = [...STATE.z];
  const todo = rows.filter(({row}) => !row.closest('details:not([open])'))
    .flatMap(({d, strip, values}) => values.map((v, s) => ({d, strip, v, s})));
  const next = () => {
    const until = performance.now() + 50; // ms
    while (todo.length && performance.now() < until) {
      const {d, strip, v, s} = todo.shift(), code = [...z];
      code[d] = v;
      strip.getContext('2d').putImageData(
        toImageData(decoded(m, code)), s * WIDTH, 0);
    }
    if (todo.length) stripTimer = setTimeout(next, 0);
  };
  stripTimer = setTimeout(next, 150);
}

// Factors: the true image of a combination, and how the latents answer.
function valueName(k, v) {
  return v === null ? 'unknown'
    : DATA.factors[k].values[v] || String(Number(v.toPrecision(4)));
}

function buildFactors() {
  $('factor-section').hidden = !DATA.grid || !model().encoder.length;
  if (!DATA.grid) return;
  const inputs = DATA.values.map((values, k) => {
    const input = make('input', {
      type: 'range', min: 0, max: values.length - 1, step: 1,
      value: values.length >> 1});
    input.setAttribute('aria-label', `factor ${DATA.factors[k].name}`);
    const text = make('output', {ariaLive: 'off'});
    const tell = () => {
      text.textContent = valueName(k, values[input.value]);
      input.setAttribute('aria-valuetext', text.textContent);
    };
    tell();
    input.oninput = () => {
      tell();
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
    return make('div', {}, make('span', {}, fullName(m, d)), bar,
      make('span', {}, signed(moved[i], 1, '')));
  }));
}
