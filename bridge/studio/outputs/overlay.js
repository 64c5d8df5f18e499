// Points, boxes and landmarks over a picture, as lines that keep their width.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { follow } from "../core/socket.js";
import { lastValue } from "./last.js";

// The port of one such thing, of an array's item as well; null for all else.
export const placesOf = (port) => (["point", "box", "landmarks"].includes(port.kind) ? port : port.kind === "array" && port.item ? placesOf(port.item) : null);

export function Overlay({ session, places }) {
  const [values, setValues] = useState({});
  useEffect(() => {
    for (const [name] of places) lastValue(session, name).then((frame) => { if (frame) setValues((all) => ({ [name]: frame.value, ...all })); });
    const ends = places.map(([name]) => follow(session, name, { binary: false }, ({ value }) => setValues((all) => ({ ...all, [name]: value }))));
    return () => ends.forEach((end) => end());
  }, [session, places.map(([name]) => name).join()]);
  return html`<svg class="overlay" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
    ${places.flatMap(([name, port]) => listOf(port, values[name]).flatMap((value, index) => Mark({ port: placesOf(port), value, key: `${name} ${index}` })))}</svg>`;
}

const listOf = (port, value) => (value === undefined || value === null ? [] : port.kind === "array" ? value : [value]);
const dot = (key, [x, y]) => html`<path key=${key} class="dot" d=${`M${x * 100} ${y * 100}h0`} />`;

function Mark({ port, value, key }) {
  if (port.kind === "point") return [dot(key, value)];
  if (port.kind === "box") {
    const [left, top, right, bottom] = value.map((part) => part * 100);
    return [html`<rect key=${key} x=${left} y=${top} width=${right - left} height=${bottom - top} />`];
  }
  const number = (end) => (typeof end === "string" ? port.labels.indexOf(end) : end);
  const lines = (port.connections ?? []).map(([a, b]) => [value[number(a)], value[number(b)]]).filter(([p, q]) => p && q);
  return [...lines.map(([p, q], index) => html`<path key=${`${key} line ${index}`} d=${`M${p[0] * 100} ${p[1] * 100}L${q[0] * 100} ${q[1] * 100}`} />`), ...value.map((at, index) => dot(`${key} ${index}`, at))];
}
