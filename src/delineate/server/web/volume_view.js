// A volume in NiiVue: three planes and a 3-D view, the mask as a drawing that can be corrected, undo of our own.

import { Problem } from "./api.js";
import { colourOf } from "./colours.js";
import { squeeze, unsqueeze } from "./mask.js";
import { stored, unpack, withVoxels } from "./nifti.js";

const PLANES = { axial: 0, coronal: 1, sagittal: 2, multi: 3, render: 4 };
/** Axis of the volume (as NiiVue turns it: right, front, head) a plane is stacked along. */
const AXIS = { sagittal: 0, coronal: 1, axial: 2, multi: 2 };
const MOST_UNDONE = 20;

let library;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("vendor/niivue/niivue.umd.js", import.meta.url);
    script.onload = () => resolve(globalThis.niivue);
    script.onerror = () => reject(new Problem("no-connection"));
    document.head.append(script);
  });
  return library;
}

export class VolumeView extends EventTarget {
  volume = true;
  opacity = 0.45;
  outlines = true;
  brush = 3; // voxels
  label = 1;
  tool = "move";
  plane = "multi";

  /** `bytes`: a NIfTI file. Raises Problem `no-webgl`, `not-shown`. */
  static async create(stage, bytes, modality) {
    const view = new VolumeView();
    await view.#open(stage, bytes, modality);
    return view;
  }

  async #open(stage, bytes, modality) {
    const niivue = await load();
    this.niivue = niivue;
    this.modality = modality;
    this.hidden = new Set();
    this.past = [];
    this.at = -1;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "view";
    this.canvas.tabIndex = 0;
    stage.append(this.canvas);
    const nv = (this.nv = new niivue.Niivue({
      logLevel: "error", isRadiologicalConvention: true, dragAndDropEnabled: false, backColor: [0.024, 0.035, 0.047, 1],
      crosshairColor: [0.85, 0.9, 0.95, 0.6], crosshairWidth: 0.3, crosshairWidthUnit: "percent", fontColor: [0.75, 0.8, 0.85, 1], show3Dcrosshair: true, isColorbar: false,
      multiplanarShowRender: niivue.SHOW_RENDER?.ALWAYS ?? 1, multiplanarLayout: niivue.MULTIPLANAR_TYPE?.GRID ?? 2, tileMargin: 4,
      dragMode: niivue.DRAG_MODE?.contrast ?? 1, maxDrawUndoBitmaps: 2, loadingText: "", isNearestInterpolation: false, fontMinPx: 12,
    }));
    try {
      await nv.attachToCanvas(this.canvas);
      if (!nv.gl) throw new Error("no WebGL2");
    } catch {
      this.canvas.remove();
      throw new Problem("no-webgl");
    }
    try {
      const name = bytes[0] === 0x1f ? "image.nii.gz" : "image.nii"; // no name of the person's file goes anywhere
      const image = await niivue.NVImage.loadFromFile({ file: new File([bytes], name), name });
      nv.addVolume(image);
    } catch {
      this.destroy();
      throw new Problem("not-shown");
    }
    nv.onDrawingChanged = (action) => action === "draw" && this.#remember();
    nv.onLocationChange = () => this.dispatchEvent(new Event("place"));
    nv.onIntensityChange = () => this.dispatchEvent(new Event("window"));
    nv.setSliceType(PLANES.multi);
    this.#gestures(stage);
  }

  get image() {
    return this.nv.volumes[0];
  }

  get extent() {
    return [this.image.global_min, this.image.global_max];
  }

  get low() {
    return this.image.cal_min;
  }

  get high() {
    return this.image.cal_max;
  }

  range(preset) {
    if (preset === "full") return this.extent;
    const { robust_min: low, robust_max: high } = this.image;
    return high > low ? [low, high] : this.extent;
  }

  setWindow(low, high) {
    this.image.cal_min = low;
    this.image.cal_max = Math.max(high, low + 1e-6);
    this.nv.updateGLVolume();
  }

  /** `file`: the server's NIfTI mask of this volume. */
  async setMask(file, classes, editable) {
    this.classes = classes;
    this.editable = editable;
    this.file = await unpack(new Uint8Array(file));
    const mask = await this.niivue.NVImage.loadFromFile({ file: new File([this.file], "mask.nii"), name: "mask.nii" });
    if (!this.nv.loadDrawing(mask)) throw new Problem("not-shown");
    this.past = [squeeze(this.nv.drawBitmap)];
    this.at = 0;
    this.#colours();
    this.set({});
    this.nv.setDrawingEnabled(false);
  }

  /** A mask file on this volume's grid, of labels in the file's order. */
  async fileWith(labels) {
    const empty = await this.nv.saveImage({ filename: "", isSaveDrawing: true, volumeByIndex: 0 });
    return withVoxels(empty || (await this.#blank()), labels);
  }

  async #blank() {
    this.nv.createEmptyDrawing();
    return this.nv.saveImage({ filename: "", isSaveDrawing: true, volumeByIndex: 0 });
  }

  /** Put the crosshair on the mask, in the axial slice that holds most of it: an empty first look says nothing. */
  lookAtMask() {
    const bitmap = this.nv.drawBitmap;
    const [, nx, ny, nz] = this.image.dimsRAS;
    const plane = nx * ny;
    let best = { n: 0, z: 0 };
    for (let z = 0; z < nz; z++) {
      let n = 0;
      for (let at = z * plane; at < (z + 1) * plane; at++) if (bitmap[at]) n++;
      if (n > best.n) best = { n, z };
    }
    if (!best.n) return;
    const inside = [];
    for (let at = 0; at < plane; at++) if (bitmap[best.z * plane + at]) inside.push([at % nx, Math.floor(at / nx)]);
    // Of organs in pairs the one on the left: the middle between them is in neither.
    const columns = inside.map(([x]) => x).sort((a, b) => a - b);
    const column = columns[Math.floor(columns.length / 4)];
    const same = inside.filter(([x]) => x === column);
    const middle = same[Math.floor(same.length / 2)];
    this.nv.scene.crosshairPos = [(middle[0] + 0.5) / nx, (middle[1] + 0.5) / ny, (best.z + 0.5) / nz];
    this.nv.drawScene();
    this.dispatchEvent(new Event("place"));
  }

  #colours() {
    const table = { R: [0], G: [0], B: [0], A: [0], labels: [""] };
    for (const { value, name } of this.classes) {
      const [r, g, b] = colourOf(value);
      table.R[value] = r;
      table.G[value] = g;
      table.B[value] = b;
      table.A[value] = this.hidden.has(value) ? 0 : 255;
      table.labels[value] = name;
    }
    this.nv.setDrawColormap(table);
  }

  set({ opacity, outlines, hidden }) {
    if (opacity !== undefined) this.opacity = opacity;
    if (outlines !== undefined) this.outlines = outlines;
    if (hidden !== undefined) {
      this.hidden = hidden;
      if (this.classes) this.#colours();
    }
    this.nv.drawRimOpacity = this.outlines ? 1 : -1;
    this.nv.setDrawOpacity(this.opacity);
  }

  setTool(tool) {
    this.tool = this.editable ? tool : "move";
    this.canvas.dataset.tool = this.tool;
    if (!this.nv.drawBitmap) return;
    this.nv.opts.penSize = this.brush;
    this.nv.setPenValue(this.tool === "erase" ? 0 : this.label, false);
    this.nv.setDrawingEnabled(this.tool !== "move");
  }

  setPlane(plane) {
    this.plane = plane;
    this.nv.setSliceType(PLANES[plane]);
    this.dispatchEvent(new Event("place"));
  }

  /** What to show first: a stack of few slices is best seen slice by slice. */
  get firstPlane() {
    const [, ...sizes] = this.image.dimsRAS;
    const [, ...steps] = this.image.pixDimsRAS;
    const extents = sizes.map((size, axis) => size * steps[axis]);
    const thin = extents.indexOf(Math.min(...extents));
    return extents[thin] < Math.max(...extents) / 4 ? ["sagittal", "coronal", "axial"][thin] : "multi";
  }

  /** {axis, index (from 1), count} of the slices of the plane shown; null for the 3-D view. */
  get slice() {
    if (!(this.plane in AXIS)) return null;
    const axis = AXIS[this.plane];
    const count = this.image.dimsRAS[axis + 1];
    return { count, index: Math.min(count, Math.floor(this.nv.scene.crosshairPos[axis] * count) + 1) };
  }

  goTo(index) {
    const { axis = AXIS[this.plane], count } = this.slice ?? {};
    if (!count) return;
    this.nv.scene.crosshairPos[axis] = (index - 0.5) / count;
    this.nv.drawScene();
    this.dispatchEvent(new Event("place"));
  }

  step(by) {
    const slice = this.slice;
    if (slice) this.goTo(Math.max(1, Math.min(slice.count, slice.index + by)));
  }

  turn(azimuth, elevation) {
    this.nv.setRenderAzimuthElevation(this.nv.scene.renderAzimuth + azimuth, this.nv.scene.renderElevation + elevation);
  }

  fit() {
    this.nv.setPan2Dxyzmm([0, 0, 0, 1]);
    this.nv.setScale(1);
  }

  zoom(factor) {
    const [x, y, z, scale] = this.nv.scene.pan2Dxyzmm;
    this.nv.setPan2Dxyzmm([x, y, z, Math.max(0.3, Math.min(20, scale * factor))]);
    this.nv.setScale(Math.max(0.3, Math.min(5, this.nv.volScaleMultiplier * factor)));
  }

  pan(dx, dy) {
    if (this.plane === "render") this.turn(dx / 4, dy / 4);
  }

  // ── correcting ──

  #remember() {
    const runs = squeeze(this.nv.drawBitmap);
    const last = this.past[this.at];
    if (last && last.length === runs.length && last.every((value, n) => value === runs[n])) return;
    this.past.length = this.at + 1;
    this.past.push(runs);
    if (this.past.length > MOST_UNDONE + 1) this.past.splice(1, 1); // the model's mask stays first
    this.at = this.past.length - 1;
    this.dispatchEvent(new Event("edit"));
  }

  /** Arrows move the crosshair within the plane (or turn the 3-D view), and paint a disc there where `paint`. */
  arrow(dx, dy, paint = false) {
    if (this.plane === "render") {
      this.turn(dx * 5, -dy * 5);
      return;
    }
    const axis = AXIS[this.plane];
    const [across, up] = [0, 1, 2].filter((one) => one !== axis);
    const place = this.nv.scene.crosshairPos;
    const sizes = this.image.dimsRAS.slice(1);
    const moved = (which, by) => Math.min(1 - 0.5 / sizes[which], Math.max(0.5 / sizes[which], place[which] + by / sizes[which]));
    place[across] = moved(across, across === 0 ? -dx : dx); // radiological: the patient's right is on the left
    place[up] = moved(up, -dy);
    if (paint && this.tool !== "move") this.#disc(axis);
    this.nv.drawScene();
    this.dispatchEvent(new Event("place"));
  }

  #disc(axis) {
    const sizes = this.image.dimsRAS.slice(1);
    const centre = sizes.map((size, one) => Math.min(size - 1, Math.floor(this.nv.scene.crosshairPos[one] * size)));
    const radius = this.brush / 2;
    const value = this.tool === "erase" ? 0 : this.label;
    const [a, b] = [0, 1, 2].filter((one) => one !== axis);
    const reach = Math.ceil(radius);
    for (let i = -reach; i <= reach; i++)
      for (let j = -reach; j <= reach; j++) {
        const at = centre.slice();
        at[a] += i;
        at[b] += j;
        if (i * i + j * j > radius * radius || at[a] < 0 || at[b] < 0 || at[a] >= sizes[a] || at[b] >= sizes[b]) continue;
        this.nv.drawBitmap[at[0] + sizes[0] * (at[1] + sizes[1] * at[2])] = value;
      }
    this.nv.refreshDrawing(false);
    this.#remember();
  }

  #show(at) {
    if (at < 0 || at >= this.past.length || at === this.at) return false;
    this.at = at;
    unsqueeze(this.past[at], this.nv.drawBitmap);
    this.nv.refreshDrawing(true);
    this.dispatchEvent(new Event("edit"));
    return true;
  }

  undo() {
    return this.#show(this.at - 1);
  }

  redo() {
    return this.#show(this.at + 1);
  }

  restore() {
    unsqueeze(this.past[0], this.nv.drawBitmap);
    this.nv.refreshDrawing(true);
    this.#remember();
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.past.length - 1;
  }

  get edited() {
    return this.at > 0;
  }

  async counts() {
    const found = new Map(this.classes.map(({ value }) => [value, 0]));
    const runs = this.past[this.at];
    for (let n = 0; n < runs.length; n += 2) if (runs[n]) found.set(runs[n], (found.get(runs[n]) ?? 0) + runs[n + 1]);
    return found;
  }

  /** The drawing in the order of the file it belongs to (Uint8Array). */
  async labels() {
    const saved = await this.nv.saveImage({ filename: "", isSaveDrawing: true, volumeByIndex: 0 });
    return Uint8Array.from(stored(saved));
  }

  // ── hands: NiiVue knows mouse and one finger; two fingers and Ctrl+wheel zoom here ──

  #gestures(stage) {
    const gap = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    let last = 0;
    this.stop = new AbortController();
    const options = { capture: true, passive: false, signal: this.stop.signal };
    const two = (event) => {
      if (event.touches.length !== 2) {
        last = 0;
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      const now = gap(event.touches);
      if (last) this.zoom(now / last);
      last = now;
    };
    for (const name of ["touchstart", "touchmove"]) stage.addEventListener(name, two, options);
    stage.addEventListener("touchend", () => (last = 0), { capture: true, signal: this.stop.signal });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.zoom(Math.exp(-event.deltaY * 0.003));
    }, options);
    // The page has keys of its own; NiiVue's would do other things at the same time.
    for (const name of ["keydown", "keyup"]) this.canvas.addEventListener(name, (event) => event.stopImmediatePropagation(), options);
  }

  destroy() {
    this.stop?.abort();
    this.nv.cleanup?.();
    this.nv.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.remove();
  }
}
