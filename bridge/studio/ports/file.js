// A file, chosen or dropped; a folder comes as an archive.

import { html } from "../vendor/preact-htm.js";
import { bytes } from "../core/format.js";
import { kept } from "../core/forms.js";
import { Drop } from "./drop.js";

export function FileInput({ name, label, port, value, set, aside }) {
  const accept = port.kind === "directory" ? ".zip,.tar,.tar.gz,.tgz,.tar.bz2" : port.extension ? `.${port.extension.replace(/^\./, "")}` : undefined;
  return html`<div class="source" title=${port.description}><div class="line"><span class="name">${label}</span>${aside}</div>
    <${Drop} name=${name} accept=${accept} onFile=${(file) => set(kept(file))}>
      ${value?.blob ? html`<b>${value.name}</b> <small>${bytes(value.blob.size)}</small>` : html`<span>drop ${port.kind === "directory" ? "a folder as ZIP" : "a file"} here, or choose</span>`}
    <//></div>`;
}
