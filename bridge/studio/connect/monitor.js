// What goes in and comes out of a session while one looks.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { messages } from "../core/socket.js";
import { Switch } from "../core/ui.js";

const [KEPT, SHOWN_MS, LONGEST] = [60, 200, 160];

export function Monitor({ session }) {
  const [on, turn] = useState(false);
  return html`<${Switch} name="watch" on=${on} onTurn=${turn} />${on && html`<${Watching} name=${session} />`}`;
}

function Watching({ name }) {
  const [lines, setLines] = useState([]);
  const waiting = useRef([]);
  useEffect(() => {
    const end = messages(name, (data) => waiting.current.push({ ...data, time: new Date().toTimeString().slice(0, 8) }));
    const timer = setInterval(() => {
      if (waiting.current.length) setLines((all) => [...all, ...waiting.current.splice(0)].slice(-KEPT));
    }, SHOWN_MS);
    return () => { clearInterval(timer); end(); };
  }, [name]);
  return html`<ol class="monitor" tabIndex="0" aria-label="messages">${[...lines].reverse().map((line, index) => html`<li key=${index} class=${line.direction}><time>${line.time}</time> <b>${line.direction}</b> ${said(line)}</li>`)}
    ${!lines.length && html`<li><span>nothing yet</span></li>`}</ol>`;
}

function said({ direction, wire, address, verb, run, sequence, values }) {
  const text = Object.entries(values ?? {}).map(([name, value]) => `${name} ${brief(value)}`).join(" · ");
  const from = direction === "in" ? `${wire || "here"} ${address ?? ""} ${verb}` : `run ${run}${sequence ? `, ${sequence + 1}` : ""}`;
  return html`<span>${from}</span> ${text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text}`;
}

function brief(value) {
  if (value && typeof value === "object" && "format" in value) return `${value.format}${value.width ? ` ${value.width}×${value.height}` : ""}, ${value.bytes} bytes`;
  return JSON.stringify(value);
}
