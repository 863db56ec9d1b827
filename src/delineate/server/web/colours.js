// Colours of classes on grey images: told apart by most kinds of colour vision, and by their order of brightness.

const COLOURS = [
  [45, 212, 191], [251, 146, 60], [129, 140, 248], [250, 204, 21], [244, 114, 182], [163, 230, 53], [56, 189, 248], [248, 113, 113],
];

/** [r, g, b] of a class value (1, 2, …). */
export function colourOf(value) {
  return COLOURS[(value - 1) % COLOURS.length];
}

export function cssOf(value) {
  return `rgb(${colourOf(value).join(" ")})`;
}
