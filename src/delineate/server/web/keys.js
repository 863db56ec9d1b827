// Keys of the page. They rest while somebody types, chooses in a field, or reads a dialog.

const PLANES = ["multi", "axial", "coronal", "sagittal", "render"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** `page`: {open, escape, help, card, panel, view(), plane(name)}. */
export function listen(page) {
  let painting = false;
  addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    if (document.querySelector("dialog[open]")) return;
    const field = target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "Escape") {
      if (page.escape()) event.preventDefault();
      return;
    }
    const view = page.view();
    const command = event.ctrlKey || event.metaKey;
    if (command && !event.altKey && view) {
      const key = event.key.toLowerCase();
      const redo = key === "y" || (key === "z" && event.shiftKey);
      if (!redo && key !== "z") return;
      event.preventDefault();
      if (redo) view.redo();
      else view.undo();
      return;
    }
    if (command || event.altKey) return;
    if (field && (field.type !== "checkbox" && field.type !== "radio")) return; // ranges and lists have keys of their own
    const { panel } = page;
    const onView = target.closest("#view") !== null;
    if (event.key === "?") page.help();
    else if (event.key === "o" || event.key === "O") page.open();
    else if (event.key === "m" || event.key === "M") page.card();
    else if (!view) return;
    else if (event.shiftKey && /^Digit[1-5]$/.test(event.code)) page.plane(PLANES[Number(event.code.at(-1)) - 1]);
    else if (/^[1-9]$/.test(event.key)) panel.pick(Number(event.key));
    else if (event.key === "0") view.fit();
    else if (event.key === "+" || event.key === "=") view.zoom(1.25);
    else if (event.key === "-" || event.key === "_") view.zoom(0.8);
    else if (event.key === "[") panel.brush(view.brush - Math.max(1, Math.round(view.brush / 8)));
    else if (event.key === "]") panel.brush(view.brush + Math.max(1, Math.round(view.brush / 8)));
    else if ((event.key === "PageUp" || event.key === "PageDown") && view.volume) view.step(event.key === "PageUp" ? 1 : -1);
    else if (event.key in ARROWS && (onView || target === document.body)) view.arrow(...ARROWS[event.key], painting);
    else if (event.key === " " && (onView || target === document.body)) {
      painting = true;
      if (!event.repeat) view.arrow(0, 0, view.tool !== "move");
    } else {
      const act = { v: () => panel.tool("move"), b: () => panel.tool("brush"), e: () => panel.tool("erase"), h: () => panel.masks(), l: () => panel.outlines(), w: () => page.nextPreset() }[event.key.toLowerCase()];
      if (!act) return;
      act();
    }
    event.preventDefault();
  }, { capture: true });
  addEventListener("keyup", (event) => {
    if (event.key === " ") painting = false;
  }, { capture: true });
}
