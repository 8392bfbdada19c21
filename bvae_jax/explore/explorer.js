// What the user does.

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
  anchor(ofPrior(), STATE.b === null ? null : ofPrior(), null, 'A sample of the prior');
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
  $('beside-name').textContent = STATE.b === null ? ''
    : `Beside: ${MODELS[STATE.b].label}`;
  STATE.matches = STATE.b === null ? [] : matches(model(), MODELS[STATE.b]);
  $('x').value = $('y').value = '';
  $('upload').hidden = !model().encoder.length;
  $('tick').textContent = tickName(model());
  buildLatents();
  fillAxes();
  anchorImage(at);
}

function wire() {
  const click = (id, action) => { $(id).onclick = action; };
  const next = () => anchorImage((at + 1) % DATA.images.count);
  const reset = () => {
    STATE.z = [...STATE.anchor];
    $('source').textContent = STATE.source;
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
  $('file').onchange = ({target}) => {
    if (target.files[0]) anchorFile(target.files[0]);
    target.value = ''; // the same one may be asked for again
  };
  $('model').onchange = $('beside').onchange = choose;
  $('x').onchange = $('y').onchange = drawScatter;
  $('colour').onchange = () => {
    dots = [];
    colourKey();
    drawScatter();
  };
  const canvas = $('scatter');
  canvas.onmousemove = (event) => tip(nearest(event));
  canvas.onmouseleave = () => tip(-1);
  canvas.onclick = (event) => {
    const i = nearest(event);
    if (i >= 0) anchorImage(i);
  };
  canvas.onkeydown = (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    anchorImage((at + step + DATA.images.count) % DATA.images.count);
    tip(at);
  };
  addEventListener('keydown', ({key, target, ctrlKey, metaKey}) => {
    if (target.matches?.('[type=text], select') || ctrlKey || metaKey) return;
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
    const button = make('button', {ariaLabel: `image ${i + 1}`}, canvas);
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
  colourKey();
  $('explained').hidden = !DATA.factors.length;
  $('description').textContent = DATA.description;
}

function start() {
  SHEETS.images = readSheet(DATA.images, $('images-sheet'));
  SHEETS.grid = readSheet(DATA.grid, $('grid-sheet'));
  fillChoices();
  gallery();
  buildFactors();
  wire();
  choose();
}

addEventListener('load', start);
