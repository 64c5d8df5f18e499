// One input of a session: its control, whether it is live, and what is wrong with it, in its place.

import { html } from "../vendor/preact-htm.js";
import { spaced } from "../core/format.js";
import { useStore } from "../core/store.js";
import { Audio } from "./audio.js";
import { FileInput } from "./file.js";
import { Picture } from "./picture.js";
import { Lines, Structure } from "./json.js";
import { Marks } from "./marks.js";
import { Painter } from "./painter.js";
import { Category, Colour, Number, Text, Truth, isColour } from "./plain.js";
import { Vector } from "./vector.js";

const CONTROLS = {
  number: Number, category: Category, boolean: Truth, image: Picture, segmentation: Painter, audio: Audio, file: FileInput,
  directory: FileInput, point: Marks, box: Marks, landmarks: Marks, vector: Vector, any: Structure,
};

function controlOf(port) {
  if (port.kind === "text") return isColour(port.default) ? Colour : Text;
  if (port.kind === "array") return port.item?.kind === "text" || port.item?.kind === "number" ? Lines : Structure;
  return CONTROLS[port.kind] ?? Structure;
}

const WIDE = new Set(["text", "category", "image", "segmentation", "audio", "file", "directory", "point", "box", "landmarks", "vector", "any", "array"]);

// `set(value)` is called with what somebody chose; a form with live inputs sends it on. `explained`: what it is for stands
// below, where somebody has time to read.
export function Field({ name, port, value, set, error, held, onHold, context, explained = false }) {
  const Control = controlOf(port);
  const label = spaced(name);
  const live = onHold && html`<button type="button" class="live" aria-pressed=${!held} aria-label=${`${name} is live`}
    title=${held ? "waits for Run; click to send it as it changes" : "sent as it changes; click to keep it for Run"} onClick=${() => onHold(!held)}>live</button>`;
  return html`<div class=${`field ${port.kind} ${WIDE.has(port.kind) && Control !== Colour ? "wide" : ""}`} data-input=${name}>
    <${Control} name=${name} label=${label} port=${port} value=${value} set=${set} aside=${live} context=${context} />
    ${explained && port.description && html`<p class="hint">${port.description}</p>`}
    ${error && html`<p class="wrong" role="alert">${error.message}${error.hint && html`<small>${error.hint}</small>`}</p>`}
  </div>`;
}

// A number that can be but one is no choice: a network without labels has no slider for them.
const isChoice = ([, port]) => port.kind !== "number" || port.min === undefined || port.min !== port.max;

// All inputs of a session, from its form.
export function Fields({ form, inputs, context, holdable = true }) {
  const { values, errors, held } = useStore(form.store);
  return html`<div class="fields">${Object.entries(inputs).filter(isChoice).map(([name, port]) => html`<${Field} key=${name} name=${name} port=${port}
    value=${name in values ? values[name] : port.default} set=${(value) => form.offer(name, value)} error=${errors[name]}
    held=${Boolean(held[name])} onHold=${holdable && ((on) => form.hold(name, on))} context=${{ ...context, form, inputs }} />`)}</div>`;
}
