// The form of a model: one control for each port that a person can set.

import { api, choice, element, labelled, newestOnly } from "./base.js";

function control(port, current) {
  const value = current ?? port.default ?? "";
  if (port.kind === "number") {
    const { min: low, max: high } = port;
    if (low == null || high == null) return element("input", "", { type: "text", inputMode: "decimal", value });
    return element("input", "", { type: "range", min: low, max: high, step: port.step || (high - low) / 200, value });
  }
  if (port.kind === "boolean") return element("input", "", { type: "checkbox", checked: Boolean(value) });
  if (port.kind === "category") return choice(port.choices, value);
  if (port.kind === "image") return element("input", "", { type: "file", accept: "image/*" });
  if (port.kind === "audio") return element("input", "", { type: "file", accept: "audio/*" });
  if (port.kind === "file" || port.kind === "segmentation") return element("input", "", { type: "file" });
  if (port.kind === "text") return element("textarea", "", { rows: 2, value });
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return element("input", "", { type: "text", value: text, placeholder: "JSON" });
}

function read(port, field) {
  if (field.type === "file") return field.files[0];
  if (field.type === "checkbox") return field.checked;
  if (port.kind === "number") return Number(field.value);
  if (port.kind === "text" || port.kind === "category") return field.value;
  return JSON.parse(field.value);
}

async function send(session, name, port, field) {
  const value = read(port, field);
  if (value === undefined) return;
  const path = `/api/sessions/${session}/inputs`;
  if (!(value instanceof File)) return api("PATCH", path, { [name]: value });
  const form = new FormData();
  form.append(name, value);
  return api("PATCH", path, form);
}

export function buildInputs(place, session, ports, current) {
  place.replaceChildren();
  for (const [name, port] of Object.entries(ports)) {
    const field = control(port, current[name]);
    const { label, shown } = labelled(name, field, port.description ?? "");
    const show = () => { shown.textContent = field.type === "range" ? String(Math.round(field.value * 1000) / 1000) : port.unit ?? ""; };
    const offer = newestOnly(() => send(session, name, port, field));
    field.addEventListener(field.type === "file" || field.type === "text" ? "change" : "input", () => { show(); offer(); });
    show();
    place.append(label);
  }
}
