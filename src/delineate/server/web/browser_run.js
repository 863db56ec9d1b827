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
  const url = new URL(String(modelFolderUrl).replace(/\/?$/, "/"), document.baseURI).href;
  const { signal, headers = {} } = options;
  if (signal?.aborted) throw failure("stopped", "");
  const worker = workerFor(url);
  const id = ++last;
  return await new Promise((resolve, reject) => {
    const finish = (act, value) => {
      worker.removeEventListener("message", hear);
      worker.removeEventListener("error", broken);
      signal?.removeEventListener("abort", stop);
      act(value);
    };
    const give_up = (error) => {
      forgetModel(url);
      finish(reject, error);
    };
    const stop = () => give_up(failure("stopped", ""));
    const broken = (event) => give_up(failure("engine-failed", event.message || "the worker could not start"));
    const hear = ({ data }) => {
      if (data.id !== id) return;
      if (data.error) give_up(failure(data.error.code, data.error.message));
      else if (data.stage) onProgress(data.stage, data.share);
      else {
        onProgress("done", 1);
        finish(resolve, data.result);
      }
    };
    worker.addEventListener("message", hear);
    worker.addEventListener("error", broken);
    signal?.addEventListener("abort", stop);
    worker.postMessage({ id, url, headers, pixels, height, width, channels });
  });
}

/** Free what was loaded for a model folder (all of them without an argument). Work under way there never answers. */
export function forgetModel(modelFolderUrl) {
  for (const [url, worker] of workers) {
    if (modelFolderUrl === undefined || url === new URL(String(modelFolderUrl).replace(/\/?$/, "/"), document.baseURI).href) {
      worker.terminate();
      workers.delete(url);
    }
  }
}

// A worker per model: the page stays alive while it computes, and a stopped computation takes its memory along.
function workerFor(url) {
  if (!workers.has(url)) workers.set(url, new Worker(new URL("./browser_worker.js", import.meta.url), { type: "module" }));
  return workers.get(url);
}

function failure(code, message) {
  return Object.assign(new Error(message || code), { code });
}
