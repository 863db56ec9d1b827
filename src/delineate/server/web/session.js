// One opened image: from files to a mask in a view, by the server or in this browser, and back to nothing.

import { ROOT, Problem, follow, forget, result, send, tokenHeader } from "./api.js";
import { kindOf, title } from "./files.js";
import { PlaneMask, labelsOf } from "./mask.js";
import { header, unpack } from "./nifti.js";
import { fromFile, fromNifti } from "./picture.js";
import { PlaneView } from "./plane_view.js";
import { VolumeView } from "./volume_view.js";

export class Session {
  /** `tell(stage, share)`: "reading" | "sending" | "queued" | "computing" | "showing", share 0…1 or null. */
  constructor(model, files, where, stage, tell) {
    Object.assign(this, { model, files, where, stage, tell });
    this.name = title(files);
    this.stop = new AbortController();
    this.job = null;
    this.view = null;
  }

  get classes() {
    return this.model.labels;
  }

  get overlapping() {
    return this.model.overlapping;
  }

  /** Raises Problem, or AbortError where it was cancelled. */
  async open() {
    const { signal } = this.stop;
    this.tell("reading", null);
    const kind = await kindOf(this.files);
    try {
      if (this.where === "browser") await this.#here(kind, signal);
      else {
        // Both at once: the picture is there while the job waits and computes.
        await together(signal, this.stop, this.#show(kind, signal), this.#compute(signal));
        await this.#overlay(signal);
      }
    } catch (error) {
      this.close();
      throw signal.aborted ? signal.reason : error;
    }
    signal.throwIfAborted();
  }

  async #show(kind, signal) {
    let modality = "";
    let bytes = null;
    if (kind === "picture") {
      const picture = await decoded(this.files[0]);
      signal.throwIfAborted();
      this.view = new PlaneView(this.stage, picture, modality);
      return;
    }
    if (kind === "nifti") bytes = await this.#local();
    if (!bytes) {
      const answer = await send("v1/image", this.files, { model: this.model.id }, { accept: "*/*", signal });
      ({ modality } = answer);
      if (answer.type.startsWith("image/png")) {
        this.view = new PlaneView(this.stage, await decoded(new Blob([answer.body])), modality);
        return;
      }
      bytes = new Uint8Array(answer.body);
    }
    await this.#numbers(bytes, modality, signal);
  }

  /** A NIfTI file that is a plain volume, else null: the server knows the odd ones. */
  async #local() {
    const bytes = new Uint8Array(await this.files[0].arrayBuffer());
    const head = await unpack(bytes).then(header, () => null);
    const usual = head && head.dims.length === 3 && head.dims[2] > 1 && ![128, 2304].includes(head.code);
    return usual ? bytes : null;
  }

  async #numbers(bytes, modality, signal) {
    const head = header(await unpack(bytes));
    signal.throwIfAborted();
    if (head && (head.dims[2] ?? 1) > 1) this.view = await VolumeView.create(this.stage, bytes, modality);
    else {
      const picture = await fromNifti(bytes);
      if (!picture) throw new Problem("not-shown");
      this.view = new PlaneView(this.stage, picture, modality);
    }
  }

  async #compute(signal) {
    this.tell("sending", 0);
    const sent = await send("v1/jobs", this.files, { model: this.model.id }, { signal, onProgress: (share) => this.tell("sending", share) });
    this.job = JSON.parse(new TextDecoder().decode(sent.body)).id;
    const told = ({ state, progress }) =>
      this.tell(state === "queued" ? "queued" : "computing", state === "running" && progress.total ? progress.done / progress.total : null);
    const job = await follow(this.job, told, signal);
    if (job.state === "failed") throw new Problem(job.problem.code, job.problem);
    if (job.state === "cancelled") throw new Problem("job-unknown");
    this.result = await (await result(this.job, "application/json", signal)).json();
  }

  async #overlay(signal) {
    this.tell("showing", null);
    const { mask } = this.result;
    if (!this.view.volume) {
      const [height, width] = mask.shape;
      if (mask.shape.length !== 2) throw new Problem("not-shown");
      if (width !== this.view.width || height !== this.view.height) await this.#again(signal); // read otherwise here than there
      this.view.setMask(PlaneMask.fromServer(mask, this.classes, this.overlapping));
      return;
    }
    if (this.overlapping || this.classes.length > 255) {
      // Overlapping classes have no file in one piece: shown in one piece (later classes on top), corrected elsewhere.
      const file = await this.view.fileWith(labelsOf(mask, this.classes));
      await this.view.setMask(file, this.classes, false);
    } else {
      const file = await (await result(this.job, "application/x-nifti", signal)).arrayBuffer();
      await this.view.setMask(file, this.classes, true);
    }
    this.view.lookAtMask();
  }

  async #again(signal) {
    this.view.destroy();
    this.view = null;
    await this.#show("server", signal);
  }

  async #here(kind, signal) {
    if (kind !== "picture") throw new Problem("browser-format");
    await this.#show(kind, signal);
    this.tell("loading", 0);
    const { runInBrowser } = await import("./browser_run.js");
    const { picture } = this.view;
    const { values, channels } = forModel(picture, this.model);
    const folder = new URL(`v1/models/${encodeURIComponent(this.model.id)}/browser/`, ROOT);
    const told = (stage, share) => this.tell(stage === "network" ? "computing" : "loading", stage === "network" ? null : share);
    const began = performance.now();
    let found;
    try {
      found = await runInBrowser(folder, values, picture.height, picture.width, channels, told, { headers: tokenHeader(), signal });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new Problem(`browser-${error.code ?? "failed"}`, { detail: String(error.message ?? "") });
    }
    const { width, height } = picture;
    const mask = new PlaneMask(width, height, this.classes, this.overlapping);
    this.classes.forEach(({ value }, number) => {
      const layer = mask.layers.get(value);
      const from = this.overlapping ? number * layer.length : 0;
      for (let at = 0; at < layer.length; at++) layer[at] = this.overlapping ? found.mask[from + at] : Number(found.mask[at] === value);
    });
    this.result = {
      model: { id: this.model.id, name: this.model.name, sha256: this.model.sha256 },
      input: { format: "browser", shape: [height, width], channels: picture.channels, spacing_mm: null },
      classes: this.classes.map((one) => ({ ...one, voxels: mask.count(one.value) })),
      measures: null, warnings: [], engine: "onnxruntime-web", seconds: (performance.now() - began) / 1000,
      quality: { known: false, needs_review: null, reasons: [] },
    };
    this.view.setMask(mask);
  }

  /** The result's sentences in another language. */
  async reword() {
    if (!this.job || !this.result) return;
    const answer = await result(this.job, "application/json", undefined, "?mask=none");
    this.result = { ...(await answer.json()), mask: this.result.mask };
  }

  cancel(reason) {
    this.stop.abort(reason);
    this.#forget();
  }

  /** Nothing of the image stays: not in the page, not on the server. */
  close() {
    this.#forget();
    this.view?.destroy();
    this.view = null;
  }

  #forget() {
    if (this.job) forget(this.job);
    this.job = null;
  }
}

async function decoded(blob) {
  try {
    return await fromFile(blob);
  } catch {
    throw new Problem("damaged-here");
  }
}

/** Waits for all; the first that fails stops the others and is what is raised. */
async function together(signal, controller, ...promises) {
  const guarded = promises.map((promise) =>
    promise.catch((error) => {
      if (!signal.aborted) controller.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(guarded);
  signal.throwIfAborted();
}

/** Grey pixels for a model of grey, three channels for one of colour. */
function forModel(picture, model) {
  if (picture.channels === 1 && model.input.channels === 3) {
    const values = new Uint8Array(picture.values.length * 3);
    picture.values.forEach((value, at) => values.fill(value, at * 3, at * 3 + 3));
    return { values, channels: 3 };
  }
  return { values: picture.values, channels: picture.channels };
}
