// The computing half of browser_run.js. One model per worker, one image at a time.

import { cleanLabels } from "./browser_clean.js";
import * as ort from "./vendor/ort/ort.wasm.min.mjs";

const ENGINE = new URL("./vendor/ort/", import.meta.url);
// Sizes as served, for engines whose answers are packed on the way and say no length.
const ENGINE_BYTES = 14_200_000;

let loaded = null;
let queue = Promise.resolve();

self.addEventListener("message", ({ data }) => {
  queue = queue.then(() => answer(data));
});

async function answer({ id, url, headers, pixels, height, width, channels }) {
  const tell = (stage, share) => self.postMessage({ id, stage, share });
  try {
    loaded ??= await load(url, headers, tell);
    const { session, card } = loaded;
    check(card, height, width, channels);
    tell("network", 0);
    const began = performance.now();
    const feeds = {
      pixels: new ort.Tensor("float32", Float32Array.from(pixels), [height, width, channels]),
      noise_floor: new ort.Tensor("float32", [noiseFloor(pixels)], [1]),
    };
    const found = await coded("network-failed", () => session.run(feeds));
    const mask = cleanLabels(Uint8Array.from(found.mask.data), height, width, card);
    const result = { mask, height, width, layers: mask.length / (height * width), seconds: (performance.now() - began) / 1000 };
    for (const tensor of Object.values(found)) tensor.dispose();
    self.postMessage({ id, result }, [mask.buffer]);
  } catch (error) {
    self.postMessage({ id, error: { code: error.code ?? "network-failed", message: String(error.message ?? error) } });
  }
}

async function load(url, headers, tell) {
  // One thread: more need headers that a plain static server does not send.
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = { mjs: new URL("ort-wasm-simd-threaded.mjs", ENGINE).href };
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = await coded("engine-failed", () =>
    read(new URL("ort-wasm-simd-threaded.wasm", ENGINE), {}, ENGINE_BYTES, (share) => tell("engine", share)),
  );
  const card = JSON.parse(new TextDecoder().decode(await coded("model-failed", () => read(new URL("card.json", url), headers))));
  const model = await coded("model-failed", () =>
    read(new URL(card.model.file, url), headers, card.model.bytes, (share) => tell("model", share)),
  );
  const session = await coded("engine-failed", () =>
    ort.InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: "all" }),
  );
  return { session, card };
}

function check(card, height, width, channels) {
  if (!card.input.channels.includes(channels)) {
    throw Object.assign(new Error(`${channels} channels, not ${card.input.channels.join(" / ")}`), { code: "channels-wrong" });
  }
  const most = card.input.largest_side;
  if (most !== null && Math.max(height, width) > most) {
    throw Object.assign(new Error(`${height} × ${width}, not more than ${most}`), { code: "too-large" });
  }
}

// Deviations below these are noise of the file: 8-bit, other integers, floating point.
function noiseFloor(pixels) {
  if (pixels instanceof Uint8Array || pixels instanceof Uint8ClampedArray) return 4;
  return pixels instanceof Float32Array ? 0 : 1;
}

async function read(url, headers, expected = 0, progress = () => {}) {
  const response = await fetch(url, { headers });
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
  const parts = [];
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (expected) progress(Math.min(1, size / expected));
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function coded(code, act) {
  try {
    return await act();
  } catch (error) {
    throw Object.assign(error instanceof Error ? error : new Error(String(error)), { code });
  }
}
