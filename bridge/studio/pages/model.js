// One model: what it does, what it takes and gives, whose it is, and how it did here.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { address, api, at } from "../core/api.js";
import { bytes, round } from "../core/format.js";
import { open } from "../core/forms.js";
import { Markdown, anchor } from "../core/markdown.js";
import { go, link } from "../core/router.js";
import { free, isOpen, refresh, sessions } from "../core/sessions.js";
import { useStore } from "../core/store.js";
import { returned } from "../core/socket.js";
import { toast } from "../core/toasts.js";
import { Button, Icon } from "../core/ui.js";
import { Options } from "../play/options.js";
import { Preview } from "./models.js";

const CPU = { yes: "runs on a CPU", slow: "slow on a CPU", no: "needs a GPU" };
const STATES = { ready: "runs", starting: "is starting", restarting: "is coming back", stopped: "is stopped", failed: "has failed" };
const GPU = { unused: "uses no GPU", helps: "a GPU helps", needed: "needs a GPU" };

export function Model({ id }) {
  const [model, setModel] = useState(null);
  const [wrong, setWrong] = useState(null);
  const [adding, setAdding] = useState(false);
  const running = useStore(sessions, (state) => state.all);
  useEffect(() => {
    let left = false;
    const look = () => api("GET", at`/api/models/${id}`).then((told) => { if (!left) { setWrong(null); setModel(told); } }, (error) => { if (!left) setWrong(error); });
    setModel(null);
    setWrong(null);
    look();
    const end = returned(look);
    return () => { left = true; end(); };
  }, [id]);
  if (wrong && !model) return html`<div class="empty"><h2>${wrong.message}</h2><a class="button" href=${link("models")}>All models</a></div>`;
  if (!model) return html`<p class="none">reading ${id}…</p>`;
  const { manifest, signature, problem } = model;
  const mine = Object.values(running).filter((session) => session.model === id);
  const options = signature?.options ?? {};
  const add = () => {
    const needs = Object.values(options).some((port) => !("default" in port));
    return needs || Object.keys(options).length || mine.length ? setAdding(true) : begin({}, id);
  };
  const begin = async (chosen, name) => {
    await free(name || id);
    const session = await open(id, name, chosen);
    await refresh();
    setAdding(false);
    toast(`${session.name} is starting`, { seconds: 3 });
    go("play", session.name);
  };
  return html`<article class="model">
    <a class="button quiet backward" href=${link("models")}><${Icon} name="back" /><span>All models</span></a>
    <header><${Preview} model=${model} /><div><h2>${model.title}</h2><p class="tagline">${manifest?.tagline}</p>
      <p class="facts">${[manifest?.kind, manifest?.category, CPU[manifest?.cpu ?? "yes"], GPU[manifest?.gpu ?? "unused"], manifest?.size && bytes(manifest.size)].filter(Boolean).map((fact) => html`<span key=${fact}>${fact}</span>`)}</p>
      ${problem ? html`<div class="trouble" role="alert"><b>${problem.message}</b>${problem.hint && html`<pre>${problem.hint}</pre>`}</div>`
    : html`<div class="row"><${Button} icon="plus" kind="main" onPress=${add}>Add to workspace<//>${mine.map(({ name, state }) => html`<a key=${name} class="button" href=${link("play", name)}><i class=${`light ${state}`}></i><span>${name} ${STATES[state] ?? state}</span></a>`)}</div>`}
    </div></header>
    ${adding && html`<${Adding} model=${model} options=${options} name=${freeName(id)} onClose=${() => setAdding(false)} onGo=${begin} />`}
    <div class="halves"><section><h3>About it</h3><${Markdown} text=${withoutTitle(model.card)} pictures=${(file) => (/^[\w. -]+\.(jpe?g|png)$/i.test(file) ? address(at`/api/models/${id}/pictures/${file}`) : null)} lower=${1} /></section>
    <aside><${Here} used=${model.used} mine=${mine} /><${Ports} signature=${signature} /><${Rights} manifest=${manifest} origin=${model.origin} /></aside></div></article>`;
}

function Adding({ model, options, name, onClose, onGo }) {
  const note = `It runs on this machine, in a process of its own${"device" in options ? "; on its processor or its GPU as device says" : ""}.`;
  return html`<${Options} title=${`Add ${model.title}`} options=${options} name=${name} go="Add" note=${note} onClose=${onClose} onGo=${onGo} />`;
}

function freeName(id) {
  let name = id;
  for (let number = 2; isOpen(name); number += 1) name = `${id}-${number}`;
  return name;
}

const withoutTitle = (card) => (card ?? "").replace(/^# .*\n+/, "") || "There is no card.";

function Here({ used, mine }) {
  const rows = mine.filter(({ stats }) => stats.model_ms > 0).map(({ name, stats }) => [name, `${round(stats.model_ms, 3)} ms an output${stats.fps > 0 ? `, ${stats.fps.toFixed(1)} a second` : ""}${stats.memory > 0 ? `, ${bytes(stats.memory)} of memory` : ""}`]);
  for (const { name, place, notes } of mine) if (place) rows.push([`${name} runs on`, [place, notes?.device, notes?.threads && `${notes.threads} ${notes.threads === 1 ? "thread" : "threads"}`].filter(Boolean).join(", ")]);
  if (!mine.some(({ stats }) => stats.model_ms > 0) && used?.model_ms > 0) rows.push(["when it last ran", `${round(used.model_ms, 3)} ms an output`]);
  if (used?.opened) rows.push(["opened", `${used.opened === 1 ? "once" : `${used.opened} times`}, ${used.runs.toLocaleString("en")} ${used.runs === 1 ? "output" : "outputs"}`]);
  return html`<section><h3>On this machine</h3>${rows.length ? html`<dl>${rows.map(([name, text]) => html`<dt key=${name}>${name}</dt><dd>${text}</dd>`)}</dl>` : html`<p class="hint">It has not run yet.</p>`}</section>`;
}

function Ports({ signature }) {
  if (!signature) return null;
  const list = (title, ports) => Object.keys(ports).length > 0 && html`<h4>${title}</h4><dl class="ports">${grouped(ports).map(([name, port]) => html`<dt key=${name}><code>${name}</code> <small>${kindOf(port)}</small></dt><dd>${port.description}</dd>`)}</dl>`;
  const commands = Object.values(signature.commands);
  return html`<section><h3>Ports</h3>${list("In", commands[0].inputs)}${list("Out", commands[0].outputs)}${list("Options, before the start", signature.options)}
    ${commands.length > 1 && html`<h4>Also</h4><dl class="ports">${commands.slice(1).map((command) => html`<dt key=${command.name}><code>${command.name}</code></dt><dd>${command.description}</dd>`)}</dl>`}</section>`;
}

// direction/1 to direction/10 as one line.
function grouped(ports) {
  const found = [];
  for (const [name, port] of Object.entries(ports)) {
    const stem = name.match(/^(.*)\/\d+$/)?.[1];
    if (!stem) found.push([name, port]);
    else if (!found.some(([other]) => other === `${stem}/…`)) found.push([`${stem}/…`, port]);
  }
  return found;
}

function kindOf(port) {
  const span = port.kind === "number" && port.min !== undefined && port.max !== undefined ? ` ${port.min} to ${port.max}` : "";
  const length = port.length ? ` of ${port.length}` : "";
  const item = port.item ? ` of ${port.item.kind}` : "";
  return `${port.kind}${span}${length}${item}${port.choices ? `: ${port.choices.join(", ")}` : ""}`;
}

function Rights({ manifest, origin }) {
  if (!manifest) return null;
  const rows = [["Code", manifest.licence_code], ["Weights", manifest.licence_weights || "none come along"], ["Publisher", manifest.publisher], ["Attribution", manifest.attribution], ["Published", manifest.published], ["Comes from", origin]].filter(([, value]) => value);
  return html`<section><h3>Licence and origin</h3><dl>${rows.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>
    ${Object.entries(manifest.links ?? {}).map(([name, address]) => html`<p key=${name}>${anchor(name, String(address))}</p>`)}</section>`;
}
