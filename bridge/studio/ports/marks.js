// Points, boxes and landmarks, drawn on the picture that they are about.

import { html, useRef, useState } from "../vendor/preact-htm.js";

const STEP = { ArrowLeft: [-0.01, 0], ArrowRight: [0.01, 0], ArrowUp: [0, -0.01], ArrowDown: [0, 0.01] };
const inside = (part) => Math.min(1, Math.max(0, Number(part.toFixed(4))));

export function Marks({ name, label, port, value, set, aside, context }) {
  const place = useRef();
  const [start, setStart] = useState(null);
  const picture = pictureFor(context);
  const where = (event) => {
    const { left, top, width, height } = place.current.getBoundingClientRect();
    return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
  };
  const handles = handlesOf(port, value);
  const put = (index, [x, y]) => set(moved(port, handles, index, [inside(x), inside(y)]));
  const down = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    place.current.setPointerCapture(event.pointerId);
    const at = where(event);
    const near = handles.findIndex(([x, y]) => Math.hypot(x - at[0], y - at[1]) < 0.04);
    if (port.kind === "point") { setStart({ index: 0 }); put(0, at); }
    else if (near >= 0) setStart({ index: near });
    else if (port.kind === "box") setStart({ from: at });
  };
  const move = (event) => {
    if (!start) return;
    const at = where(event);
    if (start.from) { const box = boxOf(start.from, at); if (box) set(box); } else put(start.index, at);
  };
  const key = (index) => (event) => {
    const step = STEP[event.key];
    if (!step) return;
    event.preventDefault();
    put(index, [handles[index][0] + step[0], handles[index][1] + step[1]]);
  };
  return html`<div class="source" title=${port.description}><div class="line"><span class="name">${label}</span><small>${said(value)}</small>${aside}</div>
    <div class=${picture ? "marks" : "marks blank"} ref=${place} onPointerDown=${down} onPointerMove=${move} onPointerUp=${() => setStart(null)} onPointerCancel=${() => setStart(null)}>
      ${picture && html`<img src=${picture} alt="" draggable=${false} />`}
      <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">${port.kind === "box" && value && html`<rect x=${value[0]} y=${value[1]} width=${value[2] - value[0]} height=${value[3] - value[1]} />`}
        ${(port.connections ?? []).map(([a, b]) => { const [p, q] = [handles[numberOf(port, a)], handles[numberOf(port, b)]]; return p && q && html`<line x1=${p[0]} y1=${p[1]} x2=${q[0]} y2=${q[1]} />`; })}</svg>
      ${handles.map(([x, y], index) => html`<button key=${index} type="button" class="handle" aria-label=${`${name} ${handleName(port, index)}: arrow keys move it`}
        style=${{ left: `${x * 100}%`, top: `${y * 100}%` }} onKeyDown=${key(index)}></button>`)}
    </div></div>`;
}

// The picture that is in the form, if there is one.
function pictureFor(context) {
  const [input] = Object.entries(context?.inputs ?? {}).find(([, port]) => port.kind === "image") ?? [];
  return input && context.form?.store.get().values[input]?.url;
}

const said = (value) => (Array.isArray(value) && value.length <= 4 ? value.flat().map((part) => part.toFixed(2)).join(", ") : "");
const numberOf = (port, end) => (typeof end === "string" ? port.labels.indexOf(end) : end);
const handleName = (port, index) => (port.kind === "box" ? ["left top", "right bottom"][index] : port.labels?.[index] ?? index + 1);

function handlesOf(port, value) {
  if (port.kind === "landmarks") return value ?? Array.from({ length: port.length ?? port.labels?.length ?? 0 }, (_, index) => ring(index, port.length));
  if (!value) return port.kind === "point" ? [[0.5, 0.5]] : [];
  return port.kind === "point" ? [value] : [[value[0], value[1]], [value[2], value[3]]];
}

const ring = (index, count) => [0.5 + 0.3 * Math.sin((2 * Math.PI * index) / count), 0.5 - 0.3 * Math.cos((2 * Math.PI * index) / count)];

function boxOf([ax, ay], [bx, by]) {
  const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  return box[2] - box[0] > 0.005 && box[3] - box[1] > 0.005 ? box : null;
}

function moved(port, handles, index, at) {
  if (port.kind === "point") return at;
  const all = handles.map((handle, other) => (other === index ? at : handle));
  return port.kind === "box" ? boxOf(all[0], all[1]) ?? [...handles[0], ...handles[1]] : all;
}
