// What the user does.

const ERRORS = [];
addEventListener('error', (event) => ERRORS.push(event.message));
addEventListener('unhandledrejection', (event) =>
  ERRORS.push(String(event.reason)));
const SHEETS = {};
const LARGEST = 1e8; // pixels of a picture: a browser fails beyond, silently
let at = 0; // which image of the data comes next

function show() {
  paint($('decoded'), decoded(model(), STATE.z));
  if (STATE.b !== null) {
    paint($('decoded-beside'), decoded(MODELS[STATE.b], beside()));
  }
  showRows();
  drawStrips();
  drawScatter();
}

function anchor(z, zBeside, pixels, source) {
  STATE.z = [...z];
  STATE.anchor = z;
  STATE.anchorB = zBeside;
  STATE.original = pixels;
  STATE.source = source;
  $('source').textContent = source;
  $('original-figure').hidden = !pixels;
  if (pixels) paint($('original'), pixels);
  show();
}

function anchorImage(i) {
  at = i;
  const other = STATE.b === null ? null : MODELS[STATE.b].code(i);
  anchor(model().code(i), other, tile(SHEETS.images, i),
    `Image ${i + 1} of ${DATA.images.count}`);
}

function anchorPixels(pixels, source) {
  const other = STATE.b === null ? null : encoded(MODELS[STATE.b], pixels);
  anchor(encoded(model(), pixels), other, pixels, source);
}

function anchorPrior() {
  const draw = () => model().kl.map(gaussian);
  const other = STATE.b === null ? null : MODELS[STATE.b].kl.map(gaussian);
  anchor(draw(), other, null, 'A sample of the prior');
}

// A picture of any size: its middle square, as small as the model's images.
async function anchorFile(file) {
  const image = new Image(), address = URL.createObjectURL(file);
  const read = await new Promise((done) => {
    image.onload = () => done(true);
    image.onerror = () => done(false);
    image.src = address;
  });
  URL.revokeObjectURL(address);
  if (!read) {
    $('source').textContent =
      `${file.name} is no picture that this browser can read`;
    return;
  }
  const {naturalWidth: width, naturalHeight: height} = image;
  if (width * height > LARGEST) {
    $('source').textContent = `${file.name} has ${width}×${height} pixels,`
      + ' too many to read here; make it smaller first';
    return;
  }
  const side = Math.min(width / WIDTH, height / HEIGHT);
  const [w, h] = [WIDTH * side, HEIGHT * side];
  const canvas = make('canvas', {width: WIDTH, height: HEIGHT});
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.imageSmoothingQuality = 'high';
  if (CHANNELS === 1) context.filter = 'grayscale(1)';
  context.drawImage(
    image, (width - w) / 2, (height - h) / 2, w, h, 0, 0, WIDTH, HEIGHT);
  const {data} = context.getImageData(0, 0, WIDTH, HEIGHT);
  anchorPixels(fromRGBA(data), file.name);
}

// What stands for a tick on the sliders.
const tickName = (m) => (m.book ? 'the values that a code may take'
  : DATA.points ? 'standard deviations σ of the codes'
  : 'posterior standard deviations σ');

function choose() {
  STATE.a = Number($('model').value);
  STATE.b = $('beside').value === '' ? null : Number($('beside').value);
  $('beside-figure').hidden = STATE.b === null;
  STATE.matches = STATE.b === null ? [] : matches(model(), MODELS[STATE.b]);
  $('x').value = $('y').value = '';
  $('upload').hidden = !model().encoder.length || CHANNELS > 3;
  $('tick').textContent = tickName(model());
  buildLatents();
  fillAxes();
  anchorImage(at);
}

function save(name, blob) {
  const link = make('a', {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function savePicture() {
  const zoom = Math.max(1, Math.round(512 / WIDTH));
  const canvas = make('canvas', {width: zoom * WIDTH, height: zoom * HEIGHT});
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = false;
  context.drawImage($('decoded'), 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => save(`${DATA.title}.png`, blob));
}

// The latent that moves: the one moved last, else the largest; its value at a
// phase in [-1, 1] of its range.
const moving = () => STATE.last ?? model().order[0];

function valueAt(phase) {
  const m = model(), d = moving();
  const middle = (m.low[d] + m.high[d]) / 2;
  return snapped(m, d, middle + phase * (m.high[d] - m.low[d]) / 2);
}

// The latent that moves, there and back, at the code shown.
function film() {
  const zoom = Math.max(1, Math.round(256 / WIDTH)), count = 30;
  const small = make('canvas');
  const canvas = make('canvas', {width: zoom * WIDTH, height: zoom * HEIGHT});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.imageSmoothingEnabled = false;
  return gif(Array.from({length: count}, (_, t) => {
    const z = [...STATE.z];
    z[moving()] = valueAt(Math.sin(2 * Math.PI * t / count));
    paint(small, decoded(model(), z));
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }));
}

// The page as it was opened, with the names that the user gave.
function savePage() {
  const names = JSON.stringify(STATE.names).replaceAll('<', '\\u003c');
  const text = SOURCE.replace(
    /(<script type="application\/json" id="names">)[^<]*/,
    (_, start) => start + names);
  save('explorer.html', new Blob(['<!doctype html>\n', text],
    {type: 'text/html'}));
}

async function copy() {
  const text = `[${STATE.z.map((v) => v.toFixed(4)).join(', ')}]`;
  try {
    await navigator.clipboard.writeText(text);
    $('source').textContent = 'The code is copied';
  } catch { // a page opened from disk may not
    $('source').textContent = text;
  }
}

let playing = 0;

function play() {
  const stop = playing !== 0;
  cancelAnimationFrame(playing);
  playing = 0;
  $('play').textContent = stop ? 'Play' : 'Stop';
  if (stop) return;
  const start = performance.now();
  const frame = (now) => {
    STATE.z[moving()] = valueAt(Math.sin((now - start) / 900));
    show();
    playing = requestAnimationFrame(frame);
  };
  playing = requestAnimationFrame(frame);
}

function wire() {
  const click = (id, action) => { $(id).onclick = action; };
  const next = () => anchorImage((at + 1) % DATA.images.count);
  const reset = () => {
    STATE.z = [...STATE.anchor];
    show();
  };
  $('prior').hidden = DATA.points; // which have no prior
  click('next', next);
  click('prior', anchorPrior);
  click('reset', reset);
  click('upload', () => $('file').click());
  click('play', play);
  click('copy', copy);
  click('png', savePicture);
  click('gif', () => save(`${DATA.title}.gif`, film()));
  click('page', savePage);
  $('file').onchange = ({target: {files}}) => files[0] && anchorFile(files[0]);
  $('model').onchange = $('beside').onchange = choose;
  $('x').onchange = $('y').onchange = drawScatter;
  $('colour').onchange = () => {
    dots = [];
    drawScatter();
  };
  const canvas = $('scatter');
  canvas.onmousemove = (event) => tip(nearest(event));
  canvas.onmouseleave = () => tip(-1);
  canvas.onclick = (event) => {
    const i = nearest(event);
    if (i >= 0) anchorImage(i);
  };
  canvas.onkeydown = ({key}) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[key];
    if (!step) return;
    anchorImage((at + step + DATA.images.count) % DATA.images.count);
    tip(at);
  };
  addEventListener('keydown', ({key, target, ctrlKey, metaKey}) => {
    if (target.type === 'text' || ctrlKey || metaKey) return;
    const id = {n: 'next', p: 'prior', r: 'reset'}[key];
    if (id && !$(id).hidden) $(id).click();
  });
  addEventListener('resize', drawScatter);
  addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.classList.add('drop');
  });
  addEventListener('dragleave', () => document.body.classList.remove('drop'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('drop');
    const file = event.dataTransfer.files[0];
    if (file && model().encoder.length) return anchorFile(file);
  });
}

function gallery() {
  const count = Math.min(24, DATA.images.count);
  $('gallery').replaceChildren(...Array.from({length: count}, (_, i) => {
    const canvas = make('canvas');
    paint(canvas, tile(SHEETS.images, i));
    const button = make('button', {title: `image ${i + 1}`}, canvas);
    button.onclick = () => anchorImage(i);
    return button;
  }));
}

function fillChoices() {
  const options = () => MODELS.map((m, i) => make('option', {
    value: i, textContent: m.label}));
  $('model').append(...options());
  $('beside').append(make('option', {value: '', textContent: 'none'}),
    ...options());
  $('beside').parentNode.hidden = MODELS.length < 2;
  $('colour-label').hidden = !DATA.factors.length;
  $('colour').append(make('option', {value: -1, textContent: 'none'}),
    ...DATA.factors.map(({name}, k) => make('option', {
      value: k, textContent: name})));
  if (DATA.factors.length) $('colour').value = Math.max(0, model().best[
    model().order[0]]);
  $('description').textContent = DATA.description;
}

// `#check=[[...], ...]` decodes those codes and uses the page as a user would,
// then leaves what it found in it: for tests, which need no driver so.
async function check(codes) {
  const shown = () => $('decoded').toDataURL();
  const before = shown(), slider = rows[0].slider;
  slider.value = STATE.z[rows[0].d] > 0 ? slider.min : slider.max;
  slider.dispatchEvent(new Event('input'));
  const moved = shown(), slid = STATE.z[rows[0].d];
  $('reset').click();
  const reset = shown();
  const png = atob($('original').toDataURL().split(',')[1]);
  const raw = Uint8Array.from(png, (c) => c.charCodeAt(0));
  await anchorFile(new File([raw], 'dropped.png', {type: 'image/png'}));
  const dropped = STATE.z;
  await anchorFile(new File(['no picture'], 'notes.txt'));
  const refused = $('source').textContent;
  if (DATA.grid) drive(DATA.values.map(() => 0));
  const driven = STATE.source;
  if (MODELS.length > 1) {
    $('beside').value = 1;
    choose();
  }
  $('prior').click();
  $('copy').click();
  tip(0);
  const report = {
    driven,
    refused,
    moved: moved !== before,
    slid,
    reset: reset === before,
    dropped,
    code: model().code(0),
    film: await new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.split(',')[1]);
      reader.readAsDataURL(film());
    }),
    decoded: codes.map((z) => Array.from(
      decoded(model(), z), (v) => Number(v.toFixed(4)))),
    requests: performance.getEntriesByType('resource').map(({name}) => name)
      .filter((name) => !/^(data|blob):/.test(name)),
    errors: ERRORS,
  };
  document.body.append(make('pre', {
    id: 'checked', textContent: JSON.stringify(report)}));
}

async function start() {
  SHEETS.images = readSheet(DATA.images, $('images-sheet'));
  SHEETS.grid = readSheet(DATA.grid, $('grid-sheet'));
  fillChoices();
  gallery();
  buildFactors();
  wire();
  choose();
  if (location.hash.startsWith('#check=')) {
    await check(JSON.parse(decodeURIComponent(location.hash.slice(7))));
  }
}

addEventListener('load', start);
