// A picture or X-ray on a canvas: zoom, pan, window, mask, brush. Mouse, pen, fingers and keys.

import { colourOf, cssOf } from "./colours.js";
import { percentiles, windowed } from "./picture.js";

const MOST_ZOOM = 40;

function surface({ width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  return { canvas, context: canvas.getContext("2d", { willReadFrequently: true }) };
}

export class PlaneView extends EventTarget {
  volume = false;
  opacity = 0.45;
  outlines = true;
  brush = 12; // diameter, pixels of the image
  label = 1;
  tool = "move";

  constructor(stage, picture, modality) {
    super();
    this.picture = picture;
    this.modality = modality;
    this.hidden = new Set();
    this.canvas = document.createElement("canvas");
    this.canvas.className = "view";
    this.canvas.tabIndex = 0;
    stage.append(this.canvas);
    // On the CPU: large images that change with every stroke would be sent to the graphics card anew each time, and where there is
    // none (remote desktops) it is imitated slowly.
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.image = surface(picture);
    this.overlay = surface(picture);
    this.pointers = new Map();
    this.mask = null;
    this.cursor = null;
    this.fitted = true;
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.canvas);
    this.#listen();
    this.#resize();
    this.setWindow(...(picture.depth8 ? [0, 255] : this.range("auto")));
  }

  get width() {
    return this.picture.width;
  }

  get height() {
    return this.picture.height;
  }

  get extent() {
    return [this.picture.low, this.picture.high];
  }

  range(preset) {
    return preset === "full" ? this.extent : percentiles(this.picture.values);
  }

  setWindow(low, high) {
    this.low = low;
    this.high = Math.max(high, low + 1e-6);
    this.image.context.putImageData(windowed(this.picture, this.low, this.high), 0, 0);
    this.draw();
  }

  setMask(mask) {
    this.mask = mask.keep();
    this.maskChanged();
  }

  maskChanged() {
    this.#paint(0, 0, this.width, this.height);
    this.#outline();
    this.draw();
  }

  set({ opacity, outlines, hidden }) {
    if (opacity !== undefined) this.opacity = opacity;
    if (outlines !== undefined) this.outlines = outlines;
    if (hidden !== undefined) {
      this.hidden = hidden;
      this.#paint(0, 0, this.width, this.height);
    }
    this.draw();
  }

  setTool(tool) {
    this.tool = tool;
    this.canvas.dataset.tool = tool;
    this.draw();
  }

  undo() {
    return this.mask?.undo() && this.#changed();
  }

  redo() {
    return this.mask?.redo() && this.#changed();
  }

  restore() {
    if (this.mask?.restore()) this.#changed();
  }

  get editable() {
    return Boolean(this.mask);
  }

  get canUndo() {
    return Boolean(this.mask?.done.length);
  }

  get canRedo() {
    return Boolean(this.mask?.undone.length);
  }

  async counts() {
    return new Map(this.mask.classes.map(({ value }) => [value, this.mask.count(value)]));
  }

  #changed() {
    this.maskChanged();
    this.dispatchEvent(new Event("edit"));
    return true;
  }

  // ── view ──

  fit() {
    this.fitted = true;
    const scale = Math.min(this.canvas.width / this.width, this.canvas.height / this.height) * 0.96;
    this.scale = Math.max(scale, 1e-3);
    this.x = (this.canvas.width - this.width * this.scale) / 2;
    this.y = (this.canvas.height - this.height * this.scale) / 2;
    this.draw();
  }

  /** Zoom by a factor about a point of the canvas, its middle where none is given. */
  zoom(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const least = Math.min(this.canvas.width / this.width, this.canvas.height / this.height) * 0.2;
    const scale = Math.min(MOST_ZOOM * devicePixelRatio, Math.max(least, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.draw();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.draw();
  }

  #resize() {
    const box = this.canvas.getBoundingClientRect();
    const [width, height] = [Math.round(box.width * devicePixelRatio), Math.round(box.height * devicePixelRatio)];
    if (!width || !height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    if (this.fitted || !this.scale) this.fit();
    else this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.#drawNow();
    });
  }

  #drawNow() {
    const { context, canvas, scale } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, this.x, this.y);
    context.imageSmoothingEnabled = scale < 3;
    context.imageSmoothingQuality = "medium";
    context.drawImage(this.image.canvas, 0, 0);
    if (this.mask) {
      context.globalAlpha = this.opacity;
      context.imageSmoothingQuality = "low";
      context.drawImage(this.overlay.canvas, 0, 0);
      context.globalAlpha = 1;
      if (this.outlines && !this.mask.stroke) {
        context.lineWidth = (1.6 * devicePixelRatio) / scale;
        context.lineJoin = "round";
        for (const [value, path] of this.paths ?? []) {
          if (this.hidden.has(value)) continue;
          context.strokeStyle = cssOf(value);
          context.stroke(path);
        }
      }
    }
    if (this.cursor && this.tool !== "move") {
      context.beginPath();
      context.arc(this.cursor.x, this.cursor.y, Math.max(this.brush / 2, 0.5), 0, 2 * Math.PI);
      context.lineWidth = (1.5 * devicePixelRatio) / scale;
      context.strokeStyle = this.tool === "erase" ? "#fff" : cssOf(this.label);
      context.stroke();
    }
  }

  #paint(x, y, width, height) {
    if (!this.mask || width <= 0 || height <= 0) return;
    const pixels = new ImageData(width, height);
    for (const [value, layer] of this.mask.layers) {
      if (this.hidden.has(value)) continue;
      const [r, g, b] = colourOf(value);
      for (let row = 0; row < height; row++) {
        let from = (y + row) * this.width + x;
        let to = row * width * 4;
        for (let column = 0; column < width; column++, from++, to += 4)
          if (layer[from]) {
            pixels.data[to] = r;
            pixels.data[to + 1] = g;
            pixels.data[to + 2] = b;
            pixels.data[to + 3] = 255;
          }
      }
    }
    this.overlay.context.putImageData(pixels, x, y);
  }

  #outline() {
    this.paths = new Map((this.mask?.classes ?? []).map(({ value }) => [value, this.mask.outline(value)]));
  }

  // ── keys: arrows move the brush, Space paints ──

  /** Move the brush by pixels of the image, painting on the way where `paint`; without a brush the image moves. */
  arrow(dx, dy, paint = false) {
    if (this.tool === "move") {
      this.pan(-dx * 40 * devicePixelRatio, -dy * 40 * devicePixelRatio);
      return;
    }
    const before = this.cursor ?? { x: this.width / 2, y: this.height / 2 };
    const step = Math.max(1, this.brush / 3);
    this.cursor = { x: Math.min(this.width, Math.max(0, before.x + dx * step)), y: Math.min(this.height, Math.max(0, before.y + dy * step)) };
    if (paint && this.mask) {
      this.mask.begin();
      this.#stroke(before, this.cursor);
      if (this.mask.end()) this.#changed();
    }
    this.draw();
  }

  // ── hands ──

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) * (this.canvas.width / box.width);
    const y = (event.clientY - box.top) * (this.canvas.height / box.height);
    return { canvasX: x, canvasY: y, x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  #listen() {
    const on = (name, listener, options) => this.canvas.addEventListener(name, listener, options);
    on("wheel", (event) => {
      event.preventDefault();
      const { canvasX, canvasY } = this.#at(event);
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), canvasX, canvasY);
    }, { passive: false });
    on("contextmenu", (event) => event.preventDefault());
    on("dblclick", () => this.tool === "move" && this.fit());
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#up(event));
    on("pointerleave", () => {
      this.cursor = null;
      this.draw();
    });
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.pointers.set(event.pointerId, this.#at(event));
    if (this.pointers.size > 1) {
      this.#cancelStroke(); // a second finger: it was to be a pinch
      return;
    }
    const drawing = this.mask && this.tool !== "move" && event.button === 0;
    this.action = drawing ? "draw" : event.button === 2 ? "window" : "pan";
    if (drawing) {
      this.mask.begin();
      this.#stroke(this.#at(event), this.#at(event));
    }
  }

  #move(event) {
    const now = this.#at(event);
    this.cursor = event.pointerType === "touch" ? null : now;
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (this.tool !== "move") this.draw();
      return;
    }
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      const gap = (a) => Math.hypot(a.canvasX - other.canvasX, a.canvasY - other.canvasY) || 1;
      this.pan((now.canvasX - before.canvasX) / 2, (now.canvasY - before.canvasY) / 2);
      this.zoom(gap(now) / gap(before), (now.canvasX + other.canvasX) / 2, (now.canvasY + other.canvasY) / 2);
    } else if (this.action === "draw" && this.mask.stroke) {
      for (const step of event.getCoalescedEvents?.() ?? [event]) {
        const next = this.#at(step);
        this.#stroke(this.last, next);
      }
      this.#stroke(this.last, now);
    } else if (this.action === "window") {
      const step = (this.extent[1] - this.extent[0]) / 600;
      const [level, width] = [(this.low + this.high) / 2, this.high - this.low];
      const newWidth = Math.max(step, width + (now.canvasX - before.canvasX) * step);
      const newLevel = level + (now.canvasY - before.canvasY) * step;
      this.setWindow(newLevel - newWidth / 2, newLevel + newWidth / 2);
      this.dispatchEvent(new Event("window"));
    } else if (this.action === "pan") this.pan(now.canvasX - before.canvasX, now.canvasY - before.canvasY);
    this.pointers.set(event.pointerId, this.#at(event));
  }

  #stroke(from, to) {
    const radius = this.brush / 2;
    this.mask.line(from.x, from.y, to.x, to.y, radius, this.label, this.tool === "erase");
    this.last = to;
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius) - 1);
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius) - 1);
    const right = Math.min(this.width, Math.ceil(Math.max(from.x, to.x) + radius) + 1);
    const bottom = Math.min(this.height, Math.ceil(Math.max(from.y, to.y) + radius) + 1);
    this.#paint(left, top, right - left, bottom - top);
    this.draw();
  }

  #cancelStroke() {
    if (this.action === "draw" && this.mask?.stroke && this.mask.end()) {
      this.mask.undo();
      this.mask.undone.pop();
      this.maskChanged();
    }
    this.action = "pinch";
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    if (this.action === "draw" && this.mask?.stroke) {
      const changed = this.mask.end();
      if (changed) this.#changed();
      else this.draw();
    }
    this.action = this.pointers.size ? "pan" : null;
  }

  destroy() {
    this.observer.disconnect();
    cancelAnimationFrame(this.waiting);
    this.canvas.remove();
  }
}
