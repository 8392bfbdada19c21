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
  return found.layers.map(({op, shape, weights}) => ({
    op, shape,
    sizes: weights,
    weights: weights.map((size) => {
      const n = size.reduce((a, b) => a * b, 1);
      return all.subarray(at, at += n);
    }),
  }));
}

// out[0..n) += a * w[start..start + n): the loop in which all time goes.
function axpy(out, from, n, a, w, start) {
  for (let i = 0; i < n; i++) out[from + i] += a * w[start + i];
}

function filled(height, width, bias) {
  const out = new Float32Array(height * width * bias.length);
  for (let i = 0; i < out.length; i += bias.length) out.set(bias, i);
  return out;
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
    for (let i = 0; i < x.length; i++) {
      if (x[i] !== 0) axpy(out, 0, n, x[i], w, i * n);
    }
    return {x: out, shape: [n]};
  },

  relu: ({x, shape}) => ({x: x.map((v) => (v > 0 ? v : 0)), shape}),
  tanh: ({x, shape}) => ({x: x.map(Math.tanh), shape}),
  sigmoid: ({x, shape}) => ({x: x.map((v) => 1 / (1 + Math.exp(-v))), shape}),
  reshape: ({x}, {shape}) => ({x, shape}),

  normalize({x, shape}) {
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
    const scale = 1 / Math.sqrt(variance + 1e-6);
    return {x: x.map((v) => (v - mean) * scale), shape};
  },

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
    const high = h >> 1, wide = w >> 1, p = (k >> 1) - 1;
    const out = filled(high, wide, b);
    for (let i = 0; i < high; i++) for (let j = 0; j < wide; j++) {
      const to = (i * wide + j) * f;
      for (let u = 0; u < k; u++) for (let v = 0; v < k; v++) {
        const row = 2 * i + u - p, column = 2 * j + v - p;
        if (row < 0 || row >= h || column < 0 || column >= w) continue;
        const from = (row * w + column) * c, tap = (u * k + v) * c * f;
        for (let d = 0; d < c; d++) {
          const a = x[from + d];
          if (a !== 0) axpy(out, to, f, a, kernel, tap + d * f);
        }
      }
    }
    return {x: out, shape: [high, wide, f]};
  },

  conv_transpose({x, shape: [h, w, c]},
      {sizes: [[k, , , f]], weights: [kernel, b]}) {
    const high = 2 * h, wide = 2 * w, n = k >> 1;
    const out = filled(high, wide, b);
    for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) {
      const from = (i * w + j) * c;
      for (let u = 0; u < k; u++) for (let v = 0; v < k; v++) {
        const row = 2 * i - u + n, column = 2 * j - v + n;
        if (row < 0 || row >= high || column < 0 || column >= wide) continue;
        const to = (row * wide + column) * f, tap = (u * k + v) * c * f;
        for (let d = 0; d < c; d++) {
          const a = x[from + d];
          if (a !== 0) axpy(out, to, f, a, kernel, tap + d * f);
        }
      }
    }
    return {x: out, shape: [high, wide, f]};
  },
};

function evaluate(network, x, shape) {
  let at = {x: Float32Array.from(x), shape};
  for (const layer of network) at = OPERATIONS[layer.op](at, layer);
  return at.x;
}
