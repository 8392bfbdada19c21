'use strict';
// The forward pass: lists of layers as models/graph.py defines them, one
// example at a time. An array of an image is [H, W, C], rows first.

function halves(base64) {
  const raw = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const bits = new Uint16Array(raw.buffer);
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const h = bits[i], sign = h & 0x8000 ? -1 : 1;
    const exponent = h >> 10 & 31, fraction = h & 1023;
    out[i] = sign * (exponent === 0 ? fraction * 2 ** -24
      : (1 + fraction / 1024) * 2 ** (exponent - 15));
  }
  return out;
}

function readNetwork(found) {
  const all = halves(found.data);
  let at = 0;
  return found.layers.map(({op, inputs, shape, weights}) => ({
    op, inputs, shape,
    sizes: weights,
    weights: weights.map((size) => {
      const n = size.reduce((a, b) => a * b, 1);
      return all.subarray(at, at += n);
    }),
  }));
}

// What an output sums: numbers, and where the weights begin by which each is
// multiplied. All time goes in `addTerms`: four at once, for it stores every sum.
const terms = {of: [], row: [], count: 0};

function collect(x, from, c, start, n) {
  for (let d = 0; d < c; d++) {
    if (x[from + d] === 0) continue;
    terms.of[terms.count] = x[from + d];
    terms.row[terms.count++] = start + d * n;
  }
}

function addTerms(out, to, n, w) {
  const {of, row} = terms;
  while (terms.count % 4) {
    of[terms.count] = 0;
    row[terms.count++] = 0;
  }
  for (let k = 0; k < terms.count; k += 4) {
    const a = of[k], b = of[k + 1], c = of[k + 2], d = of[k + 3];
    const p = row[k], q = row[k + 1], r = row[k + 2], s = row[k + 3];
    for (let i = 0; i < n; i++) {
      out[to + i] += a * w[p + i] + b * w[q + i] + c * w[r + i] + d * w[s + i];
    }
  }
  terms.count = 0;
}

function filled(height, width, bias) {
  const out = new Float32Array(height * width * bias.length);
  for (let i = 0; i < out.length; i += bias.length) out.set(bias, i);
  return out;
}

// The mean of each of c channels, which lie side by side.
function means(x, c) {
  const out = new Float64Array(c);
  for (let i = 0; i < x.length; i++) out[i % c] += x[i];
  return Float32Array.from(out, (sum) => sum * c / x.length);
}

function normalized(x, c) {
  const mean = means(x, c);
  const centred = x.map((v, i) => v - mean[i % c]);
  const scale = means(centred.map((v) => v * v), c)
    .map((variance) => 1 / Math.sqrt(variance + 1e-6));
  return centred.map((v, i) => v * scale[i % c]);
}

// The values of each latent, of a layer `nearest`.
function codebookOf({sizes: [[latents, count]], weights: [values]}) {
  return Array.from({length: latents}, (_, d) =>
    values.subarray(d * count, (d + 1) * count));
}

const nearestOf = (values, x) => values.reduce((best, v) =>
  (Math.abs(v - x) < Math.abs(best - x) ? v : best));

const OPERATIONS = {
  dense({x}, {weights: [w, b]}) {
    const out = Float32Array.from(b), n = b.length;
    collect(x, 0, x.length, 0, n);
    addTerms(out, 0, n, w);
    return {x: out, shape: [n]};
  },

  relu: ({x, shape}) => ({x: x.map((v) => (v > 0 ? v : 0)), shape}),
  leaky_relu: ({x, shape}) => ({x: x.map((v) => (v > 0 ? v : v / 5)), shape}),
  gelu: ({x, shape}) => ({x: x.map((v) => v / 2 * (1 + Math.tanh(
    Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))), shape}),
  tanh: ({x, shape}) => ({x: x.map(Math.tanh), shape}),
  sigmoid: ({x, shape}) => ({x: x.map((v) => 1 / (1 + Math.exp(-v))), shape}),
  reshape: ({x}, {shape}) => ({x, shape}),

  // What is smaller, a number of each channel, goes to all pixels.
  add: ({x, shape}, {weights: [w]}, {x: y} = {x: w}) =>
    ({x: x.map((v, i) => v + y[i % y.length]), shape}),
  multiply: ({x, shape}, {weights: [w]}, {x: y} = {x: w}) =>
    ({x: x.map((v, i) => v * y[i % y.length]), shape}),
  constant: (_, {weights: [x], sizes: [shape]}) => ({x, shape}),

  normalize: ({x, shape}) => ({x: normalized(x, 1), shape}),
  instance_norm({x, shape}, {weights: [w, b]}) {
    const c = w.length;
    return {x: normalized(x, c).map((v, i) => v * w[i % c] + b[i % c]), shape};
  },
  mean: ({x, shape: [, , c]}) => ({x: means(x, c), shape: [c]}),

  pad({x, shape: [h, w, c]}, {shape: [top, bottom, left, right]}) {
    const wide = left + w + right, high = top + h + bottom;
    const out = new Float32Array(high * wide * c);
    for (let i = 0; i < h; i++) {
      const row = x.subarray(i * w * c, (i + 1) * w * c);
      out.set(row, ((top + i) * wide + left) * c);
    }
    return {x: out, shape: [high, wide, c]};
  },

  nearest: ({x, shape}, layer) => ({
    x: x.map((v, d) => nearestOf(codebookOf(layer)[d], v)), shape}),

  category({x, shape}, {shape: [count]}) {
    const split = x.length - count, logits = x.subarray(split);
    const chosen = logits.indexOf(Math.max(...logits));
    return {x: x.map((v, d) => (d < split ? v : Number(d - split === chosen))),
      shape};
  },

  crop({x, shape: [, w, c]}, {shape: [top, left, height, width]}) {
    const out = new Float32Array(height * width * c);
    for (let i = 0; i < height; i++) {
      const start = ((top + i) * w + left) * c;
      out.set(x.subarray(start, start + width * c), i * width * c);
    }
    return {x: out, shape: [height, width, c]};
  },

  conv({x, shape: [h, w, c]}, {sizes: [[k, , , f]], weights: [kernel, b]}) {
    const s = 2 - k % 2, p = (k - 1) >> 1;
    const high = h / s, wide = w / s;
    const out = filled(high, wide, b);
    for (let i = 0; i < high; i++) for (let j = 0; j < wide; j++) {
      for (let u = 0; u < k; u++) for (let v = 0; v < k; v++) {
        const row = s * i + u - p, column = s * j + v - p;
        if (row < 0 || row >= h || column < 0 || column >= w) continue;
        collect(x, (row * w + column) * c, c, (u * k + v) * c * f, f);
      }
      addTerms(out, (i * wide + j) * f, f, kernel);
    }
    return {x: out, shape: [high, wide, f]};
  },

  conv_transpose({x, shape: [h, w, c]},
      {sizes: [[k, , , f]], weights: [kernel, b]}) {
    const high = 2 * h, wide = 2 * w, n = k >> 1;
    const out = filled(high, wide, b);
    for (let i = 0; i < high; i++) for (let j = 0; j < wide; j++) {
      for (let u = (i + n) % 2; u < k; u += 2) {
        for (let v = (j + n) % 2; v < k; v += 2) {
          const row = (i + u - n) / 2, column = (j + v - n) / 2;
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          collect(x, (row * w + column) * c, c, (u * k + v) * c * f, f);
        }
      }
      addTerms(out, (i * wide + j) * f, f, kernel);
    }
    return {x: out, shape: [high, wide, f]};
  },
};

function evaluate(network, x, shape) {
  const outputs = [{x: Float32Array.from(x), shape}];
  for (const layer of network) {
    const [a, b] = layer.inputs.map((place) => outputs.at(place));
    outputs.push(OPERATIONS[layer.op](a, layer, b));
  }
  return outputs.at(-1).x;
}
