// Lists and anything else, as text that is checked while it is typed.

import { html, useState } from "../vendor/preact-htm.js";

// A list of words or numbers: one a line.
export function Lines({ name, label, port, value, set, aside }) {
  const [draft, setDraft] = useState(null);
  const [wrong, setWrong] = useState("");
  const typed = (event) => {
    const text = event.target.value;
    setDraft(text);
    const lines = text.split("\n").filter((line) => line !== "");
    const items = port.item.kind === "number" ? lines.map(Number) : lines;
    const at = items.findIndex((item) => Number.isNaN(item));
    setWrong(at < 0 ? "" : `line ${at + 1} is no number`);
    if (at < 0) set(items);
  };
  return html`<label class="text" title=${port.description}><span class="line"><span class="name">${label}</span><small>one a line</small>${aside}</span>
    <textarea aria-label=${name} rows="2" spellcheck=${false} value=${draft ?? (value ?? []).join("\n")} onInput=${typed} onBlur=${() => setDraft(null)}></textarea>
    ${wrong && html`<small class="wrong">${wrong}</small>`}</label>`;
}

export function Structure({ name, label, port, value, set, aside }) {
  const [draft, setDraft] = useState(null);
  const [wrong, setWrong] = useState("");
  const typed = (event) => {
    setDraft(event.target.value);
    try {
      const read = JSON.parse(event.target.value);
      setWrong("");
      set(read);
    } catch {
      setWrong("not JSON yet");
    }
  };
  const text = draft ?? (value === undefined || value === null ? "" : JSON.stringify(value));
  return html`<label class="text" title=${port.description}><span class="line"><span class="name">${label}</span><small>JSON</small>${aside}</span>
    <textarea aria-label=${name} rows="2" class="mono" spellcheck=${false} value=${text} onInput=${typed} onBlur=${() => { if (!wrong) setDraft(null); }}></textarea>
    ${wrong && html`<small class="wrong">${wrong}</small>`}</label>`;
}
