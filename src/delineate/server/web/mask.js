// Masks as numbers: run lengths of the server ↔ layers, one per class, and a brush with undo.

/** The labels of an exclusive mask (Uint8Array in C order) from the server's run lengths. */
export function labelsOf(mask, classes) {
  const labels = new Uint8Array(mask.shape.reduce((product, n) => product * n, 1));
  for (const { value, name } of classes) paint(mask.classes[name] ?? [], (from, to) => labels.fill(value, from, to));
  return labels;
}

function paint(lengths, fill) {
  let at = 0;
  lengths.forEach((length, number) => {
    if (number % 2) fill(at, at + length);
    at += length;
  });
}

/** Lengths of the runs of equal values, [value, length, …]: what undo of volumes remembers. */
export function squeeze(values) {
  const runs = [];
  for (let at = 0; at < values.length; ) {
    const value = values[at];
    let end = at + 1;
    while (end < values.length && values[end] === value) end++;
    runs.push(value, end - at);
    at = end;
  }
  return Uint32Array.from(runs);
}

export function unsqueeze(runs, into) {
  let at = 0;
  for (let n = 0; n < runs.length; n += 2) {
    into.fill(runs[n], at, at + runs[n + 1]);
    at += runs[n + 1];
  }
  return into;
}

const MOST_UNDONE = 100;

/** A mask of a plane that can be corrected. Overlapping classes have a layer each; else a pixel has one class. */
export class PlaneMask {
  constructor(width, height, classes, overlapping) {
    Object.assign(this, { width, height, classes, overlapping });
    this.layers = new Map(classes.map(({ value }) => [value, new Uint8Array(width * height)]));
    this.done = [];
    this.undone = [];
    this.stroke = null;
  }

  /** The server's answer (`mask` with encoding rle). */
  static fromServer(mask, classes, overlapping) {
    const [height, width] = mask.shape;
    const found = new PlaneMask(width, height, classes, overlapping);
    for (const { value, name } of classes) {
      const layer = found.layers.get(value);
      paint(mask.classes[name] ?? [], (from, to) => layer.fill(1, from, to));
    }
    return found;
  }

  static fromLabels(labels, width, height, classes) {
    const found = new PlaneMask(width, height, classes, false);
    labels.forEach((label, at) => {
      const layer = label && found.layers.get(label);
      if (layer) layer[at] = 1;
    });
    return found;
  }

  get edited() {
    return this.done.length > 0;
  }

  /** Remember this state as the model's own. */
  keep() {
    this.first = new Map([...this.layers].map(([value, layer]) => [value, layer.slice()]));
    return this;
  }

  /** The mask as it was kept. */
  original() {
    const found = new PlaneMask(this.width, this.height, this.classes, this.overlapping);
    found.layers = this.first;
    return found;
  }

  /** Back to the mask that was kept, as one step that can be undone. */
  restore() {
    this.begin();
    for (const [value, layer] of this.layers) {
      const [first, before] = [this.first.get(value), this.stroke.get(value)];
      for (let at = 0; at < layer.length; at++)
        if (layer[at] !== first[at]) {
          before.set(at, layer[at]);
          layer[at] = first[at];
        }
    }
    return this.end();
  }

  count(value) {
    let sum = 0;
    for (const inside of this.layers.get(value)) sum += inside;
    return sum;
  }

  /** Class values of every pixel (exclusive masks). */
  labels() {
    const found = new Uint8Array(this.width * this.height);
    for (const [value, layer] of this.layers) layer.forEach((inside, at) => inside && (found[at] = value));
    return found;
  }

  /** One byte a pixel: class values, or 0/1 layers one after the other where classes overlap. */
  bytes() {
    if (!this.overlapping) return this.labels();
    const size = this.width * this.height;
    const found = new Uint8Array(size * this.layers.size);
    [...this.layers.values()].forEach((layer, number) => found.set(layer, number * size));
    return found;
  }

  begin() {
    this.stroke = new Map(); // `${value}:${pixel}` would be slow: one Map a layer, pixel → what was there
    for (const value of this.layers.keys()) this.stroke.set(value, new Map());
  }

  /** A round brush of `radius` pixels from (x0, y0) to (x1, y1), in pixels from the upper left corner. */
  line(x0, y0, x1, y1, radius, value, erase) {
    const { width, height } = this;
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius));
    const right = Math.min(width - 1, Math.ceil(Math.max(x0, x1) + radius));
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius));
    const bottom = Math.min(height - 1, Math.ceil(Math.max(y0, y1) + radius));
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length2 = dx * dx + dy * dy;
    const near = Math.max(radius, 0.5) ** 2;
    for (let y = top; y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const share = length2 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length2)) : 0;
        if ((px - share * dx) ** 2 + (py - share * dy) ** 2 <= near) this.#set(y * width + x, value, erase);
      }
  }

  #set(at, value, erase) {
    for (const [other, layer] of this.layers) {
      if (other !== value && (this.overlapping || erase)) continue;
      const wanted = other === value && !erase ? 1 : 0;
      if (layer[at] === wanted) continue;
      const before = this.stroke.get(other);
      if (!before.has(at)) before.set(at, layer[at]);
      layer[at] = wanted;
    }
  }

  /** Ends the stroke; true where it changed something. */
  end() {
    const changes = [];
    for (const [value, before] of this.stroke ?? []) {
      const layer = this.layers.get(value);
      const pixels = Uint32Array.from(before.keys()).filter((at) => layer[at] !== before.get(at));
      if (pixels.length) changes.push({ value, pixels });
    }
    this.stroke = null;
    if (!changes.length) return false;
    this.done.push(changes);
    if (this.done.length > MOST_UNDONE) this.done.shift();
    this.undone = [];
    return true;
  }

  #flip(from, to) {
    const changes = from.pop();
    if (!changes) return false;
    for (const { value, pixels } of changes) for (const at of pixels) this.layers.get(value)[at] ^= 1; // masks are 0 or 1
    to.push(changes);
    return true;
  }

  undo() {
    return this.#flip(this.done, this.undone);
  }

  redo() {
    return this.#flip(this.undone, this.done);
  }

  /** The borders between inside and outside of a class, along edges of pixels. */
  outline(value) {
    const { width, height } = this;
    const layer = this.layers.get(value);
    const path = new Path2D();
    for (let y = 0; y <= height; y++) {
      let from = -1;
      for (let x = 0; x <= width; x++) {
        const above = y > 0 && x < width ? layer[(y - 1) * width + x] : 0;
        const here = y < height && x < width ? layer[y * width + x] : 0;
        if (above !== here) {
          if (from < 0) from = x;
        } else if (from >= 0) {
          path.moveTo(from, y);
          path.lineTo(x, y);
          from = -1;
        }
      }
    }
    for (let x = 0; x <= width; x++) {
      let from = -1;
      for (let y = 0; y <= height; y++) {
        const before = x > 0 && y < height ? layer[y * width + x - 1] : 0;
        const here = x < width && y < height ? layer[y * width + x] : 0;
        if (before !== here) {
          if (from < 0) from = y;
        } else if (from >= 0) {
          path.moveTo(x, from);
          path.lineTo(x, y);
          from = -1;
        }
      }
    }
    return path;
  }
}
