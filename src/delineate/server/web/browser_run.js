// A model computed in this browser: nothing but the model file is fetched, and no pixel leaves the machine.
//
// A model folder holds model.onnx, which takes raw pixels and answers with the mask, and card.json, which says how to feed it
// (docs/export.md). Folders are written by `delineate export --target web`; a server has one per model at /v1/models/ID/browser/.

const workers = new Map();
let last = 0;

/**
 * The mask of one image, in the image's own grid.
 *
 * @param {string|URL} modelFolderUrl  the model folder; relative addresses are taken from the page
 * @param {Uint8Array|Uint8ClampedArray|Uint16Array|Float32Array} pixels  raw values, height × width × channels, row by row.
 *   The type matters: measured scales know the noise of 8-bit, 16-bit and floating-point files apart.
 * @param {number} height
 * @param {number} width
 * @param {number} channels  1 (grey), 3 (RGB) or 4 (RGBA; alpha is left out), or what card.json asks for
 * @param {(stage: "engine"|"model"|"network"|"done", share: number) => void} [onProgress]  share is 0…1 of the stage
 * @param {{headers?: Record<string, string>, signal?: AbortSignal}} [options]  headers are sent with the model folder's files
 *   (a server's token); signal stops the computation
 * @returns {Promise<{mask: Uint8Array, height: number, width: number, layers: number, seconds: number}>}  labels 0…K; where
 *   classes may overlap, `layers` planes of 0/1 in label order, one after the other
 * @throws {Error} with `code`: "engine-failed", "model-failed", "channels-wrong", "too-large", "network-failed", "stopped"
 */
export async function runInBrowser(modelFolderUrl, pixels, height, width, channels, onProgress = () => {}, options = {}) {
  if (pixels.length !== height * width * channels) {
    throw failure("channels-wrong", `${pixels.length} values for ${height} × ${width} × ${channels}`);
  }
  const url = addressOf(modelFolderUrl);
  const { signal, headers = {} } = options;
  if (signal?.aborted) throw failure("stopped", "");
  const { worker, waiting } = workerFor(url);
  const id = ++last;
  const stop = () => forgetModel(url);
  signal?.addEventListener("abort", stop);
  try {
    return await new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, onProgress });
      worker.postMessage({ id, url, headers, pixels, height, width, channels });
    });
  } finally {
    waiting.delete(id);
    signal?.removeEventListener("abort", stop);
  }
}

/** Free what was loaded for a model folder (all of them without an argument). Work under way there ends with "stopped". */
export function forgetModel(modelFolderUrl) {
  for (const url of modelFolderUrl === undefined ? [...workers.keys()] : [addressOf(modelFolderUrl)]) dismiss(url, failure("stopped", ""));
}

function dismiss(url, error) {
  const known = workers.get(url);
  if (!known) return;
  workers.delete(url);
  known.worker.terminate();
  for (const { reject } of known.waiting.values()) reject(error);
}

// A worker per model: the page stays alive while it computes, and a stopped computation takes its memory along.
function workerFor(url) {
  const known = workers.get(url);
  if (known) return known;
  const worker = new Worker(new URL("./browser_worker.js", import.meta.url), { type: "module" });
  const waiting = new Map();
  worker.addEventListener("error", (event) => dismiss(url, failure("engine-failed", event.message || "the worker could not start")));
  worker.addEventListener("message", ({ data: { id, stage, share, result, error } }) => {
    const asked = waiting.get(id);
    if (!asked) return;
    if (stage) asked.onProgress(stage, share);
    else if (error && ["channels-wrong", "too-large"].includes(error.code)) asked.reject(failure(error.code, error.message));
    else if (error) dismiss(url, failure(error.code, error.message));  // what is loaded may be of no use any more
    else {
      asked.onProgress("done", 1);
      asked.resolve(result);
    }
  });
  workers.set(url, { worker, waiting });
  return workers.get(url);
}

const addressOf = (folder) => new URL(String(folder).replace(/\/?$/, "/"), document.baseURI).href;

function failure(code, message) {
  return Object.assign(new Error(message || code), { code });
}
