// The server's REST interface (docs/server.md), as the page uses it.

/** Where the server's paths begin: the page may lie behind a proxy under a prefix. */
export const ROOT = new URL("../", import.meta.url);
const TOKEN = "delineate-token";

/** A problem with a stable code (RFC 9457), from the server or from here. */
export class Problem extends Error {
  constructor(code, { status = 0, detail = "", params = {}, instance = "" } = {}) {
    super(detail || code);
    Object.assign(this, { name: "Problem", code, status, detail, params, instance });
  }
}

let language = "en";

export function speak(name) {
  language = name;
}

export function setToken(text) {
  // For this tab only: never in localStorage, never in an address.
  if (text) sessionStorage.setItem(TOKEN, text);
  else sessionStorage.removeItem(TOKEN);
}

export function tokenHeader() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function headers(accept) {
  return { Accept: accept, "Accept-Language": language, ...tokenHeader() };
}

function problemFrom(text, status) {
  try {
    const said = JSON.parse(text);
    if (said.code) return new Problem(said.code, said);
  } catch {
    // a proxy's page, most often
  }
  return new Problem("request-failed", { status, params: { status } });
}

/** fetch() with token and language; raises Problem, or AbortError. */
export async function ask(path, { method = "GET", accept = "application/json", signal, keepalive } = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, ROOT), { method, headers: headers(accept), signal, keepalive, redirect: "error" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem("no-connection");
  }
  if (!answer.ok) throw problemFrom(await answer.text(), answer.status);
  return answer;
}

export async function models() {
  return (await (await ask("v1/models")).json()).models;
}

/** POST files; `onProgress(share)` tells how much is sent. `labels`: the gzipped
 *  bytes of a corrected mask. Gives {type, modality, body: ArrayBuffer}. */
export function send(path, files, fields, { accept = "application/json", onProgress = () => {}, signal, labels } = {}) {
  const form = new FormData();
  if (labels) form.append("labels", new Blob([labels]), "labels");
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  // Only the suffix of a name matters to the server: what a file is called may be somebody's name.
  files.forEach((file, number) => form.append("file", file, `${number}${suffix(file.name)}`));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch cannot tell how far an upload is
    const aborted = () => new DOMException("", "AbortError");
    if (signal?.aborted) {
      reject(aborted());
      return;
    }
    request.open("POST", new URL(path, ROOT));
    request.responseType = "arraybuffer";
    for (const [name, value] of Object.entries(headers(accept))) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        const header = (name) => request.getResponseHeader(name) ?? "";
        resolve({ type: header("content-type"), modality: header("x-delineate-modality"), body: request.response });
      } else reject(problemFrom(new TextDecoder().decode(request.response), request.status));
    };
    request.onerror = () => reject(new Problem("no-connection"));
    request.onabort = () => reject(aborted());
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

export function suffix(name) {
  return /(\.nii\.gz|\.[a-z0-9]{1,8})$/i.exec(name)?.[1].toLowerCase() ?? "";
}

const FINAL = ["done", "failed", "cancelled"];

/** Follow a job by server-sent events until its final state, which is returned. A connection that breaks is taken up again. */
export async function follow(id, onState, signal) {
  let failures = 0;
  for (;;) {
    try {
      const answer = await ask(`v1/jobs/${id}/events`, { accept: "text/event-stream", signal });
      for await (const job of events(answer.body)) {
        failures = 0;
        onState(job);
        if (FINAL.includes(job.state)) return job;
      }
    } catch (error) {
      const passing = error.code === "no-connection" || error instanceof TypeError || error.status === 503;
      if (!passing || ++failures > 30) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000)); // the server restarts: jobs outlive it
    signal?.throwIfAborted();
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end));
      text = text.slice(end + 2);
      if (data) yield JSON.parse(data[1]);
    }
  }
}

/** A finished job's result in the form `accept`. */
export async function result(id, accept, signal, query = "") {
  return ask(`v1/jobs/${id}/result${query}`, { accept, signal });
}

/** Forget a job with all its files; also when the page is being left. */
export function forget(id) {
  return ask(`v1/jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}
