// What leaves the page or moves in it: pictures, films, the page, a code.

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
