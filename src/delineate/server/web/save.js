// What can be taken home: the model's mask as the server wrote it, the corrected one, the measures.

import { result as fetchResult, send } from "./api.js";
import { t } from "./i18n.js";
import { csv, recounted, rowsOf } from "./measures.js";
import { pack, unpack, withVoxels } from "./nifti.js";
import { encodeGrey } from "./png.js";

const FORMS = { png: ["image/png", ".png"], nifti: ["application/x-nifti", ".nii.gz"], "dicom-seg": ["application/dicom", ".dcm"], zip: ["application/zip", ".zip"] };

function hand(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Groups of {id, label, run}: what there is to save of `session` now. */
export function choices(session) {
  const { model, result, view } = session;
  const groups = [];
  const forms = model.formats.filter((form) => form in FORMS && possible(form, session));
  if (session.job) groups.push({ title: t("save.mask"), items: forms.map((form) => ({ id: form, label: t(`form.${form}`), run: () => original(session, form) })) });
  else groups.push({ title: t("save.mask"), items: [{ id: "png", label: t("form.png"), run: () => original(session, "png") }] });
  if (edited(view)) {
    const items = view.volume ? [] : [{ id: "corrected-png", label: t("form.png"), run: () => correctedPictures(session) }];
    if (session.job && !model.overlapping) items.push({ id: "corrected-nifti", label: t("form.nifti"), run: () => correctedNifti(session) });
    if (result.input.format === "dicom" && model.formats.includes("dicom-seg")) items.push({ id: "corrected-seg", label: t("form.dicom-seg"), run: () => correctedSeg(session) });
    groups.push({ title: t("save.corrected"), items, corrected: true });
  }
  const items = [
    { id: "csv", label: "CSV", run: () => measures(session, "csv") },
    { id: "json", label: "JSON", run: () => measures(session, "json") },
  ];
  groups.push({ title: t(edited(view) ? "save.measures.both" : "save.measures"), items });
  return result ? groups : [];
}

export function edited(view) {
  return view.volume ? view.edited : Boolean(view.mask?.edited);
}

function possible(form, { view, model, result }) {
  if (form === "png") return !view.volume && !model.overlapping;
  if (form === "nifti") return !model.overlapping;
  if (form === "dicom-seg") return result.input.format === "dicom";
  return true;
}

async function original(session, form) {
  const [accept, suffix] = FORMS[form];
  if (session.job) {
    const answer = await fetchResult(session.job, accept);
    hand(await answer.blob(), `${session.name}_mask${suffix}`);
    return;
  }
  const { mask } = session.view;
  await savePictures(mask.original(), `${session.name}_mask`);
}

async function savePictures(mask, name) {
  for (const [part, values] of pictures(mask)) hand(await encodeGrey(values, mask.width, mask.height), `${name}${part}.png`);
}

/** Planes as the server writes them: 0/255 for one class, values for several, one file a class where they overlap. */
function* pictures(mask) {
  if (mask.overlapping) for (const { value, name } of mask.classes) yield [`_${name}`, mask.layers.get(value).map((inside) => inside * 255)];
  else if (mask.classes.length === 1) yield ["", mask.labels().map((value) => (value ? 255 : 0))];
  else yield ["", mask.labels()];
}

function correctedPictures({ view, name }) {
  return savePictures(view.mask, `${name}_corrected`);
}

async function correctedNifti(session) {
  const { view, name } = session;
  const labels = view.volume ? await view.labels() : view.mask.labels();
  // Into the server's own mask file: its header has the image's geometry and nobody's name.
  const file = await unpack(new Uint8Array(await (await fetchResult(session.job, "application/x-nifti")).arrayBuffer()));
  hand(new Blob([await pack(withVoxels(file, labels))], { type: "application/gzip" }), `${name}_corrected.nii.gz`);
}

/** What the server says of the corrected mask, in the form `accept`: the image is sent once more with it, and kept by nobody. */
async function remeasured(session, accept, fields = {}) {
  const { view, files, model } = session;
  const labels = await pack(view.volume ? await view.labels() : view.mask.bytes());
  return (await send("v1/corrected", files, { model: model.id, ...fields }, { accept, labels })).body;
}

async function correctedSeg(session) {
  hand(new Blob([await remeasured(session, "application/dicom")], { type: "application/dicom" }), `${session.name}_corrected.dcm`);
}

/** Measures of the corrected mask, null where nothing was corrected; by counting where the image never left this browser. */
async function measuresCorrected(session) {
  const { view, result, classes } = session;
  if (!edited(view)) return null;
  if (!session.job) return { rows: recounted(await view.counts(), classes, result.input) };
  const body = await remeasured(session, "application/json", { mask: "none" });
  return JSON.parse(new TextDecoder().decode(body)).measures;
}

async function measures(session, form) {
  const { result, name } = session;
  const fixed = await measuresCorrected(session);
  if (form === "csv") {
    const rows = rowsOf(session).map((row) => ({ mask: "model", ...row }));
    rows.push(...(fixed?.rows ?? []).map((row) => ({ mask: "corrected", ...row })));
    hand(new Blob([csv(rows)], { type: "text/csv" }), `${name}_measures.csv`);
    return;
  }
  const { mask, ...facts } = result;
  const whole = { ...facts, measures: result.measures ?? { rows: rowsOf(session) }, corrected: fixed };
  hand(new Blob([JSON.stringify(whole, null, 1)], { type: "application/json" }), `${name}_measures.json`);
}
