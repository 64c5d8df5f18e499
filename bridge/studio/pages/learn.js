// Models 101, for people who never met a model.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { Markdown } from "../core/markdown.js";
import { trying } from "../core/toasts.js";

// In the file, a model is the folder it is in; here, its page.
const links = (address) => { const id = address.match(/^\.\.\/models\/([\w-]+)\/README\.md$/)?.[1]; return id ? `#/models/${id}` : null; };

export function Learn() {
  const [text, setText] = useState("");
  useEffect(() => { trying(async () => setText(await (await fetch("/studio/models-101.md")).text())); }, []);
  return html`<article class="learn"><${Markdown} text=${text} links=${links} lower=${1} /></article>`;
}
