"""PNG and GIF files from arrays, with nothing but zlib and NumPy."""

import base64
import struct
import zlib
from typing import Any

import numpy as np

from bvae_jax.report import markup


def to_uint8(images: Any) -> np.ndarray:
  """Images in [0, 1] as bytes of one channel or three; NaN as black.

  Two channels are shown as red and green; of more than three, the first three.
  """
  scaled = np.nan_to_num(np.asarray(images, np.float32)) * 255.0
  shown = np.clip(np.round(scaled), 0, 255).astype(np.uint8)
  if shown.shape[-1] == 2:
    return np.concatenate([shown, np.zeros_like(shown[..., :1])], -1)
  return shown[..., :3]


def _check(pixels: np.ndarray, rank: int) -> None:
  if (
    pixels.dtype != np.uint8
    or pixels.ndim != rank
    or pixels.shape[-1] not in (1, 3)
  ):
    raise ValueError(
      f'expected uint8 pixels of rank {rank} with 1 or 3 channels, got '
      f'{pixels.dtype} {pixels.shape}'
    )


def png(pixels: np.ndarray) -> bytes:
  """Encodes uint8 [H, W, 1 or 3] as a PNG file (ISO/IEC 15948).

  Raises:
    ValueError: another dtype, rank or number of channels.
  """
  _check(pixels, 3)
  height, width, channels = pixels.shape

  def chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', check)

  colour_type = {1: 0, 3: 2}[channels]
  header = struct.pack('>IIBBBBB', width, height, 8, colour_type, 0, 0, 0)
  unfiltered = np.zeros((height, 1), np.uint8)
  lines = np.concatenate([unfiltered, pixels.reshape(height, -1)], axis=1)
  return (
    b'\x89PNG\r\n\x1a\n'
    + chunk(b'IHDR', header)
    + chunk(b'IDAT', zlib.compress(lines.tobytes(), 9))
    + chunk(b'IEND', b'')
  )


def _median_cut(colours: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """Splits colours [n, 3] into 256 boxes; returns the box of each colour."""
  boxes = [np.arange(len(colours))]
  spread = lambda box: np.ptp(colours[box].astype(int), axis=0)
  cost = lambda box: spread(box).max() * np.sqrt(counts[box].sum())
  costs = [cost(boxes[0])]
  while len(boxes) < 256:
    widest = int(np.argmax(costs))
    box = boxes[widest]
    box = box[np.argsort(colours[box, spread(box).argmax()], kind='stable')]
    total = np.cumsum(counts[box])
    cut = np.clip(np.searchsorted(total, total[-1] / 2), 1, len(box) - 1)
    boxes[widest : widest + 1] = [box[:cut], box[cut:]]
    costs[widest : widest + 1] = [cost(box[:cut]), cost(box[cut:])]
  owner = np.empty(len(colours), int)
  for i, box in enumerate(boxes):
    owner[box] = i
  return owner


def palette(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Colours uint8 [n <= 256, 3] and the colour of each pixel.

  Exact up to 256 distinct colours; beyond them, the means of a median cut.
  """
  rgb = np.broadcast_to(frames, (*frames.shape[:-1], 3)).astype(np.int32)
  packed = rgb @ np.array([65536, 256, 1], np.int32)
  values, inverse, counts = np.unique(
    packed, return_inverse=True, return_counts=True
  )
  colours = values[:, None] >> np.array([16, 8, 0]) & 255
  inverse = inverse.reshape(packed.shape)
  if len(colours) > 256:
    owner = _median_cut(colours, counts)
    weight = np.bincount(owner, counts)[:, None]
    sums = [np.bincount(owner, counts * colours[:, c]) for c in range(3)]
    colours = np.round(np.stack(sums, -1) / weight)
    inverse = owner[inverse]
  return colours.astype(np.uint8), inverse


def _lzw(pixels: list[int], bits: int) -> bytes:
  """GIF's variable-width LZW of colour indices below 2**bits."""
  clear = 1 << bits
  table, width, used = {}, bits + 1, clear + 2
  stream, filled, out = clear, width, bytearray()
  prefix = pixels[0]
  for pixel in pixels[1:]:
    pair = prefix << 8 | pixel
    known = table.get(pair)
    if known is not None:
      prefix = known
      continue
    stream |= prefix << filled
    filled += width
    prefix = pixel
    if used < 4096:
      table[pair] = used
      width += used == 1 << width
      used += 1
    else:
      stream |= clear << filled
      filled += width
      table, width, used = {}, bits + 1, clear + 2
    whole = filled >> 3
    out += (stream & (1 << 8 * whole) - 1).to_bytes(whole, 'little')
    stream >>= 8 * whole
    filled &= 7
  # The decoder, one entry behind, widens before the end code too.
  stream |= prefix << filled
  filled += width
  width += used == 1 << width and width < 12
  stream |= clear + 1 << filled
  filled += width
  return bytes(out) + stream.to_bytes((filled + 7) // 8, 'little')


def gif(frames: np.ndarray, *, milliseconds: int = 60) -> bytes:
  """Encodes uint8 [T, H, W, 1 or 3] as a GIF that loops for ever.

  Args:
    frames: the pictures; more than 256 distinct colours are reduced.
    milliseconds: time that each stays, a multiple of 10.

  Raises:
    ValueError: another dtype, rank or number of channels.

  Source: Graphics Interchange Format, version 89a (CompuServe 1990).
  """
  _check(frames, 4)
  colours, indices = palette(frames)
  bits = max(2, int(len(colours) - 1).bit_length())
  height, width = frames.shape[1:3]
  entries = np.zeros((1 << bits, 3), np.uint8)
  entries[: len(colours)] = colours
  out = bytearray(b'GIF89a')
  out += struct.pack('<HHBBB', width, height, 0xF0 | bits - 1, 0, 0)
  out += entries.tobytes()
  out += b'\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00'
  for frame in indices:
    out += struct.pack('<BBBBHBB', 0x21, 0xF9, 4, 4, milliseconds // 10, 0, 0)
    out += struct.pack('<BHHHHBB', 0x2C, 0, 0, width, height, 0, bits)
    data = _lzw(frame.reshape(-1).tolist(), bits)
    for i in range(0, len(data), 255):
      block = data[i : i + 255]
      out += bytes([len(block)]) + block
    out.append(0)
  return bytes(out) + b'\x3b'


def data_uri(kind: str, raw: bytes) -> str:
  """A file's bytes as an address that needs no file."""
  return f'data:image/{kind};base64,{base64.b64encode(raw).decode()}'


def element(pixels: np.ndarray, alt: str, **attributes: Any) -> str:
  """An <img> that holds the pixels, uint8 [H, W, C]."""
  return markup.tag(
    'img',
    src=data_uri('png', png(pixels)),
    alt=alt,
    width=pixels.shape[1],
    height=pixels.shape[0],
    **attributes,
  )
