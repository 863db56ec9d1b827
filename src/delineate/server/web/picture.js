// A 2-D image as numbers: {width, height, channels (1 or 3), values, low, high, depth8}.

import { plane, unpack } from "./nifti.js";

/** A PNG or JPEG as the browser decodes it, upright as the server sees it too. */
export async function fromFile(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  let grey = true;
  for (let at = 0; grey && at < data.length; at += 4) grey = data[at] === data[at + 1] && data[at] === data[at + 2];
  const channels = grey ? 1 : 3;
  const values = new Uint8Array(width * height * channels);
  for (let at = 0, to = 0; at < data.length; at += 4)
    for (let channel = 0; channel < channels; channel++) values[to++] = data[at + channel];
  return { width, height, channels, values, low: 0, high: 255, depth8: true };
}

/** A plane of the server's NIfTI; null where the file is none, or holds more than one. */
export async function fromNifti(bytes) {
  const found = plane(await unpack(bytes));
  if (!found) return null;
  const depth8 = found.values instanceof Uint8Array;
  const [low, high] = depth8 ? [0, 255] : extent(found.values);
  return { ...found, channels: 1, low, high, depth8 };
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high > low ? [low, high] : [low, low + 1];
}

/** The values between which all but `share` on either side lie. */
export function percentiles(values, share = 0.005) {
  const step = Math.max(1, Math.floor(values.length / 200_000));
  const some = [];
  for (let at = 0; at < values.length; at += step) some.push(values[at]);
  const sorted = Float64Array.from(some).sort();
  const low = sorted[Math.floor(share * (sorted.length - 1))];
  const high = sorted[Math.ceil((1 - share) * (sorted.length - 1))];
  return high > low ? [low, high] : [low, low + 1];
}

/** RGBA pixels of `picture` with the window [low, high]. */
export function windowed(picture, low, high) {
  const { width, height, channels, values } = picture;
  const pixels = new Uint8ClampedArray(width * height * 4);
  const scale = 255 / Math.max(high - low, 1e-9);
  for (let at = 0, from = 0; at < pixels.length; at += 4, from += channels) {
    pixels[at] = (values[from] - low) * scale;
    pixels[at + 1] = channels === 3 ? (values[from + 1] - low) * scale : pixels[at];
    pixels[at + 2] = channels === 3 ? (values[from + 2] - low) * scale : pixels[at];
    pixels[at + 3] = 255;
  }
  return new ImageData(pixels, width, height);
}
