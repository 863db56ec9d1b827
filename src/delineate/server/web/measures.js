// Measures: what the server measured, counts of a corrected mask, tables on the page and in files.

import { has, number, t, whole } from "./i18n.js";

const SHOWN = [
  "volume_ml", "area_mm2", "area_px", "voxel_count", "components", "longest_diameter_mm", "perpendicular_diameter_mm", "longest_diameter_px",
  "perpendicular_diameter_px", "maximum_feret_mm", "surface_area_mm2", "sphericity", "hu_mean", "hu_sd", "intensity_mean", "intensity_sd",
];
const ABOUT = ["label", "name", "part", "component"];

/** Size of a pixel or voxel: {key, factor}: what a count becomes. Spacing is in mm per axis of the array. */
function unit(input) {
  const volume = input.shape.length === 3;
  const spacing = input.spacing_mm;
  if (!spacing) return { key: volume ? "voxel_count" : "area_px", factor: 1 };
  const product = spacing.reduce((a, b) => a * b, 1);
  return volume ? { key: "volume_ml", factor: product / 1000 } : { key: "area_mm2", factor: product };
}

/** "12.3 mL": the size of a class that has `count` pixels. */
export function sizeOf(count, input) {
  const { key, factor } = unit(input);
  return t(`size.${key}`, { value: factor === 1 ? whole(count) : number(count * factor) });
}

/** Rows for a corrected mask: sizes by counting; diameters and intensities need the server. */
export function recounted(counts, classes, input) {
  const { key, factor } = unit(input);
  return classes.map(({ value, name }) => {
    const count = counts.get(value) ?? 0;
    const row = { label: value, name, part: "all", component: null, voxel_count: count };
    if (key !== "voxel_count") row[key] = Number((count * factor).toPrecision(7));
    return row;
  });
}

export function rowsOf(session) {
  const { result } = session;
  if (result.measures) return result.measures.rows;
  return recounted(new Map(result.classes.map((one) => [one.value, one.voxels])), result.classes, result.input);
}

/** What is said of each class: its whole, and the diameters of its largest part. */
export function table(rows) {
  const found = document.createElement("div");
  for (const row of rows.filter((one) => one.part === "all")) {
    const parts = rows.filter((one) => one.part === "component" && one.label === row.label);
    const largest = parts.sort((a, b) => b.voxel_count - a.voxel_count)[0] ?? {};
    const made = document.createElement("table");
    made.createCaption().textContent = row.name;
    for (const key of SHOWN) {
      const own = row[key] ?? null;
      const value = own ?? largest[key] ?? null;
      if (value === null || value === undefined || !has(`measure.${key}`)) continue;
      const line = made.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = t(`measure.${key}`) + (own === null && parts.length > 1 ? t("measure.largest-part") : "");
      line.append(head);
      const cell = line.insertCell();
      cell.className = "number";
      cell.textContent = Number.isInteger(value) ? whole(value) : number(value);
    }
    found.append(made);
  }
  return found;
}

/** Comma-separated, with a byte order mark: spreadsheets read class names in Chinese rightly then. */
export function csv(rows) {
  const columns = [...new Set([...ABOUT, ...rows.flatMap((row) => Object.keys(row))])];
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    const text = Array.isArray(value) ? JSON.stringify(value) : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return "\ufeff" + [columns, ...rows.map((row) => columns.map((name) => row[name]))].map((row) => row.map(cell).join(",") + "\r\n").join("");
}
