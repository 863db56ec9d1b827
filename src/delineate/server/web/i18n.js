// Sentences in the reader's language: i18n/<language>.json hold the same keys (a test sees to it).

const LANGUAGES = ["en", "zh"];
const KEY = "delineate-language";
let sentences = {};
let current = "en";
const listeners = [];

export function language() {
  return current;
}

export function onLanguage(listener) {
  listeners.push(listener);
}

/** The sentence of `key` with its {placeholders} filled in; the key itself where there is none. */
export function t(key, params = {}) {
  return (sentences[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(params[name] ?? `{${name}}`));
}

export function has(key) {
  return key in sentences;
}

export function number(value, digits = 4) {
  return new Intl.NumberFormat(current === "zh" ? "zh-CN" : "en", { maximumSignificantDigits: digits }).format(value);
}

export function whole(value) {
  return new Intl.NumberFormat(current === "zh" ? "zh-CN" : "en", { maximumFractionDigits: 0 }).format(value);
}

export async function setLanguage(name) {
  const wanted = LANGUAGES.includes(name) ? name : "en";
  sentences = await (await fetch(new URL(`i18n/${wanted}.json`, import.meta.url))).json();
  current = wanted;
  document.documentElement.lang = wanted === "zh" ? "zh-Hans" : "en";
  localStorage.setItem(KEY, wanted);
  translate(document);
  for (const listener of listeners) listener(wanted);
}

export function firstLanguage() {
  const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem(KEY);
  if (LANGUAGES.includes(asked)) return asked;
  return navigator.languages?.[0]?.toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** Fill in what carries data-t (text), data-t-label (name and tooltip). */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-label]")) {
    const text = t(element.dataset.tLabel);
    element.setAttribute("aria-label", text);
    if (element.tagName !== "BUTTON") continue;
    const keys = element.getAttribute("aria-keyshortcuts");
    element.title = keys ? `${text} (${keys})` : text;
  }
}
