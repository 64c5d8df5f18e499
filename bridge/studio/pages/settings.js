// The bridge itself: how it was started, its ways in, and what of its further parts is there.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { address, api, offers } from "../core/api.js";
import { useInfo } from "../core/info.js";
import { bytes, spaced } from "../core/format.js";
import { trying } from "../core/toasts.js";
import { Choice } from "../core/ui.js";
import { Value } from "../outputs/value.js";

const PARTS = { Peers: ["/api/peers", "peers", "other machines that run models for this one"], Jobs: ["/api/jobs", "jobs", "training and other long work"], Tokens: ["/api/tokens", "tokens", "who may call from elsewhere"] };

export function Settings() {
  const info = useInfo();
  return html`<div class="settings"><h2 class="sr">Settings</h2>
    <section><h3>Look</h3><${Theme} /></section>
    ${info && html`<section><h3>This bridge</h3><dl><dt>Version</dt><dd>${info.version}</dd><dt>Address</dt><dd><code>${location.origin}</code></dd><dt>Runs since</dt><dd>${since(info.uptime_s)}</dd></dl></section>
    <${Wires} wires=${info.wires} />
    <section><h3>Limits</h3><dl>${Object.entries(info.limits).map(([name, value]) => html`<dt key=${name}>${spaced(name)}</dt><dd>${name.endsWith("bytes") ? bytes(value) : value.toLocaleString("en")}</dd>`)}</dl></section>`}
    ${Object.entries(PARTS).map(([title, [path, field, about]]) => html`<${Part} key=${title} title=${title} path=${path} field=${field} about=${about} />`)}
    <section><h3>For programs</h3><p class="links"><a href=${address("/api/openapi.json")}>/api/openapi.json</a> <a href=${address("/metrics")}>/metrics</a> <a href=${address("/api/info")}>/api/info</a></p></section></div>`;
}

function since(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min` : `${Math.round(seconds)} s`;
}

function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "system");
  const pick = (next) => {
    setTheme(next);
    if (next === "system") { localStorage.removeItem("theme"); delete document.documentElement.dataset.theme; }
    else { localStorage.setItem("theme", next); document.documentElement.dataset.theme = next; }
  };
  return html`<${Choice} name="theme" choices=${["light", "dark", "system"]} names=${{ system: "as the system" }} value=${theme} onPick=${pick} />`;
}

const Wires = ({ wires }) => html`<section><h3>Ways in</h3><ul class="wires">
  <li><b>HTTP</b><i class="light ready" role="img" aria-label="on" title="on"></i><code>${location.origin}</code></li><li><b>WebSocket</b><i class="light ready" role="img" aria-label="on" title="on"></i><code>${location.origin.replace("http", "ws")}/api/ws</code></li>
  ${wires.map(({ name, state, addresses, message, hint }) => html`<li key=${name}><b>${name}</b><i class=${`light ${state === "on" ? "ready" : "failed"}`} role="img" aria-label=${state} title=${state}></i>
    ${state === "on" ? (addresses ?? []).map((one) => html`<code key=${one}>${one}</code>`) : html`<span>${message}${hint && html`<small>${hint}</small>`}</span>`}</li>`)}</ul></section>`;

// A part of the bridge that may or may not be there yet.
function Part({ title, path, field, about }) {
  const [told, setTold] = useState(null);
  useEffect(() => { trying(async () => { if (await offers("GET", path)) setTold((await api("GET", path))[field] ?? []); }); }, [path]);
  if (told === null) return null;
  return html`<section><h3>${title}</h3><p class="hint">${about}</p>${told.length ? html`<${Value} value=${told} />` : html`<p class="hint">none yet</p>`}</section>`;
}
