// The little of NIfTI-1/-2 the page needs itself: numbers of a plane, and voxels put into a mask file of the server's.

const KINDS = {
  2: [Uint8Array, 1], 4: [Int16Array, 2], 8: [Int32Array, 4], 16: [Float32Array, 4], 64: [Float64Array, 8],
  256: [Int8Array, 1], 512: [Uint16Array, 2], 768: [Uint32Array, 4],
};

async function through(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

export function isGzip(bytes) {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

export async function unpack(bytes) {
  return isGzip(bytes) ? through(bytes, new DecompressionStream("gzip")) : bytes;
}

export function pack(bytes) {
  return through(bytes, new CompressionStream("gzip"));
}

/** {dims: [columns, rows, slices, …], code, offset, slope, inter, little} of an unpacked file; null where it is none. */
export function header(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 348) return null;
  for (const little of [true, false]) {
    const size = view.getInt32(0, little);
    const second = size === 540;
    if (size !== 348 && !second) continue;
    const count = second ? Number(view.getBigInt64(16, little)) : view.getInt16(40, little);
    if (!(count >= 1 && count <= 7)) return null;
    const dims = [];
    for (let axis = 1; axis <= count; axis++)
      dims.push(second ? Number(view.getBigInt64(16 + 8 * axis, little)) : view.getInt16(40 + 2 * axis, little));
    return {
      dims, little,
      code: view.getInt16(second ? 12 : 70, little),
      offset: second ? Number(view.getBigInt64(168, little)) : view.getFloat32(108, little),
      slope: second ? view.getFloat64(176, little) : view.getFloat32(112, little),
      inter: second ? view.getFloat64(184, little) : view.getFloat32(116, little),
    };
  }
  return null;
}

function voxels(bytes, head) {
  const [Kind, size] = KINDS[head.code] ?? [];
  if (!Kind || !head.little) return null; // the server writes little-endian
  const count = head.dims.reduce((product, n) => product * Math.max(1, n), 1);
  return new Kind(bytes.slice(head.offset, head.offset + count * size).buffer);
}

/** The numbers of the first plane: {width, height, values}, rows from the top as the array has them. */
export function plane(bytes) {
  const head = header(bytes);
  const raw = head && voxels(bytes, head);
  if (!raw) return null;
  const [width, height] = [head.dims[0], head.dims[1] ?? 1];
  let values = raw.subarray(0, width * height);
  if (head.slope && (head.slope !== 1 || head.inter !== 0)) values = Float32Array.from(values, (v) => v * head.slope + head.inter);
  return { width, height, values };
}

/** Voxels of a file in its own order (column fastest): what {@link withVoxels} takes. */
export function stored(bytes) {
  const head = header(bytes);
  return head && voxels(bytes, head);
}

/** A mask file with other voxels (Uint8Array, same order and number): header and geometry stay as the server wrote them. */
export function withVoxels(bytes, labels) {
  const head = header(bytes);
  const old = head && voxels(bytes, head);
  if (!old || old.length !== labels.length) throw new Error("the mask file has another grid");
  const found = bytes.slice();
  new Uint8Array(found.buffer).set(new Uint8Array(old.constructor.from(labels).buffer), head.offset);
  return found;
}
