"use strict";
// Copy buttons. A page opened from a disk may not be allowed to use the clipboard: then the text is selected and copied the old way.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
    }
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

// Two models side by side. Masks are grey PNGs: a byte is the label, or one bit per class where classes overlap.
const root = document.getElementById("viewer");
if (root) {
  const data = JSON.parse(root.dataset.cases);
  const words = root.dataset;
  const pick = (name) => root.querySelector(`[data-pick="${name}"]`);
  const [selectA, selectB, selectClass, selectCase] = ["a", "b", "class", "case"].map(pick);
  const COLOURS = { truth: [42, 190, 86], a: [58, 134, 255], b: [255, 140, 26], both: [235, 235, 235], missed: [226, 40, 70] };
  const opened = new Map();
  let asked = 0;

  const pixelsOf = async (source) => {
    if (!opened.has(source)) {
      const image = new Image();
      image.src = "data:image/png;base64," + source;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      opened.set(source, { image, bytes: context.getImageData(0, 0, image.width, image.height).data });
    }
    return opened.get(source);
  };

  const maskOf = async (source, chosen) => {
    const { image, bytes } = await pixelsOf(source);
    const mask = new Uint8Array(image.width * image.height);
    for (let at = 0; at < mask.length; at++) {
      const value = bytes[4 * at];
      mask[at] = chosen === 0 ? value > 0 : data.overlapping ? (value >> (chosen - 1)) & 1 : value === chosen;
    }
    return mask;
  };

  const begin = (name, image, scale) => {
    const canvas = root.querySelector(`canvas[data-show="${name}"]`);
    canvas.width = image.width * scale;
    canvas.height = image.height * scale;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return context;
  };

  const fill = (context, image, scale, colourAt) => {
    const layer = new OffscreenCanvas(image.width, image.height);
    const inner = layer.getContext("2d");
    const pixels = inner.createImageData(image.width, image.height);
    for (let at = 0; at < image.width * image.height; at++) {
      const found = colourAt(at);
      if (found) pixels.data.set([...found[0], found[1]], 4 * at);
    }
    inner.putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(layer, 0, 0, image.width * scale, image.height * scale);
  };

  const outline = (context, mask, width, height, scale) => {
    context.strokeStyle = `rgb(${COLOURS.truth})`;
    context.lineWidth = 2;
    context.beginPath();
    const value = (row, column) => (row < 0 || column < 0 || row >= height || column >= width ? 0 : mask[row * width + column]);
    for (let row = 0; row <= height; row++) {
      for (let column = 0; column <= width; column++) {
        if (value(row, column) !== value(row - 1, column)) {
          context.moveTo(column * scale, row * scale);
          context.lineTo((column + 1) * scale, row * scale);
        }
        if (value(row, column) !== value(row, column - 1)) {
          context.moveTo(column * scale, row * scale);
          context.lineTo(column * scale, (row + 1) * scale);
        }
      }
    }
    context.stroke();
  };

  const say = (value) => (value === null || value === undefined ? "–" : value.toFixed(3).replace("-", "\u2212"));

  const usable = () => {
    const a = Number(selectA.value), b = Number(selectB.value);
    return data.cases
      .map((one, at) => ({ one, at, gap: Math.abs((one.values[a] ?? NaN) - (one.values[b] ?? NaN)) }))
      .filter(({ one }) => one.masks[a] && one.masks[b])
      .sort((x, y) => (isNaN(x.gap) - isNaN(y.gap)) || y.gap - x.gap);
  };

  const listCases = () => {
    const a = Number(selectA.value), b = Number(selectB.value);
    const found = usable();
    selectCase.replaceChildren(...found.map(({ one, at }) => {
      const option = document.createElement("option");
      option.value = String(at);
      option.textContent = `${one.group} · A ${say(one.values[a])} · B ${say(one.values[b])}`;
      return option;
    }));
    root.classList.toggle("empty", found.length === 0);
    show();
  };

  const show = async () => {
    const mine = ++asked;
    const one = data.cases[Number(selectCase.value)];
    if (selectCase.value === "" || !one) return;
    const a = Number(selectA.value), b = Number(selectB.value), chosen = selectClass ? Number(selectClass.value) : 0;
    const { image } = await pixelsOf(one.image);
    const [truth, maskA, maskB] = await Promise.all([one.truth, one.masks[a], one.masks[b]].map((source) => maskOf(source, chosen)));
    if (mine !== asked) return;
    const { width, height } = image;
    const scale = Math.max(1, Math.round(640 / Math.max(width, height)));
    outline(begin("truth", image, scale), truth, width, height, scale);
    for (const [name, mask] of [["a", maskA], ["b", maskB]]) {
      const context = begin(name, image, scale);
      fill(context, image, scale, (at) => mask[at] && [COLOURS[name], 120]);
      outline(context, truth, width, height, scale);
    }
    const context = begin("difference", image, scale);
    context.fillStyle = "rgb(0 0 0 / 45%)";
    context.fillRect(0, 0, width * scale, height * scale);
    const count = { a: 0, b: 0, both: 0, missed: 0 };
    fill(context, image, scale, (at) => {
      const name = maskA[at] && maskB[at] ? "both" : maskA[at] ? "a" : maskB[at] ? "b" : truth[at] ? "missed" : "";
      if (!name) return null;
      count[name]++;
      return [COLOURS[name], name === "both" ? 120 : 215];
    });
    outline(context, truth, width, height, scale);
    root.querySelector('[data-name="a"]').textContent = `A: ${data.models[a]} · ${say(one.values[a])}`;
    root.querySelector('[data-name="b"]').textContent = `B: ${data.models[b]} · ${say(one.values[b])}`;
    root.querySelector('[data-name="where"]').textContent =
      one.group + (one.plane === null ? "" : " · " + words.slice.replace("{at}", one.plane + 1).replace("{of}", one.planes));
    for (const name of Object.keys(count)) root.querySelector(`[data-count="${name}"]`).textContent = `${count[name]} px`;
  };

  const step = (by) => {
    const at = selectCase.selectedIndex + by;
    if (at >= 0 && at < selectCase.options.length) { selectCase.selectedIndex = at; show(); }
  };
  selectA.addEventListener("change", listCases);
  selectB.addEventListener("change", listCases);
  selectCase.addEventListener("change", show);
  if (selectClass) selectClass.addEventListener("change", show);
  pick("back").addEventListener("click", () => step(-1));
  pick("next").addEventListener("click", () => step(1));
  const have = data.models.map((_, at) => at).filter((at) => data.cases.some((one) => one.masks[at]));
  selectA.value = String(have[0] ?? 0);
  selectB.value = String(have[1] ?? 1);
  root.hidden = false;
  listCases();
}
