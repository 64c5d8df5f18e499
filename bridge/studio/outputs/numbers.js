// A number, with where it was during the last while.

import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { shown } from "../core/format.js";

const KEPT = 120;

export function Numbers({ value, port }) {
  const past = useRef([]);
  const line = useRef();
  useEffect(() => {
    past.current = [...past.current, value].slice(-KEPT);
    const [low, high] = [port.min ?? Math.min(...past.current), port.max ?? Math.max(...past.current)];
    const y = (one) => 18 - (16 * (one - low)) / (high - low || 1);
    line.current.setAttribute("d", past.current.map((one, index) => `${index ? "L" : "M"}${index} ${y(one).toFixed(2)}`).join(""));
  });
  return html`<div class="reading"><b>${shown(value, port.step)}</b> ${port.unit}<svg viewBox=${`0 0 ${KEPT} 20`} preserveAspectRatio="none" aria-hidden="true"><path ref=${line} d="" /></svg></div>`;
}
