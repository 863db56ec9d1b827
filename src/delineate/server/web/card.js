// Two windows: what is known of a model, and what the keys do.

import { has, number, t, whole } from "./i18n.js";

function el(name, text, attributes = {}) {
  const found = document.createElement(name);
  if (text !== undefined) found.textContent = text;
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  return found;
}

function frame(dialog, id, title) {
  const head = el("div", undefined, { class: "head" });
  const close = el("button", t("close"), { type: "button" });
  close.addEventListener("click", () => dialog.close());
  head.append(el("h2", title, { id }), el("span", undefined, { class: "grow" }), close);
  dialog.replaceChildren(head);
  return dialog;
}

const PARTS = ["test", "out_of_fold", "validation"];
const METRICS = ["dice", "iou", "precision", "recall", "hd95", "nsd", "assd"];

/** "0.980 (0.979–0.981)": a mean with its interval; `said` goes before the bounds. */
function interval(score, said = "") {
  const three = (value) => value.toFixed(3);
  const unit = score.unit ? ` ${score.unit}` : "";
  const bounds = Array.isArray(score.ci95) ? ` (${said}${three(score.ci95[0])}–${three(score.ci95[1])})` : "";
  return `${three(score.mean)}${unit}${bounds}`;
}

/** The part of the scores that says most: test patients before validation patients. */
export function best(model) {
  const part = PARTS.find((name) => typeof model.scores?.[name]?.dice?.mean === "number");
  return part ? { part, ...model.scores[part] } : null;
}

function who(score) {
  return t(`who.${score.part}.${["image", "block"].includes(score.unit) ? score.unit : "patient"}`);
}

/** A line for the empty page: what the model finds, and how well. */
export function about(model) {
  const finds = t("about.finds", { name: model.name, classes: model.labels.map(({ name }) => name).join(t("comma")) });
  const score = best(model);
  if (!score) return `${finds} ${t("about.unscored")}`;
  return `${finds} ${t("about.score", { value: interval(score.dice, "95 %: "), n: score.dice.n, who: who(score) })}`;
}

export function showCard(dialog, model) {
  frame(dialog, "card-title", t("card.title", { name: model.name }));
  dialog.append(el("p", model.intended_use));
  dialog.append(el("h3", t("card.classes")), list(model.labels.map(({ value, name }) => `${value}: ${name}`)));
  dialog.append(el("h3", t("card.scores")));
  const score = best(model);
  if (score) dialog.append(el("p", t("card.scored", { n: score.n, who: who(score) })), scores(score));
  else dialog.append(el("p", t("about.unscored")));
  const limits = [...model.notes, ...model.limits];
  dialog.append(el("h3", t("card.limits")), list(limits));
  const { input } = model;
  const size = input.size ? t("card.input.size", { size: input.size.join(" × ") }) : input.pixel_mm ? t("card.input.mm", { mm: number(input.pixel_mm) }) : "";
  const takes = [t(`card.colour.${input.colour}`), size, input.slices_form_volumes ? t("card.input.volumes") : ""].filter(Boolean);
  dialog.append(el("h3", t("card.input")), el("p", takes.join(t("comma"))));
  const file = el("p", `${t("card.engine", { engine: model.engine })} `);
  file.append(el("code", `SHA-256 ${model.sha256}`));
  dialog.append(el("h3", t("card.file")), file);
  if (model.stale) dialog.append(el("p", t("card.stale")));
  dialog.showModal();
}

function list(items) {
  const found = el("ul");
  for (const item of items) found.append(el("li", item));
  return found;
}

function scores(score) {
  const names = Object.keys(score.classes ?? {});
  const metrics = METRICS.filter((metric) => typeof score[metric]?.mean === "number");
  const table = el("table");
  const head = table.createTHead().insertRow();
  for (const text of [t("card.metric"), t("card.all"), ...(names.length > 1 ? names : []), "n"]) head.append(el("th", text, { scope: "col" }));
  const body = table.createTBody();
  for (const metric of metrics) {
    const row = body.insertRow();
    row.append(el("th", has(`metric.${metric}`) ? t(`metric.${metric}`) : metric, { scope: "row" }));
    row.append(el("td", interval(score[metric])));
    if (names.length > 1) for (const name of names) row.append(el("td", typeof score.classes[name][metric]?.mean === "number" ? interval(score.classes[name][metric]) : "–"));
    row.append(el("td", whole(score[metric].n)));
  }
  return table;
}

/** Keys as [[keys…], sentence]; those of volumes are told apart. */
export const KEYS = [
  [["O"], "key.open"], [["Esc"], "key.escape"], [["V"], "tool.move"], [["B"], "tool.brush"], [["E"], "tool.erase"],
  [["[", "]"], "key.size"], [["1", "–", "9"], "key.class"], [["Ctrl", "Z"], "undo"], [["Ctrl", "Y"], "redo"],
  [["+", "−"], "key.zoom"], [["0"], "zoom.fit"], [["←", "→", "↑", "↓"], "key.arrows"], [["Space"], "key.paint"], [["H"], "key.hide"],
  [["L"], "outlines"], [["W"], "key.preset"], [["PgUp", "PgDn"], "key.slices"], [["Shift", "1", "–", "5"], "key.planes"], [["M"], "key.card"], [["?"], "help.open"],
];

export function showHelp(dialog) {
  frame(dialog, "help-title", t("help.title"));
  const table = el("dl", undefined, { class: "keys" });
  for (const [keys, sentence] of KEYS) {
    const row = el("div");
    const names = el("dt");
    keys.forEach((key) => names.append(key === "–" ? "– " : el("kbd", key), " "));
    row.append(names, el("dd", t(sentence)));
    table.append(row);
  }
  dialog.append(table, el("h3", t("help.hands")), list(["help.mouse", "help.touch", "help.window"].map((key) => t(key))));
  const more = el("p", `${t("help.more")} `);
  more.append(Object.assign(el("a", t("help.api")), { href: "docs" }));
  dialog.append(more);
  dialog.showModal();
}
