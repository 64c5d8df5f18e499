// Recording what a walk is told: lines that give the same performance again.

import { html, useState } from "../vendor/preact-htm.js";
import { address, api, at } from "../core/api.js";
import { toast } from "../core/toasts.js";
import { Button, CodeBlock } from "../core/ui.js";

export function Recording({ session }) {
  const [running, setRunning] = useState(false);
  const [had, setHad] = useState(false);
  const path = at`/api/sessions/${session}/walk/recording`;
  const begin = async () => { await api("POST", path); setRunning(true); };
  const end = async () => {
    const told = await api("DELETE", path);
    setRunning(false);
    setHad(true);
    toast("recorded", { hint: told.error ?? "" });
  };
  return html`<div class="recording"><p class="hint">Records everything the walk is told, and what is sent by hand. It can be rendered later, frame for frame, as large and as smooth as you like.</p>
    <div class="row">${running ? html`<${Button} icon="stop" kind="main" onPress=${end}>end the recording<//>` : html`<${Button} icon="record" onPress=${begin}>record<//>`}
      ${had && html`<a class="button" href=${address(path)} download=${`${session}.jsonl`}>save the recording</a>`}</div>
    ${had && html`<${CodeBlock} label="the command that renders it" code=${`sketchbridge walk ${session} --recording ${session}.jsonl --fps 60 --out ${session}.mp4`} />`}</div>`;
}
