// The panel beside an open image: result, correcting, display, saving. It reads and sets the view; it computes nothing.

import { cssOf } from "./colours.js";
import { has, number, t } from "./i18n.js";
import { rowsOf, sizeOf, table } from "./measures.js";
import { choices, edited } from "./save.js";

const $ = (id) => document.getElementById(id);
const HU = { lung: [-600, 1500], soft: [40, 400], liver: [60, 160], brain: [40, 80], bone: [400, 1800] };

export class Panel {
  /** `problem(error)` shows what went wrong while saving. */
  constructor(problem, said) {
    Object.assign(this, { problem, said });
    this.session = null;
    for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => this.tool(button.dataset.tool));
    $("label").addEventListener("change", () => this.pick(Number($("label").value)));
    $("brush").addEventListener("input", () => this.brush(Number($("brush").value)));
    $("undo").addEventListener("click", () => this.session?.view.undo());
    $("redo").addEventListener("click", () => this.session?.view.redo());
    $("restore").addEventListener("click", () => this.session?.view.restore());
    $("opacity").addEventListener("input", () => this.opacity(Number($("opacity").value)));
    $("outlines").addEventListener("change", () => this.session?.view.set({ outlines: $("outlines").checked }));
    $("preset").addEventListener("change", () => this.preset($("preset").value));
    for (const id of ["level", "width"]) $(id).addEventListener("input", () => this.#slide());
  }

  /** Begin with a session whose view shows a mask. */
  async open(session) {
    this.session = session;
    const { view } = session;
    view.addEventListener("edit", () => this.changed());
    view.addEventListener("window", () => this.#window());
    $("label").replaceChildren(...session.classes.map(({ value, name }) => new Option(name, value)));
    view.label = session.classes[0]?.value ?? 1;
    $("brush").max = view.volume ? 30 : Math.max(20, Math.round(Math.max(view.width, view.height) / 6));
    this.brush(view.volume ? 3 : Math.max(2, Math.round(Math.max(view.width, view.height) / 40)));
    this.opacity(45);
    $("outlines").checked = true;
    view.set({ outlines: true });
    $("correct").classList.toggle("off", !view.editable);
    $("uneditable").hidden = view.editable;
    this.tool("move");
    this.chosen = view.picture?.depth8 ? "full" : "auto";
    await this.words();
    this.preset(this.chosen);
  }

  /** All that is made of sentences. */
  async words() {
    if (!this.session) return;
    this.#presets();
    this.#quality();
    this.#classes();
    const { result } = this.session;
    const notes = [...result.warnings, ...(result.measures?.notes ?? [])].map(({ code, text }) => (has(`note.${code}`) ? t(`note.${code}`) : text));
    $("notes").textContent = notes.join(" ");
    $("measure-table").replaceChildren(table(rowsOf(this.session)));
    this.#window(this.chosen);
    this.brush(this.session.view.brush);
    await this.changed();
  }

  close() {
    this.session = null;
  }

  /** After a stroke, undo or redo. */
  async changed() {
    const { session } = this;
    if (!session?.view) return;
    $("undo").disabled = !session.view.canUndo;
    $("redo").disabled = !session.view.canRedo;
    $("edited").hidden = !edited(session.view);
    $("measures-of").hidden = !edited(session.view);
    const counts = await session.view.counts();
    if (this.session !== session) return;
    for (const [value, count] of counts) {
      const cell = document.querySelector(`#classes [data-value="${value}"] .value`);
      if (cell) cell.textContent = sizeOf(count, session.result.input);
    }
    this.#saves();
  }

  tool(name) {
    const { view } = this.session ?? {};
    if (!view || (name !== "move" && !view.editable)) return;
    view.setTool(name);
    for (const button of document.querySelectorAll("[data-tool]:is(button)")) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  }

  pick(value) {
    const { view, classes } = this.session ?? {};
    if (!classes?.some((one) => one.value === value)) return;
    view.label = value;
    $("label").value = String(value);
    this.tool(view.tool);
  }

  brush(size) {
    const { view } = this.session ?? {};
    if (!view) return;
    view.brush = Math.max(1, Math.min(Number($("brush").max), size));
    $("brush").value = String(view.brush);
    $("brush-out").textContent = t(view.volume ? "brush.voxels" : "brush.pixels", { n: view.brush });
    this.tool(view.tool);
  }

  opacity(percent) {
    const value = Math.max(0, Math.min(100, percent));
    $("opacity").value = String(value);
    $("opacity-out").textContent = `${value} %`;
    this.session?.view.set({ opacity: value / 100 });
  }

  outlines() {
    $("outlines").checked = !$("outlines").checked;
    this.session?.view.set({ outlines: $("outlines").checked });
  }

  /** Hide all masks, or show them again. */
  masks() {
    const { view, classes } = this.session ?? {};
    if (!view) return;
    view.set({ hidden: new Set(view.hidden.size ? [] : classes.map(({ value }) => value)) });
    for (const box of document.querySelectorAll("#classes input")) box.checked = !view.hidden.size;
    this.said(t(view.hidden.size ? "masks.hidden" : "masks.shown"));
  }

  preset(name) {
    const { view } = this.session ?? {};
    if (!view || name === "own") return;
    if (name in HU) view.setWindow(HU[name][0] - HU[name][1] / 2, HU[name][0] + HU[name][1] / 2);
    else view.setWindow(...view.range(name));
    this.#window(name);
  }

  #presets() {
    const { view } = this.session;
    const [low, high] = view.extent;
    const hounsfield = view.modality === "CT" || (!view.modality && low <= -500 && high >= 200);
    const names = ["auto", "full", ...(hounsfield ? Object.keys(HU) : []), "own"];
    $("preset").replaceChildren(...names.map((name) => new Option(t(`preset.${name}`), name)));
    $("preset").lastChild.hidden = true;
  }

  /** Sliders from the view's window. */
  #window(preset = "own") {
    const { view } = this.session;
    const [low, high] = view.extent;
    const range = high - low || 1;
    Object.assign($("level"), { min: low, max: high });
    Object.assign($("width"), { min: range / 500, max: range * 1.2 });
    const [level, width] = [(view.low + view.high) / 2, view.high - view.low];
    $("level").value = String(level);
    $("width").value = String(width);
    $("level-out").textContent = number(level, 4);
    $("width-out").textContent = number(width, 4);
    this.chosen = $("preset").value = preset;
  }

  #slide() {
    const [level, width] = [Number($("level").value), Number($("width").value)];
    this.session.view.setWindow(level - width / 2, level + width / 2);
    this.#window();
  }

  #quality() {
    const { quality } = this.session.result;
    const place = $("quality");
    place.dataset.state = quality.needs_review === null ? "unknown" : quality.needs_review ? "review" : "fine";
    let text = t(`quality.${place.dataset.state}`);
    if (quality.predicted_dice != null) text += ` ${t("quality.dice", { value: number(quality.predicted_dice, 2), low: number(quality.predicted_dice_low ?? NaN, 2) })}`;
    place.textContent = [text, ...quality.reasons.map((one) => one.text)].join(" ");
  }

  #classes() {
    const { classes, result, view } = this.session;
    const items = classes.map(({ value, name }) => {
      const item = document.createElement("li");
      item.dataset.value = value;
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !view.hidden.has(value) });
      box.setAttribute("aria-label", t("class.show", { name }));
      box.addEventListener("change", () => {
        const hidden = new Set(view.hidden);
        if (box.checked) hidden.delete(value);
        else hidden.add(value);
        view.set({ hidden });
      });
      const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
      swatch.style.background = cssOf(value);
      const named = Object.assign(document.createElement("span"), { className: "name", textContent: name });
      const size = Object.assign(document.createElement("span"), { className: "value" });
      size.textContent = sizeOf(result.classes.find((one) => one.value === value)?.voxels ?? 0, result.input);
      label.append(box, swatch, named, size);
      item.append(label);
      return item;
    });
    $("classes").replaceChildren(...items);
  }

  #saves() {
    const focused = document.activeElement?.dataset?.save;
    const groups = choices(this.session).map(({ title, items, corrected }) => {
      const group = document.createElement("div");
      if (corrected) group.className = "corrected";
      const head = Object.assign(document.createElement("h3"), { textContent: title });
      const row = Object.assign(document.createElement("div"), { className: "row" });
      for (const { id, label, run } of items) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
        button.dataset.save = id;
        button.setAttribute("aria-label", `${title}: ${label}`);
        button.addEventListener("click", async () => {
          button.disabled = true;
          try {
            await run();
            if (corrected) this.session.saved = true;
            this.said(t("saved"));
          } catch (error) {
            this.problem(error);
          } finally {
            button.disabled = false;
          }
        });
        row.append(button);
      }
      group.append(head, row);
      return group;
    });
    $("saves").replaceChildren(...groups);
    if (focused) document.querySelector(`[data-save="${focused}"]`)?.focus();
  }

  caption() {
    const { session } = this;
    if (!session) return "";
    const { input, seconds } = session.result;
    const facts = [session.name, input.shape.toReversed().join(" × "), view_modality(session)];
    if (input.spacing_mm) facts.push(t("caption.spacing", { mm: input.spacing_mm.toReversed().map((mm) => number(mm, 3)).join(" × ") }));
    facts.push(t(session.where === "browser" ? "caption.here" : "caption.time", { seconds: number(seconds, 2) }));
    return facts.filter(Boolean).join(" · ");
  }
}

function view_modality({ view }) {
  return view.modality && has(`modality.${view.modality}`) ? t(`modality.${view.modality}`) : view.modality;
}

