// The clean-up that training chose (card.json, `clean` of each label). Masks are rows of 0/1, width × height.

/** Each class of `mask` by its own options, in place; filled holes never overwrite another class. */
export function cleanLabels(mask, height, width, card) {
  const size = height * width;
  const original = card.overlapping ? mask : mask.slice();
  for (const { value, clean } of card.labels) {
    if (!clean.largest && !clean.min_pixels && !clean.fill_holes) continue;
    if (card.overlapping) {
      const layer = mask.subarray((value - 1) * size, value * size);
      layer.set(cleanClass(layer, height, width, clean));
      continue;
    }
    const before = original.map((found) => (found === value ? 1 : 0));
    const after = cleanClass(before, height, width, clean);
    for (let at = 0; at < size; at++) {
      if (before[at] && !after[at]) mask[at] = 0;
      else if (after[at] && mask[at] === 0) mask[at] = value;
    }
  }
  return mask;
}

function cleanClass(inside, height, width, { largest, min_pixels: fewest, fill_holes: fill }) {
  let result = inside;
  if (largest) {
    const { found, sizes } = components(result, height, width, true);
    let best = 1;
    for (let number = 2; number < sizes.length; number++) if (sizes[number] > sizes[best]) best = number;
    result = result.map((_, at) => (found[at] === best ? 1 : 0));
  }
  if (fewest) {
    const { found, sizes } = components(result, height, width, true);
    result = result.map((value, at) => (value && sizes[found[at]] >= fewest ? 1 : 0));
  }
  if (fill) {
    const { found, sizes } = components(result.map((value) => 1 - value), height, width, false);
    const open = new Uint8Array(sizes.length);
    for (let x = 0; x < width; x++) open[found[x]] = open[found[(height - 1) * width + x]] = 1;
    for (let y = 0; y < height; y++) open[found[y * width]] = open[found[(y + 1) * width - 1]] = 1;
    result = result.map((value, at) => (value || !open[found[at]] ? 1 : 0));
  }
  return result;
}

/** Number of the connected component of each pixel (0 outside), and pixels per number; neighbours over corners too, or not. */
function components(inside, height, width, corners) {
  const found = new Int32Array(inside.length);
  const parent = [0];
  const root = (number) => {
    while (parent[number] !== number) number = parent[number] = parent[parent[number]];
    return number;
  };
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!inside[at]) continue;
      let least = 0;
      const meet = (other) => {
        if (!found[other]) return;
        const one = root(found[other]);
        if (!least || one === least) least = one;
        else if (one < least) least = parent[least] = one;
        else parent[one] = least;
      };
      if (x > 0) meet(at - 1);
      if (y > 0) {
        meet(at - width);
        if (corners && x > 0) meet(at - width - 1);
        if (corners && x < width - 1) meet(at - width + 1);
      }
      if (!least) {
        least = parent.length;
        parent.push(least);
      }
      found[at] = least;
    }
  }
  const numbers = new Int32Array(parent.length);
  const sizes = [0];
  for (let at = 0; at < found.length; at++) {
    if (!found[at]) continue;
    const one = root(found[at]);
    if (!numbers[one]) numbers[one] = sizes.push(0) - 1;
    found[at] = numbers[one];
    sizes[found[at]]++;
  }
  return { found, sizes };
}
