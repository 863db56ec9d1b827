// Draws openapi.json. No library, nothing from elsewhere.
const make = (tag, text, ...children) => {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};

const table = (heads, rows) => {
  const body = make("tbody", "", ...rows.map((row) => make("tr", "", ...row.map((cell) => make("td", cell)))));
  return make("table", "", make("thead", "", make("tr", "", ...heads.map((head) => make("th", head)))), body);
};

const nameOf = (schema = {}) => {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(nameOf).join(" | ");
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const) return JSON.stringify(schema.const);
  if (schema.type === "array") return `${nameOf(schema.items)}[]`;
  return schema.format || schema.type || "any";
};

const curl = (method, path, operation, closed) => {
  const parts = ["curl"];
  if (method !== "get") parts.push("-X", method.toUpperCase());
  if (closed) parts.push("-H 'Authorization: Bearer TOKEN'");
  if (operation.requestBody) parts.push("-F file=@image.png");
  parts.push(`${location.origin}${path.replaceAll("{", "").replaceAll("}", "").replace("/id", "/ID")}`);
  return parts.join(" ");
};

const draw = (path, method, operation) => {
  const body = make("div");
  body.className = "body";
  body.append(make("pre", curl(method, path, operation, Boolean(operation.security))));
  const fields = operation.requestBody?.content?.["multipart/form-data"]?.schema;
  if (fields) {
    const rows = Object.entries(fields.properties).map(([name, one]) => [
      name + (fields.required.includes(name) ? " *" : ""), nameOf(one), one.description || (one.default ? `default ${one.default}` : ""),
    ]);
    body.append(make("h3", "Fields"), table(["field", "type", ""], rows));
  }
  if (operation.parameters?.length) {
    body.append(make("h3", "Parameters"), table(["name", "in", "type"], operation.parameters.map((one) => [one.name, one.in, nameOf(one.schema)])));
  }
  const answers = Object.entries(operation.responses).flatMap(([status, one]) => {
    const media = Object.entries(one.content || {});
    return media.length ? media.map(([kind, what]) => [status, kind, nameOf(what.schema)]) : [[status, "", one.description || ""]];
  });
  body.append(make("h3", "Answers"), table(["status", "type", "content"], answers));
  const word = make("span", method.toUpperCase());
  word.className = "method";
  return make("details", "", make("summary", "", word, make("code", path), ` — ${operation.summary || ""}`), body);
};

const drawSchema = (name, schema) => {
  const body = make("div");
  body.className = "body";
  if (schema.description) body.append(make("p", schema.description));
  const rows = Object.entries(schema.properties || {}).map(([field, one]) => [field, nameOf(one), one.description || ""]);
  body.append(table(["field", "type", ""], rows));
  const element = make("details", "", make("summary", "", make("code", name)), body);
  element.id = `schema-${name}`;
  return element;
};

const start = async () => {
  const place = document.getElementById("paths");
  try {
    const found = await (await fetch("openapi.json")).json();
    document.getElementById("about").textContent = `${found.info.description} Version ${found.info.version}.`;
    const paths = Object.entries(found.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => draw(path, method, one)));
    const schemas = Object.entries(found.components.schemas).map(([name, schema]) => drawSchema(name, schema));
    place.replaceChildren(make("h2", "Paths"), ...paths, make("h2", "Content"), ...schemas);
  } catch (error) {
    place.replaceChildren(make("p", `openapi.json cannot be read: ${error.message}`));
  }
};

start();
