// What the page knows: the data, the models, and the one state that is shown.

const $ = (id) => document.getElementById(id);
const DATA = JSON.parse($('data').textContent);
const [HEIGHT, WIDTH, CHANNELS] = DATA.shape;

function make(tag, attributes = {}, ...children) {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...children);
  return node;
}

const MODELS = DATA.members.map((member) => {
  const codes = halves(member.mean), D = member.kl.length;
  const decoder = readNetwork(member.decoder);
  const book = decoder[0].op === 'nearest' ? codebookOf(decoder[0]) : null;
  const category = book ? null : decoder.find(({op}) => op === 'category');
  const best = member.shares.map((row) => row.indexOf(Math.max(...row)));
  return {
    ...member, D, best,
    encoder: readNetwork(member.encoder),
    decoder,
    book, // the values that each latent may take, rising, or null
    category, // the layer that chooses one, if any does
    label: `member ${member.place}, seed ${member.seed}`
      + (member.about ? ` (${member.about})` : ''),
    order: [...member.kl.keys()].sort((a, b) => member.kl[b] - member.kl[a]),
    code: (i) => Array.from(codes.subarray(i * D, (i + 1) * D)),
    // A slider reaches beyond what the data shows, or over the codebook.
    reach: member.low.map((low, d) => {
      if (book) return [book[d][0], book[d].at(-1)];
      const beyond = Math.max(
        2 * member.sigma[d], 0.25 * (member.high[d] - low));
      return [low - beyond, member.high[d] + beyond];
    }),
  };
});

const STATE = {
  a: 0, // the model shown
  b: null, // the one beside it
  z: [], anchor: [], anchorB: [],
  original: null, // pixels of the image that the code is of, [0, 1]
  source: '', // what the code is of, in words
  drive: null, // the values of the factors, where their sliders drive
  names: JSON.parse($('names').textContent),
};

const model = () => MODELS[STATE.a];
const encoded = (m, pixels) => {
  const code = evaluate(m.encoder, pixels, DATA.shape).slice(0, m.D);
  return Array.from(m.category ? OPERATIONS.category({x: code}, m.category).x
    : code);
};
// Whether a latent is one of the categories, which are 0, or 1 if chosen.
const isCategory = (m, d) => m.category && d >= m.D - m.category.shape[0];
const decoded = (m, z) => evaluate(m.decoder, z, [z.length]);

// The place of a value on its slider: itself, or which of the codebook it is.
const placeOf = (m, d, v) =>
  (m.book ? m.book[d].indexOf(nearestOf(m.book[d], v)) : v);
const valueOf = (m, d, place) => (m.book ? m.book[d][Math.round(place)] : place);
const endsOf = (m, d) => (m.book ? [0, m.book[d].length - 1] : m.reach[d]);
const snapped = (m, d, v) => valueOf(m, d, placeOf(m, d, v));

const IDLE = 0.05; // nats under which a latent says nothing
const CLEAR = 0.1; // the share that a factor must explain to be named

// The factor that explains a latent best, if any does.
function knownBy(m, d) {
  const k = m.best[d];
  return m.kl[d] >= IDLE && k >= 0 && m.shares[d][k] >= CLEAR ? k : -1;
}

// The name of a latent: the user's own, else that of its factor.
function labelOf(m, d) {
  const own = STATE.names[`${m.place}/${d}`];
  if (own) return own;
  const k = knownBy(m, d);
  return k >= 0 ? DATA.factors[k].name : `z${d}`;
}

// Two latents may have one name: with the number, where it is no such name.
function fullName(m, d) {
  const name = labelOf(m, d);
  return name === `z${d}` ? name : `${name} (z${d})`;
}

// Sheets of images, and the pixels of one of them, [0, 1].
function readSheet(found, image) {
  if (!found) return null;
  const canvas = make('canvas', {
    width: image.naturalWidth, height: image.naturalHeight});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  return {...found, canvas, context};
}

function tile(sheet, i) {
  const x = i % sheet.columns * WIDTH;
  const y = Math.floor(i / sheet.columns) * HEIGHT;
  return fromRGBA(sheet.context.getImageData(x, y, WIDTH, HEIGHT).data);
}

// A grey image is the luma of ITU-R BT.601, as where files are read to train.
function fromRGBA(rgba) {
  const out = new Float32Array(HEIGHT * WIDTH * CHANNELS);
  for (let i = 0; i < HEIGHT * WIDTH; i++) {
    const [r, g, b] = rgba.subarray(4 * i, 4 * i + 3);
    const values = CHANNELS === 1 ? [.299 * r + .587 * g + .114 * b] : [r, g, b];
    for (let c = 0; c < Math.min(CHANNELS, 3); c++) {
      out[i * CHANNELS + c] = values[c] / 255;
    }
  }
  return out;
}

function toImageData(pixels) {
  const out = new ImageData(WIDTH, HEIGHT);
  for (let i = 0; i < HEIGHT * WIDTH; i++) {
    for (let c = 0; c < 3; c++) {
      const grey = CHANNELS === 1 ? 0 : c;
      const value = grey < CHANNELS ? pixels[i * CHANNELS + grey] : 0;
      out.data[4 * i + c] = Math.round(255 * value);
    }
    out.data[4 * i + 3] = 255;
  }
  return out;
}

function paint(canvas, pixels) {
  if (canvas.width !== WIDTH) canvas.width = WIDTH;
  if (canvas.height !== HEIGHT) canvas.height = HEIGHT;
  canvas.getContext('2d').putImageData(toImageData(pixels), 0, 0);
}

// One of the codes that were drawn from the prior, whatever that is.
const PRIOR = halves(DATA.prior);

function ofPrior() {
  const {D} = model(), i = Math.floor(Math.random() * PRIOR.length / D);
  return Array.from(PRIOR.subarray(i * D, (i + 1) * D));
}

// Latents of the model beside: each follows the one that it agrees with most.
function matches(a, b) {
  const n = DATA.images.count;
  const column = (m, d) => {
    const v = Float64Array.from({length: n}, (_, i) => m.code(i)[d]);
    const mean = v.reduce((x, y) => x + y, 0) / n;
    const spread = Math.sqrt(v.reduce((s, x) => s + (x - mean) ** 2, 0));
    return {v: v.map((x) => (x - mean) / (spread || 1)), spread};
  };
  const left = a.kl.map((_, d) => column(a, d));
  const right = b.kl.map((_, d) => column(b, d));
  const pairs = left.flatMap((x, d) => right.map((y, e) => {
    const r = x.v.reduce((s, value, i) => s + value * y.v[i], 0);
    return {d, e, r, slope: Math.sign(r) * y.spread / (x.spread || 1)};
  })).sort((p, q) => Math.abs(q.r) - Math.abs(p.r));
  const found = [], taken = new Set();
  for (const pair of pairs) {
    if (Math.abs(pair.r) < 0.3) break;
    if (found[pair.d] || taken.has(pair.e)) continue;
    found[pair.d] = pair;
    taken.add(pair.e);
  }
  return found;
}

function beside() {
  const z = [...STATE.anchorB];
  STATE.matches.forEach(({e, slope}, d) => {
    z[e] += slope * (STATE.z[d] - STATE.anchor[d]);
  });
  return z;
}
