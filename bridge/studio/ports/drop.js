// A place that takes a file: chosen, dropped, or pasted while it has the focus.

import { html, useState } from "../vendor/preact-htm.js";

export function Drop({ name, accept, onFile, children, className = "" }) {
  const [over, setOver] = useState(false);
  const take = (list) => { const [file] = list ?? []; if (file) onFile(file); };
  const drop = (event) => { event.preventDefault(); setOver(false); take(event.dataTransfer.files); };
  return html`<label class=${`drop ${over ? "over" : ""} ${className}`} onDragOver=${(event) => { event.preventDefault(); setOver(true); }}
    onDragLeave=${() => setOver(false)} onDrop=${drop} onPaste=${(event) => take(event.clipboardData.files)}>
    <input type="file" aria-label=${name} accept=${accept} onChange=${(event) => { take(event.target.files); event.target.value = ""; }} />
    ${children}</label>`;
}
