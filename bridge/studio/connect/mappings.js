// What is mapped, and how to map more.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { offers } from "../core/api.js";
import { forget, learn, learning, look, mappings } from "../core/learning.js";
import { go } from "../core/router.js";
import { useStore } from "../core/store.js";
import { trying } from "../core/toasts.js";
import { Button } from "../core/ui.js";

export function Mappings({ session }) {
  const { mappings: all } = useStore(mappings);
  const [there, say] = useState(false);
  useEffect(() => { trying(async () => { if (await offers("GET", "/api/mappings")) { say(true); await look(); } }); }, []);
  if (!there) return html`<p class="hint">This bridge takes no controllers.</p>`;
  const own = all.filter((one) => one.session === session);
  return html`<p class="hint">A fader of any OSC controller can move any control: learn, move the fader, click the control.</p>
    <div class="row"><${Button} icon="target" onPress=${() => { learn(true); go("play", session); }}>Learn<//></div>
    ${own.length > 0 && html`<ul class="wires">${own.map((one) => html`<li key=${one.id}><code>${one.address}${one.argument > 0 && ` (${one.argument + 1})`}</code> moves <b>${one.input}</b> <small>${one.source.join(" to ")} becomes ${one.target.join(" to ")}</small>
      <${Button} kind="tiny" icon="close" label=${`forget ${one.address}`} onPress=${() => forget(one)} /></li>`)}</ul>`}`;
}

// Seen on every page while it learns.
export function Learning() {
  const state = useStore(learning);
  if (!state) return null;
  return html`<div class="learner" role="status"><span>${state.fader ? html`<b>${state.fader.address}</b> moves. Now click the control it shall move.` : "Move a fader of your controller…"}</span><${Button} onPress=${() => learn(false)}>Done<//></div>`;
}
