// The page of a model folder: a picture is chosen, computed here, shown and saved. Nothing is sent anywhere.

import { runInBrowser } from "./browser_run.js";

const by = (id) => document.getElementById(id);
const read = async (name) => (await fetch(name)).json();
const state = { language: navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en", strings: {}, card: null, shown: null, said: null };
let running = null;

function say(key, values = {}) {
  const text = state.strings[state.language]?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function tell(key, values = {}, wrong = false) {
  state.said = { key, values, wrong };
  by("status").textContent = key ? say(key, values) : "";
  by("status").classList.toggle("wrong", wrong);
}

const whole = (value) => value.toLocaleString(state.language === "zh" ? "zh-CN" : "en");

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// ---- what is known of the model

function describe() {
  const { card, language } = state;
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.title = card.name;
  by("name").textContent = card.name;
  by("language").textContent = language === "zh" ? "English" : "中文";
  by("language").lang = language === "zh" ? "en" : "zh";
  by("use").textContent = [card.intended_use[language], ...card.notes[language]].join(language === "zh" ? "" : " ");
  for (const place of document.querySelectorAll("[data-say]")) place.textContent = say(place.dataset.say);
  for (const list of ["limits", "differs"]) by(list).replaceChildren(...card[list][language].map(item));
  by("scores").replaceChildren(scoreTable());
  if (state.said) tell(state.said.key, state.said.values, state.said.wrong);
  if (state.shown) show();
}

function scoreTable() {
  const parts = ["test", "out_of_fold", "validation"].filter((part) => state.card.scores[part]?.dice?.mean != null);
  if (!parts.length) return element("p", say("unscored"));
  const table = element("table");
  table.append(row("th", [say("part"), "n", say("dice"), say("interval")]));
  for (const part of parts) {
    const { dice, n, unit } = state.card.scores[part];
    const interval = dice.ci95?.every((value) => value !== null) ? dice.ci95.map((value) => value.toFixed(3)).join(" … ") : "–";
    table.append(row("td", [say(`part.${part}`), say(`n.${unit ?? "patient"}`, { n }), dice.mean.toFixed(3), interval]));
  }
  return table;
}

// `words` in backticks are a command's.
function item(text) {
  const made = element("li");
  made.append(...text.split("`").map((part, at) => (at % 2 ? element("code", part) : part)));
  return made;
}

function row(kind, texts) {
  const made = element("tr");
  made.append(...texts.map((text) => element(kind, text)));
  return made;
}

// ---- from a file to pixels, and to a mask

async function pixelsOf(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height);
  const values = rgba.data;
  let grey = true;
  for (let at = 0; grey && at < values.length; at += 4) grey = values[at] === values[at + 1] && values[at] === values[at + 2];
  const takes = state.card.input.channels;
  const channels = grey && takes.includes(1) ? 1 : 3;
  if (!takes.includes(channels)) throw Object.assign(new Error(`${channels}`), { code: "channels-wrong" });
  const pixels = new Uint8Array(width * height * channels);
  for (let from = 0, to = 0; from < values.length; from += 4) for (let c = 0; c < channels; c++) pixels[to++] = values[from + c];
  return { pixels, width, height, channels, rgba };
}

async function compute(file) {
  if (!file || !state.card) return;
  running?.abort();
  const mine = (running = new AbortController());
  state.shown = null;
  by("result").hidden = true;
  busy(true);
  tell("reading");
  try {
    const image = await pixelsOf(file).catch((error) => {
      throw error.code ? error : Object.assign(error, { code: "unreadable" });
    });
    const follow = (stage, share) => {
      tell(`stage.${stage}`);
      if (stage === "network") by("progress").removeAttribute("value");
      else by("progress").value = share;
    };
    const { pixels, height, width, channels } = image;
    const found = await runInBrowser(".", pixels, height, width, channels, follow, { signal: mine.signal });
    state.shown = { ...image, ...found, file: file.name };
    tell("ready", { seconds: found.seconds.toFixed(1) });
    show();
  } catch (error) {
    if (mine !== running) return;
    const known = ["engine-failed", "model-failed", "channels-wrong", "too-large", "network-failed", "stopped", "unreadable"];
    tell(known.includes(error.code) ? `error.${error.code}` : "error.network-failed", { reason: error.message }, error.code !== "stopped");
  } finally {
    if (mine === running) busy(false);
  }
}

function busy(yes) {
  by("progress").hidden = by("stop").hidden = !yes;
  document.documentElement.dataset.busy = yes ? "yes" : "no";
}

// ---- showing and saving

const layerOf = ({ mask, layers, width, height }, value) =>
  layers > 1 || state.card.overlapping
    ? mask.subarray((value - 1) * width * height, value * width * height)
    : mask.map((found) => (found === value ? 1 : 0));

function show() {
  const { width, height, rgba, seconds, file } = state.shown;
  const canvas = by("canvas");
  const opacity = Number(by("opacity").value);
  const outline = by("outline").checked;
  const drawn = new Uint8ClampedArray(rgba.data);
  for (let at = 3; at < drawn.length; at += 4) drawn[at] = 255;
  const rows = [];
  for (const { value, name, colour } of state.card.labels) {
    const layer = layerOf(state.shown, value);
    const paint = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    let count = 0;
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at++) {
        if (!layer[at]) continue;
        count++;
        const edge = x === 0 || y === 0 || x === width - 1 || y === height - 1 || !(layer[at - 1] && layer[at + 1] && layer[at - width] && layer[at + width]);
        const share = outline ? (edge ? 1 : 0) : opacity;
        for (let c = 0; c < 3; c++) drawn[4 * at + c] += share * (paint[c] - drawn[4 * at + c]);
      }
    }
    const line = row("td", ["", whole(count), `${((100 * count) / (width * height)).toFixed(2)} %`]);
    const swatch = element("span", "", { class: "swatch" });
    swatch.style.background = colour;
    line.firstChild.append(swatch, name);
    line.dataset.value = value;
    rows.push(line);
  }
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = `min(100%, ${Math.max(width, 480)}px)`;
  canvas.getContext("2d").putImageData(new ImageData(drawn, width, height), 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", say("seen", { file }));
  by("areas").replaceChildren(...rows);
  by("facts").textContent = say("facts", { file, width: whole(width), height: whole(height), seconds: seconds.toFixed(2) });
  const layers = state.card.overlapping ? state.card.labels : [null];
  by("save").replaceChildren(...layers.map((label) => saveButton(label)));
  by("result").hidden = false;
}

function saveButton(label) {
  const button = element("button", label ? say("save-class", { name: label.name }) : say("save"), { type: "button" });
  button.addEventListener("click", async () => {
    const { width, height, mask, file } = state.shown;
    const values = label ? layerOf(state.shown, label.value) : mask;
    const grey = new Uint8ClampedArray(4 * width * height);
    for (let at = 0; at < width * height; at++) grey.set([values[at], values[at], values[at], 255], 4 * at);
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").putImageData(new ImageData(grey, width, height), 0, 0);
    const link = element("a");
    link.href = URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
    link.download = `${file.replace(/\.[^.]*$/, "")}.${label ? `${label.value}.` : ""}mask.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  return button;
}

// ---- beginning

by("language").addEventListener("click", () => {
  state.language = state.language === "zh" ? "en" : "zh";
  describe();
});
by("file").addEventListener("change", (event) => compute(event.target.files[0]));
by("stop").addEventListener("click", () => running?.abort());
for (const name of ["opacity", "outline"]) by(name).addEventListener("input", () => state.shown && show());
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    by("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") compute(event.dataTransfer.files[0]);
  });
}

try {
  [state.strings, state.card] = await Promise.all([read("strings.json"), read("card.json")]);
  describe();
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  tell("", {});
  by("status").textContent = `The folder is not complete. 文件夹不完整。 ${error.message}`;
}
