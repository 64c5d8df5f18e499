// Words, colours, tables and everything else. All of it is text: nothing a model says is taken for a page.

import { html } from "../vendor/preact-htm.js";
import { shown } from "../core/format.js";
import { isColour } from "../ports/plain.js";
import { toClipboard } from "../core/ui.js";
import { toast, trying } from "../core/toasts.js";

const [ROWS, DEEP] = [200, 6]; // what is more is said, not shown

export function Value({ value, port }) {
  if (port?.kind === "vector") return html`<${Strip} value=${value} />`;
  if (typeof value === "string") return isColour(value) ? html`<${Swatches} colours=${[value]} />` : html`<p class="said">${value}</p>`;
  if (Array.isArray(value) && value.length && value.every(isColour)) return html`<${Swatches} colours=${value} />`;
  if (isTable(value)) return html`<${Table} rows=${value} />`;
  if (Array.isArray(value) && value.length > 1 && value.every((one) => typeof one === "number")) return html`<${Bars} value=${value} port=${port?.item} />`;
  return html`<div class="json"><${Tree} value=${value} deep=${0} /></div>`;
}

function Swatches({ colours }) {
  const copy = (colour) => trying(async () => { await toClipboard(colour); toast(`${colour} copied`, { seconds: 2 }); });
  return html`<div class="swatches">${colours.map((colour, index) => html`<button key=${index} type="button" title=${`copy ${colour}`} style=${{ background: colour }} onClick=${() => copy(colour)}><code>${colour}</code></button>`)}</div>`;
}

const Bars = ({ value, port }) => {
  const [low, high] = [Math.min(0, port?.min ?? 0, ...value), Math.max(port?.max ?? 0, ...value)];
  return html`<ol class="bars">${value.slice(0, ROWS).map((one, index) => html`<li key=${index}><i style=${{ width: `${(100 * (one - low)) / (high - low || 1)}%` }}></i><span>${shown(one)}</span></li>`)}</ol>`;
};

const Strip = ({ value }) => {
  const reach = Math.max(1e-9, ...value.map(Math.abs));
  return html`<svg class="strip" viewBox=${`0 -1 ${value.length} 2`} preserveAspectRatio="none" role="img" aria-label=${`${value.length} numbers`}>
    ${value.map((one, index) => html`<rect key=${index} x=${index} width="0.8" y=${Math.min(0, -one / reach)} height=${Math.abs(one) / reach} />`)}</svg>`;
};

const isRow = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isTable = (value) => Array.isArray(value) && value.length > 0 && value.every(isRow);

function Table({ rows }) {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  return html`<div class="scroll" tabIndex="0" role="region" aria-label="table"><table><thead><tr>${columns.map((name) => html`<th key=${name} scope="col">${name}</th>`)}</tr></thead>
    <tbody>${rows.slice(0, ROWS).map((row, index) => html`<tr key=${index}>${columns.map((name) => html`<td key=${name}>${cell(row[name])}</td>`)}</tr>`)}</tbody></table>
    ${rows.length > ROWS && html`<p>and ${rows.length - ROWS} more</p>`}</div>`;
}

const cell = (value) => (value === undefined ? "" : typeof value === "number" ? shown(value) : typeof value === "string" ? value : JSON.stringify(value));

function Tree({ value, deep }) {
  if (value === null || typeof value !== "object") return html`<span class=${value === null ? "null" : typeof value}>${JSON.stringify(value)}</span>`;
  const entries = Object.entries(value);
  const brief = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  if (!entries.length || deep > DEEP) return html`<span>${brief}</span>`;
  return html`<details open=${deep < 2 && entries.length <= 24}><summary>${brief}</summary><ul>${entries.slice(0, ROWS).map(([name, one]) => html`<li key=${name}><b>${name}</b> <${Tree} value=${one} deep=${deep + 1} /></li>`)}
    ${entries.length > ROWS && html`<li>and ${entries.length - ROWS} more</li>`}</ul></details>`;
}
