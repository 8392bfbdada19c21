// What a test asks of explorer.html, in whose copy this script stands first.

const ERRORS = [];
addEventListener('error', (event) => ERRORS.push(event.message));
addEventListener('unhandledrejection', (event) =>
  ERRORS.push(String(event.reason)));

// What a finger, a key or a screen reader has to find.
const targets = () => [...document.querySelectorAll(
  'button, input, select, summary, a, [tabindex]')]
  .filter((node) => node.offsetHeight);

// Decodes codes and uses the page as a user would, then leaves what it found in
// it: no driver is needed so.
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
  const red = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
    + '<rect width="64" height="64" fill="#f00"/></svg>';
  await anchorFile(new File([red], 'red.svg', {type: 'image/svg+xml'}));
  const colour = Array.from(STATE.original.slice(0, CHANNELS));
  await anchorFile(new File(['no picture'], 'notes.txt'));
  const refused = $('source').textContent;
  $('copy').click();
  await new Promise((done) => setTimeout(done, 50));
  $('reset').click();
  const source = $('source').textContent;
  const beyond = Array.from({length: DATA.images.count}, (_, i) => {
    anchorImage(i);
    return rows.filter(({value}) => value.className === 'out').length;
  });
  if (DATA.grid) drive(DATA.values.map(() => 0));
  const driven = STATE.source;
  if (MODELS.length > 1) {
    $('beside').value = 1;
    choose();
  }
  $('prior').click();
  $('copy').click();
  tip(0);
  const told = $('tip').textContent;
  const report = {
    driven,
    told,
    refused,
    source,
    answers: [...$('answers').children].map((one) => one.textContent),
    key: $('key').innerText,
    moved: moved !== before,
    slid,
    unnamed: targets().filter((node) => !(node.ariaLabel || node.innerText
      || node.labels?.[0]?.innerText)).map(({id}) => id),
    small: targets().filter((node) => node.offsetHeight < 40)
      .map((node) => node.ariaLabel || node.innerText),
    reset: reset === before,
    dropped,
    colour,
    beyond,
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

addEventListener('load', () => setTimeout(() => check(CODES))); // it has begun
