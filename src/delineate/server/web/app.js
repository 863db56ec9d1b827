// The page: from an empty stage to an open image and back. What it asks for is in api.js, what it shows in the views and the panel.

import { Problem, models, setToken, speak } from "./api.js";
import { about, showCard, showHelp } from "./card.js";
import { clean, dropped } from "./files.js";
import { firstLanguage, has, language, onLanguage, setLanguage, t } from "./i18n.js";
import { listen } from "./keys.js";
import { Panel } from "./panel.js";
import { edited } from "./save.js";
import { Session } from "./session.js";

const $ = (id) => document.getElementById(id);
const THEME = "delineate-theme";
let served = [];
let session = null;
let trouble = null;
let stage = { name: "", share: null };

const panel = new Panel((error) => showTrouble(error), said);

function said(text) {
  $("said").textContent = text;
}

function state(name) {
  $("main").dataset.state = name;
  $("new").hidden = name !== "open";
  if (name !== "busy") $("busy").hidden = true;
}

function model() {
  return served.find(({ id }) => id === $("model").value) ?? served[0];
}

// ── models and token ──

async function loadModels() {
  try {
    served = await models();
  } catch (error) {
    if (error.code === "token-wrong") askToken(false);
    else showTrouble(error);
    return;
  }
  const chosen = $("model").value || served.find((one) => one.default)?.id;
  $("model").replaceChildren(...served.map(({ id, name }) => new Option(id === name ? id : `${id} (${name})`, id)));
  if (served.some(({ id }) => id === chosen)) $("model").value = chosen;
  modelChanged();
  document.documentElement.dataset.ready = "yes";
}

function modelChanged() {
  const one = model();
  if (!one) return;
  $("about-model").textContent = about(one);
  $("where").hidden = !one.browser;
  if (!one.browser) where("server");
}

function where(value) {
  if (value) document.querySelector(`[name="where"][value="${value}"]`).checked = true;
  const found = document.querySelector('[name="where"]:checked').value;
  $("promise").textContent = t(found === "browser" ? "promise.browser" : "promise.server");
  return found;
}

function askToken(wrong) {
  $("token-wrong").hidden = !wrong;
  $("token-input").value = "";
  if (!$("token").open) $("token").showModal();
  $("token-input").focus();
}

$("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setToken($("token-input").value.trim());
  try {
    served = await models();
  } catch (error) {
    setToken("");
    if (error.code === "token-wrong") askToken(true);
    else {
      $("token").close();
      showTrouble(error);
    }
    return;
  }
  $("token").close();
  await loadModels();
});
$("token").addEventListener("cancel", (event) => event.preventDefault()); // there is nothing to see without

// ── opening ──

async function open(files) {
  const kept = clean(files);
  if (!kept.length || !served.length) {
    if (files.length) showTrouble(new Problem("no-image"));
    return;
  }
  if (!leave()) return;
  close();
  const mine = new Session(model(), kept, where(), $("view"), (name, share) => mine === session && progress(name, share));
  session = mine;
  hideTrouble();
  state("busy");
  progress("reading", null);
  try {
    await mine.open();
  } catch (error) {
    if (mine !== session) return;
    session = null;
    state("empty");
    if (error.name === "AbortError") return;
    if (error.code === "token-wrong") askToken(false);
    else showTrouble(error);
    return;
  }
  if (mine !== session) {
    mine.close();
    return;
  }
  state("open");
  mine.view.addEventListener("place", place);
  $("main").dataset.kind = mine.view.volume ? "volume" : "picture";
  $("planes").hidden = !mine.view.volume;
  if (mine.view.volume) plane(mine.view.firstPlane);
  else $("slice-row").hidden = true;
  await panel.open(mine);
  $("caption").textContent = panel.caption();
  mine.view.canvas.setAttribute("aria-label", t(mine.view.volume ? "view.volume" : "view.picture", { name: mine.name }));
  mine.view.canvas.setAttribute("role", "img");
  mine.view.canvas.focus({ preventScroll: true });
  if (!mine.view.volume) mine.view.fit();
  said(t("opened"));
}

function progress(name, share) {
  stage = { name, share };
  $("busy").hidden = false;
  $("busy-title").textContent = session?.name ?? "";
  $("busy-text").textContent = t(`stage.${name}`) + (share === null || share === undefined ? "" : ` ${Math.round(share * 100)} %`);
  if (share === null || share === undefined) $("bar").removeAttribute("value");
  else $("bar").value = share;
}

/** Whether the open image may be left: asks where corrections were not saved. */
function leave() {
  return !unsaved() || confirm(t("unsaved"));
}

function unsaved() {
  return Boolean(session?.view && session.result && edited(session.view) && !session.saved);
}

function close() {
  const old = session;
  session = null;
  panel.close();
  old?.cancel();
  old?.close();
  state("empty");
  delete $("main").dataset.kind;
  $("planes").hidden = true;
  $("view").replaceChildren();
}

// ── what went wrong ──

function showTrouble(error) {
  trouble = error;
  const code = error instanceof Problem ? error.code : "page-bug";
  if (code === "page-bug") console.error(error);
  const known = `problem.${code}`;
  $("trouble-title").textContent = has(known) ? t(known, error.params) : t("problem.other");
  const own = `problem.${code}.text`;
  $("trouble-text").textContent = has(own) ? t(own, error.params) : error.detail || "";
  $("trouble-todo").textContent = has(`problem.${code}.todo`) ? t(`problem.${code}.todo`) : "";
  $("trouble-number").textContent = error.instance ? t("trouble.number", { code, number: error.instance.replace("urn:request:", "") }) : code;
  $("trouble").hidden = false;
  $("trouble-close").focus();
}

function hideTrouble() {
  trouble = null;
  $("trouble").hidden = true;
}

$("trouble-close").addEventListener("click", () => {
  hideTrouble();
  if (!served.length) loadModels();
  else (session?.view?.canvas ?? $("choose")).focus();
});

// ── planes of volumes ──

function plane(name) {
  const view = session?.view;
  if (!view?.volume) return;
  view.setPlane(name);
  for (const button of document.querySelectorAll("[data-plane]")) button.setAttribute("aria-pressed", String(button.dataset.plane === name));
}

function place() {
  const slice = session?.view?.volume ? session.view.slice : null;
  $("slice-row").hidden = !slice;
  if (!slice) return;
  $("slice").max = slice.count;
  $("slice").value = String(slice.index);
  $("slice-text").textContent = t("slice", slice);
}

for (const button of document.querySelectorAll("[data-plane]")) button.addEventListener("click", () => plane(button.dataset.plane));
$("slice").addEventListener("input", () => session?.view.goTo(Number($("slice").value)));
$("zoom-in").addEventListener("click", () => session?.view.zoom(1.25));
$("zoom-out").addEventListener("click", () => session?.view.zoom(0.8));
$("fit").addEventListener("click", () => session?.view.fit());

// ── files ──

$("choose").addEventListener("click", () => $("files").click());
$("choose-folder").addEventListener("click", () => $("folder").click());
$("new").addEventListener("click", () => leave() && (close(), $("choose").focus()));
for (const input of [$("files"), $("folder")])
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    open(files);
  });
addEventListener("dragenter", (event) => event.dataTransfer?.types.includes("Files") && document.body.classList.add("dragging"));
addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dragging"));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  if (event.dataTransfer?.types.includes("Files") && !document.querySelector("dialog[open]")) open(await dropped(event.dataTransfer));
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) open(files);
});
$("cancel").addEventListener("click", cancel);

function cancel() {
  close();
  said(t("cancelled"));
  $("choose").focus();
}

addEventListener("beforeunload", (event) => unsaved() && event.preventDefault());
addEventListener("pagehide", () => session?.cancel()); // the server keeps nothing of a page that is closed

// ── words, light, help ──

$("model").addEventListener("change", modelChanged);
for (const input of document.querySelectorAll('[name="where"]')) input.addEventListener("change", () => where());
$("open-card").addEventListener("click", () => model() && showCard($("card"), model()));
$("open-help").addEventListener("click", () => showHelp($("help")));
$("language").addEventListener("click", () => setLanguage(language() === "en" ? "zh" : "en"));
for (const dialog of document.querySelectorAll("#card, #help"))
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

onLanguage(async (name) => {
  speak(name);
  $("language").textContent = name === "en" ? "中文" : "English";
  $("language").lang = name === "en" ? "zh-Hans" : "en";
  where();
  if (trouble) showTrouble(trouble);
  if (!$("busy").hidden) progress(stage.name, stage.share);
  if (!served.length) return;
  await loadModels();
  if (!session?.result) return;
  await session.reword().catch(() => {});
  await panel.words();
  place();
  $("caption").textContent = panel.caption();
});

const dark = matchMedia("(prefers-color-scheme: dark)");

function theme(name) {
  document.documentElement.dataset.theme = name ?? (dark.matches ? "dark" : "light");
}

dark.addEventListener("change", () => theme(localStorage.getItem(THEME)));
$("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, next);
  theme(next);
});

listen({
  panel, plane,
  open: () => $("files").click(),
  help: () => showHelp($("help")),
  card: () => model() && showCard($("card"), model()),
  view: () => ($("main").dataset.state === "open" ? session?.view : null),
  nextPreset: () => {
    const names = [...$("preset").options].map(({ value }) => value).filter((value) => value !== "own");
    panel.preset(names[(names.indexOf($("preset").value) + 1) % names.length]);
  },
  escape: () => {
    if (!$("trouble").hidden) $("trouble-close").click();
    else if ($("main").dataset.state === "busy") cancel();
    else if (session) panel.tool("move");
    else return false;
    return true;
  },
});

theme(localStorage.getItem(THEME));
await setLanguage(firstLanguage());
await loadModels();
