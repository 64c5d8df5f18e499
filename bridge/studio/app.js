// The plain page: what runs, its controls and its live outputs. It uses the public API only, like any sketch.

import { $, api, button, element, tell, trying } from "./base.js";
import { Explorer } from "./explorer.js";
import { Favourites } from "./favourites.js";
import { buildInputs } from "./inputs.js";
import { buildOutputs } from "./outputs.js";
import { WalkPanel } from "./walk.js";

const cards = new Map();
let gone = false; // the bridge, and the page has said so

function newCard(name) {
  const root = $("session").content.firstElementChild.cloneNode(true);
  const find = (selector) => root.querySelector(selector);
  const card = { name, root, find, built: "" };
  find("h2").textContent = name;
  find(".close").addEventListener("click", () => trying(() => api("DELETE", `/api/sessions/${name}`)).then(refresh));
  find(".inputs").addEventListener("submit", (event) => event.preventDefault());
  $("sessions").append(root);
  cards.set(name, card);
  return card;
}

function update(session) {
  const card = cards.get(session.name) ?? newCard(session.name);
  const { stats } = session;
  card.find(".state").textContent = session.state;
  card.find(".state").className = `state ${session.state}`;
  card.find(".stats").textContent = stats.runs ? `${stats.fps.toFixed(1)} fps · model ${stats.model_ms.toFixed(1)} ms · age ${stats.age_p50_ms.toFixed(0)} ms` : "";
  card.find(".note").textContent = noteOf(session);
  const commands = session.signature ? Object.values(session.signature.commands) : [];
  const built = JSON.stringify(session.signature);
  if (!commands.length || built === card.built) return;
  card.built = built;
  build(card, session, commands);
}

function build(card, session, commands) {
  const [usual] = commands;
  const walks = canWalk(usual);
  const outputs = walks ? usual.outputs : Object.assign({}, ...commands.map((command) => command.outputs));
  leave(card);
  card.show = () => { card.leave = buildOutputs(card.find(".outputs"), card.name, outputs, () => { card.built = ""; }); };
  card.show();
  buildInputs(card.find(".inputs"), card.name, walks ? besideTheWalk(usual.inputs) : usual.inputs, session.inputs);
  card.find(".curl").textContent = walks ? curlOfWalk(card.name) : curl(card.name, usual);
  if (walks) buildWalk(card, usual.inputs);
}

// --- sessions that walk: the picture first, and everything that moves it beside it -----------------

const canWalk = (command) => Object.values(command.inputs).some((port) => port.kind === "vector" && port.length && !port.instead_of);

// What the panel has no control for: no vectors, nothing that only says how one of them is used, no directions.
function besideTheWalk(ports) {
  const vectors = Object.keys(ports).filter((name) => ports[name].kind === "vector");
  const own = (name) => !name.startsWith("direction/") && !vectors.some((vector) => name === vector || name.startsWith(`${vector}_`));
  return Object.fromEntries(Object.entries(ports).filter(([name]) => own(name)));
}

function buildWalk(card, inputs) {
  card.root.classList.add("walking");
  $("sessions").prepend(card.root);
  for (const part of [".favourites", ".explorer"]) card.find(part).hidden = false;
  const panel = new WalkPanel(card.find(".walk"), card.name, inputs);
  const explorer = new Explorer(card.find(".explorer > div"), card.name, (place) => panel.go(place));
  const open = card.find(".explorer");
  const favourites = new Favourites(card.find(".favourites"), card.name, {
    go: (place, inW) => panel.go(place, inW),
    keyframes: () => panel.settings.keyframes,
    loop: (keyframes, inW) => panel.set({ kind: "loop", keyframes, ...(inW ? { space: "w" } : {}) }),
    explore: async (centre) => {
      await api("PATCH", `/api/sessions/${card.name}/grid`, { centre, row: 0, column: 0 });
      if (open.open) await explorer.look();
      open.open = true;
    },
  });
  open.ontoggle = () => (open.open ? trying(() => explorer.look()) : explorer.close());
  Object.assign(card, { panel, explorer });
  card.find(".wide")?.remove();
  const picture = () => card.find(".outputs canvas");
  card.find(".close").before(button("full screen", () => picture().requestFullscreen(), { className: "small wide" }));
  const walk = panel.set().then(() => { card.find(".walk").hidden = false; });
  trying(() => Promise.all([walk, favourites.look(), open.open && explorer.look()]));
}

const curlOfWalk = (name) => `curl -X PATCH ${location.origin}/api/sessions/${name}/walk -d '{"kind": "circle", "seconds": 10}'`;

// --- all the others --------------------------------------------------------------------------------

function noteOf({ error, state, signature, progress }) {
  if (error) return [error.message, error.hint].filter(Boolean).join("\n");
  if (state !== "starting") return signature ? Object.values(signature.commands)[0].description ?? "" : "";
  const share = progress.fraction >= 0 ? ` ${Math.round(progress.fraction * 100)} %` : "";
  return `${progress.stage}${share} ${progress.text}`;
}

function curl(name, command) {
  const fields = Object.entries(command.inputs).map(([input, port]) => (port.kind === "image" ? ` -F ${input}=@photo.jpg` : "")).join("");
  const picture = Object.values(command.outputs).some((port) => port.kind === "image");
  const wish = picture ? " -H 'Accept: image/jpeg' -o out.jpg" : "";
  return `curl${fields || " -X POST"} ${location.origin}/api/sessions/${name}/run${wish}`;
}

function leave(card) {
  card.leave?.();
  card.explorer?.close();
  Object.assign(card, { leave: null, explorer: null, panel: null });
}

async function refresh() {
  let answer;
  try {
    answer = await api("GET", "/api/sessions");
  } catch (error) {
    gone = true;
    tell(error.code ? error : { message: "the bridge does not answer", hint: "when it runs again, this page goes on by itself" });
    return;
  }
  if (gone) tell(null);
  gone = false;
  const open = new Set(answer.sessions.map((session) => session.name));
  for (const [name, card] of cards) {
    if (open.has(name)) continue;
    leave(card);
    card.root.remove();
    cards.delete(name);
  }
  answer.sessions.forEach(update);
  if (!document.hidden) for (const { panel } of cards.values()) panel?.set().catch(() => {}); // told by somebody else
}

// A page that nobody sees keeps no model at work.
document.addEventListener("visibilitychange", () => {
  for (const card of cards.values()) {
    if (!card.panel) continue;
    if (document.hidden) card.leave?.();
    else card.show();
  }
});

async function fillModels() {
  const answer = await trying(() => api("GET", "/api/models"));
  for (const model of answer?.models ?? []) {
    if (!model.problem) $("models").append(element("option", model.title ?? model.id, { value: model.id }));
  }
}

$("opener").addEventListener("submit", (event) => {
  event.preventDefault();
  trying(() => api("POST", "/api/sessions", { model: $("models").value })).then(refresh);
});

const info = await trying(() => api("GET", "/api/info"));
if (info) $("about").textContent = `version ${info.version}`;
fillModels();
await refresh();
setInterval(refresh, 1000);
