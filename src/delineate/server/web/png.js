// 8-bit grey PNG files: a canvas would write four channels, and a mask must be read back as the numbers it holds.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(name, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** A PNG of `values` (Uint8Array, rows × columns). */
export async function encodeGrey(values, width, height) {
  const rows = new Uint8Array((width + 1) * height); // each row begins with its filter: none
  for (let row = 0; row < height; row++) rows.set(values.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const head = new Uint8Array(13);
  new DataView(head.buffer).setUint32(0, width);
  new DataView(head.buffer).setUint32(4, height);
  head[8] = 8;
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return new Blob([signature, chunk("IHDR", head), chunk("IDAT", packed), chunk("IEND", new Uint8Array())], { type: "image/png" });
}

/** Bits a channel of a PNG file; null where it is none. */
export function pngDepth(bytes) {
  return bytes[0] === 0x89 && bytes[1] === 0x50 && bytes.length > 24 ? bytes[24] : null;
}
