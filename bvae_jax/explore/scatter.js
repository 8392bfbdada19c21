// The scatter of the codes of the data.
const COLOURS = ['#3d83c4', '#d6604d', '#1b9e77', '#7570b3', '#c28a00',
  '#a6761d', '#66a61e', '#e7298a'];
const UNKNOWN = '#8a929b'; // a label that is missing

function fillAxes() {
  const m = model();
  for (const [id, first] of [['x', 0], ['y', 1]]) {
    const chosen = $(id).value || m.order[Math.min(first, m.D - 1)];
    $(id).replaceChildren(...m.order.map((d) => make('option', {
      value: d, textContent: fullName(m, d)})));
    $(id).value = chosen;
  }
}

function colourOf(i) {
  const k = Number($('colour').value);
  if (!DATA.factors.length || k < 0) return COLOURS[0];
  const value = DATA.labels[i][k];
  if (value === null) return UNKNOWN;
  const seen = DATA.labels.map((row) => row[k]).filter((v) => v !== null);
  const low = Math.min(...seen), high = Math.max(...seen);
  if (DATA.factors[k].classes && high - low < COLOURS.length) {
    return COLOURS[value - low];
  }
  // From violet over red to orange, as dark as both grounds allow.
  const share = (value - low) / (high - low || 1);
  return `hsl(${250 + 145 * share} 60% ${60 - 14 * share}%)`;
}

// Which colour is which value; of many, those of the ends.
function colourKey() {
  const k = Number($('colour').value), places = new Map();
  DATA.labels.forEach((row, i) => places.set(row[k] ?? null, i));
  const known = [...places.keys()].filter((v) => v !== null)
    .sort((a, b) => a - b);
  const few = known.length <= COLOURS.length;
  const shown = few ? known : [0, .25, .5, .75, 1].map((share) =>
    known[Math.round(share * (known.length - 1))]);
  if (places.has(null)) shown.push(null);
  $('key').replaceChildren(...k < 0 ? [] : shown.map((v) => {
    const dot = make('i');
    dot.style.background = colourOf(places.get(v));
    return make('span', {}, dot, valueName(k, v));
  }));
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
