// What a person drops or chooses → the files of one image, and how it can be shown.

const JUNK = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)|(^|\/)DICOMDIR$/i;

/** All files of a drop, folders opened. */
export async function dropped(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  if (entries.every((entry) => !entry)) return clean([...transfer.files]);
  const found = [];
  for (const entry of entries) if (entry) await walk(entry, found);
  return clean(found);
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push([entry.fullPath, file]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at once
    if (!some.length) return;
    for (const one of some) await walk(one, found);
  }
}

/** Without what systems put beside files; a DICOMDIR is a table of contents and no image. */
export function clean(files) {
  const named = files.map((one) => (Array.isArray(one) ? one : [one.webkitRelativePath || one.name, one]));
  const kept = named.filter(([path]) => !JUNK.test(path));
  kept.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return kept.map(([, file]) => file);
}

/** What to call the image: the file's name without its suffix, a folder's name for several. */
export function title(files) {
  const [first] = files;
  const folder = (first.webkitRelativePath || "").split("/")[0];
  if (files.length > 1 && folder) return folder;
  return first.name.replace(/(\.nii\.gz|\.[^.]{1,8})$/i, "") || first.name;
}

/** "picture" and "nifti" can be shown without the server, anything else is read by it. */
export async function kindOf(files) {
  if (files.length !== 1) return "server";
  const [file] = files;
  if (/\.nii(\.gz)?$/i.test(file.name)) return "nifti";
  const start = new Uint8Array(await file.slice(0, 32).arrayBuffer());
  if (start[0] === 0x89 && start[1] === 0x50) return start[24] === 16 ? "server" : "picture"; // browsers show 8 bits
  if (start[0] === 0xff && start[1] === 0xd8) return "picture";
  return "server";
}
