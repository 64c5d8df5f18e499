// A vector as a field of cells: drag up and down in one to change it; by keyboard, left and right go to one, up and down
// change it.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { gaussians } from "../core/chance.js";
import { Button } from "../core/ui.js";

const STEP = { ArrowUp: 0.1, ArrowDown: -0.1, PageUp: 1, PageDown: -1 }; // standard deviations
const REACH = 3; // standard deviations from the middle colour to the last

export function Vector({ name, label, port, value, set, aside }) {
  const canvas = useRef();
  const [under, setUnder] = useState(null);
  const [at, go] = useState(null); // the cell that keys are for, once there is the focus
  const length = port.length ?? (Array.isArray(value) ? value.length : 0);
  const [mean, spread] = [port.sampling_mean ?? 0, port.sampling_std ?? 1];
  const values = Array.isArray(value) ? value : new Array(length).fill(mean);
  const columns = Math.min(length, Math.max(8, Math.ceil(Math.sqrt(length * 2))));
  const rows = Math.ceil(length / columns);
  useEffect(() => paint(canvas.current, values, columns, rows, mean, spread));
  if (!length) return html`<p class="line"><span class="name">${label}</span><small>its length is known once the model has started</small></p>`;
  const cell = (event) => {
    const { left, top, width, height } = canvas.current.getBoundingClientRect();
    const index = Math.floor(((event.clientY - top) / height) * rows) * columns + Math.floor(((event.clientX - left) / width) * columns);
    return index >= 0 && index < length ? index : null;
  };
  const newest = useRef();
  newest.current = { values, at }; // keys may come faster than this is drawn
  const change = (index, to) => {
    newest.current.values = newest.current.values.map((old, other) => (other === index ? Math.round(to * 1000) / 1000 : old));
    set(newest.current.values);
  };
  const goTo = (index) => { newest.current.at = index; go(index); };
  const down = (event) => {
    const index = cell(event);
    if (index === null) return;
    canvas.current.setPointerCapture(event.pointerId);
    setUnder({ index, y: event.clientY, from: values[index] });
  };
  const move = (event) => { if (under) change(under.index, under.from + ((under.y - event.clientY) / 60) * spread); };
  const key = (event) => {
    const here = Math.min(newest.current.at ?? 0, length - 1);
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: length - 1 }[event.key];
    if (to !== undefined) goTo(Math.max(0, Math.min(length - 1, to)));
    else if (event.key in STEP) { goTo(here); change(here, newest.current.values[here] + STEP[event.key] * spread); }
    else return;
    event.preventDefault();
  };
  const shown = under?.index ?? at;
  const random = () => set(gaussians(Math.floor(Math.random() * 2 ** 31), length).map((part) => Math.round((mean + spread * part) * 1000) / 1000));
  return html`<div class="source" title=${port.description}><div class="line"><span class="name">${label}</span><small>${length} numbers${shown !== null ? ` · ${shown + 1}: ${values[shown]}` : ""}</small>${aside}</div>
    <div class="under"><canvas class="cells" ref=${canvas} width=${columns} height=${rows} role="slider" tabIndex="0" aria-label=${`${name}: ${length} numbers; left and right go from one to the next, up and down change it`}
      aria-valuemin=${mean - REACH * spread} aria-valuemax=${mean + REACH * spread} aria-valuenow=${values[at ?? 0]} aria-valuetext=${`${(at ?? 0) + 1} of ${length}: ${values[at ?? 0]}`}
      onKeyDown=${key} onFocus=${() => goTo(newest.current.at ?? 0)} onBlur=${() => goTo(null)}
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${() => setUnder(null)} onPointerCancel=${() => setUnder(null)}></canvas>${at !== null && html`<i style=${{ left: `${100 * (at % columns) / columns}%`, top: `${100 * Math.floor(at / columns) / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%` }}></i>`}</div>
    <div class="row tight"><${Button} icon="dice" kind="quiet" onPress=${random}>random<//><${Button} kind="quiet" onPress=${() => set(new Array(length).fill(mean))}>all to ${mean}<//></div></div>`;
}

function paint(canvas, values, columns, rows, mean, spread) {
  if (!canvas) return;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  values.forEach((value, index) => {
    const part = Math.max(-1, Math.min(1, (value - mean) / spread / REACH));
    const [r, g, b] = part < 0 ? [70, 120, 235] : [240, 110, 60];
    image.data.set([r, g, b, 40 + Math.round(215 * Math.abs(part))], index * 4);
  });
  pen.putImageData(image, 0, 0);
}
