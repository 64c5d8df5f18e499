// From other programs to a session: where it is, what to paste there, a phone as its remote control.

import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { address, routes } from "../core/api.js";
import { useInfo } from "../core/info.js";
import { go, link } from "../core/router.js";
import { inWords, isPicture, sessions, usual, writes } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { trying } from "../core/toasts.js";
import { Choice, CodeBlock, Tabs } from "../core/ui.js";
import { Mappings } from "../connect/mappings.js";
import { Monitor } from "../connect/monitor.js";
import { placesOf } from "../connect/places.js";
import { qr } from "../connect/qr.js";
import { snippetsOf } from "../connect/snippets.js";

const isHere = (host) => /^(localhost|127\.|\[::1\])/.test(host);
const token = () => sessionStorage.getItem("token") ?? "";

export function Connect({ names: [wanted] }) {
  const { all, order, known } = useStore(sessions);
  const ready = order.filter((name) => all[name].signature);
  const name = wanted && known ? wanted : ready[0];
  const info = useInfo();
  if (!name) return html`<div class="empty"><h2>${known ? "No session is ready yet" : "looking…"}</h2>${known && html`<a class="button main" href=${link("models")}>Find a model</a>`}</div>`;
  const choice = ready.length > 0 && html`<${Choice} name="session" choices=${ready} value=${name} onPick=${(one) => go("connect", one)} />`;
  if (!all[name]?.signature) return html`<div class="connect">${choice}<div class="empty"><h2>${all[name] ? `${name}: ${inWords(all[name].state)}` : `There is no session ${name}`}</h2></div></div>`;
  return html`<div class="connect">
    ${choice}${all[name].state !== "ready" && html`<p class="none" role="status">${name}: ${inWords(all[name].state)}</p>`}
    <div class="halves"><section><h2>Paste this</h2>${info && html`<${Snippets} key=${name} session=${all[name]} info=${info} />`}
      <h2>Who is connected</h2><${Connected} session=${all[name]} /><h2>Controllers</h2><${Mappings} session=${name} /><h2>Messages</h2><${Monitor} key=${name} session=${name} /></section>
    <aside><h2>Phone</h2><${Phone} name=${name} info=${info} /><h2>Addresses</h2>${info && html`<${Addresses} key=${name} session=${all[name]} info=${info} />`}</aside></div></div>`;
}

function Snippets({ session, info }) {
  const all = useMemo(() => snippetsOf(session, { origin: location.origin, token: token(), wires: info.wires }), [session.name, session.signature, info]);
  return html`<${Tabs} label="programs" tabs=${Object.fromEntries(all.map(({ name, code, note }) => [name, { name, body: () => html`<${CodeBlock} label=${`for ${name}`} code=${code} />${note && html`<p class="hint">${note}</p>`}` }]))} />`;
}

function Connected({ session }) {
  const { guests, stats } = session;
  if (guests?.length) return html`<ul class="wires">${guests.map((one, index) => html`<li key=${index}><b>${one.wire}</b><code>${one.address ?? ""}</code></li>`)}</ul>`;
  return html`<p class="hint">${stats.readers === 1 ? "one reads" : stats.readers ? `${stats.readers} read` : "nobody reads"} its outputs${stats.waiting ? `, ${stats.waiting} runs wait` : ""}.</p>`;
}

function Addresses({ session, info }) {
  const [paths, know] = useState(null);
  useEffect(() => { trying(async () => know(await routes())); }, []);
  if (!paths) return null;
  const { inputs, outputs } = usual(session);
  const named = (ports, fits) => Object.keys(ports).filter((port) => fits(ports[port]));
  const about = { name: session.name, images: named(inputs, ({ kind }) => kind === "image"), pictures: named(outputs, isPicture), outputs: Object.keys(outputs), writes: writes(session) };
  const all = placesOf(about, { origin: location.origin, hostname: location.hostname, query: address(""), wires: info.wires, has: (path) => path in paths || path === info.links.socketio });
  return html`<ul class="wires" aria-label="addresses">${all.map(([what, where]) => html`<li key=${what + where}><b>${what}</b><code>${where}</code></li>`)}</ul>`;
}

// The touch page, as an address a phone can reach.
function Phone({ name, info }) {
  const found = isHere(location.host) ? (info?.addresses ?? []).find((one) => !isHere(new URL(one).host)) : location.origin;
  const [typed, type] = useState(sessionStorage.getItem("phone address") ?? "");
  const origin = (found ?? typed).replace(/\/$/, "");
  const address = `${origin}/${token() ? `?token=${encodeURIComponent(token())}` : ""}${link("touch", name)}`;
  const set = (event) => { type(event.target.value.trim()); sessionStorage.setItem("phone address", event.target.value.trim()); };
  const ok = /^https?:\/\/[^/]+$/.test(origin);
  return html`<p class="hint">A touch page made from the controls of ${name}: <a href=${link("touch", name)}>open it here</a>, or on a phone in the same network.</p>
    ${!found && html`<p class="hint">This page is at an address that only this machine can reach. Start the bridge with <code>--host 0.0.0.0 --token …</code>, and say how the phone reaches it:</p>
      <label class="typedline"><span class="name">address for the phone</span><input type="url" aria-label="address for the phone" placeholder="http://192.168.1.20:8000" value=${typed} onInput=${set} /></label>`}
    ${ok && html`<${Code} text=${address} />`}`;
}

function Code({ text }) {
  const cells = useMemo(() => { try { return qr(text); } catch { return null; } }, [text]);
  if (!cells) return html`<code>${text}</code>`;
  const path = cells.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return html`<figure class="qr"><svg viewBox=${`-4 -4 ${cells.length + 8} ${cells.length + 8}`} role="img" aria-label=${`QR code of ${text}`} shape-rendering="crispEdges"><rect x="-4" y="-4" width="100%" height="100%" fill="#fff" /><path d=${path} fill="#000" /></svg><figcaption><code>${text}</code></figcaption></figure>`;
}
