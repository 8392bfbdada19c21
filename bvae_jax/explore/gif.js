// Animated GIFs (GIF89a): one table of 256 colours, LZW, no library.

// Greys as they are; colours by 6 levels of red, 7 of green, 6 of blue.
function palette() {
  const grey = CHANNELS === 1;
  const level = (v, n) => Math.round(v / 255 * (n - 1));
  const value = (i, n) => Math.round(255 * i / (n - 1));
  const table = new Uint8Array(768);
  for (let i = 0; i < 256; i++) {
    const k = Math.min(i, 251);
    table.set(grey ? [i, i, i] : [
      value(Math.floor(k / 42), 6), value(Math.floor(k / 6) % 7, 7),
      value(k % 6, 6)], 3 * i);
  }
  const place = grey ? (r) => r
    : (r, g, b) => 42 * level(r, 6) + 6 * level(g, 7) + level(b, 6);
  return {table, place};
}

// Codes of 9 to 12 bits, the table made anew when it is full.
function lzw(pixels) {
  const out = [];
  let bits = 0, held = 0, size = 9, next = 258, table = new Map();
  const put = (code) => {
    held |= code << bits;
    bits += size;
    for (; bits >= 8; bits -= 8, held >>>= 8) out.push(held & 255);
  };
  put(256);
  let prefix = pixels[0];
  for (let i = 1; i < pixels.length; i++) {
    const key = prefix * 256 + pixels[i], known = table.get(key);
    if (known !== undefined) {
      prefix = known;
      continue;
    }
    put(prefix);
    prefix = pixels[i];
    if (next === 4096) {
      put(256);
      [size, next, table] = [9, 258, new Map()];
    } else {
      if (next === 1 << size) size++;
      table.set(key, next++);
    }
  }
  put(prefix);
  put(257);
  if (bits) out.push(held & 255);
  return out;
}

// Frames are ImageData of one size; each stays for some hundredths of a second.
function gif(frames, hundredths = 6) {
  const {width, height} = frames[0], {table, place} = palette();
  const word = (n) => [n & 255, n >> 8];
  const parts = [
    [...'GIF89a'].map((c) => c.charCodeAt(0)),
    [...word(width), ...word(height), 0xf7, 0, 0], table,
    [0x21, 0xff, 11, ...[...'NETSCAPE2.0'].map((c) => c.charCodeAt(0)),
      3, 1, 0, 0, 0],
  ];
  for (const {data} of frames) {
    const pixels = Uint8Array.from({length: width * height}, (_, i) =>
      place(data[4 * i], data[4 * i + 1], data[4 * i + 2]));
    parts.push([0x21, 0xf9, 4, 4, ...word(hundredths), 0, 0,
      0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, 8]);
    const coded = lzw(pixels);
    for (let i = 0; i < coded.length; i += 255) {
      const block = coded.slice(i, i + 255);
      parts.push([block.length, ...block]);
    }
    parts.push([0]);
  }
  parts.push([0x3b]);
  return new Blob(parts.map((part) => Uint8Array.from(part)),
    {type: 'image/gif'});
}
