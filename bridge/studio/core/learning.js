// Learning: move a fader, click a control, and the one moves the other.

import { api } from "./api.js";
import { Store } from "./store.js";
import { tell, toast, trying, undoable } from "./toasts.js";

const LOOK_MS = 300;

// null: not learning. Else {fader: null, or {address, argument, low, high}: what was moved last}
export const learning = new Store(null);
export const mappings = new Store({ mappings: [], strays: [], moved: [] });

export const look = async () => mappings.set(await api("GET", "/api/mappings"));
const add = async (mapping) => mappings.set(await api("POST", "/api/mappings", mapping));

// At once, since a fader must not go on moving what it was taken from; and had back as it was.
export async function forget({ id, ...mapping }) {
  mappings.set(await api("DELETE", `/api/mappings?${new URLSearchParams({ id })}`));
  undoable(`${mapping.address} moves ${mapping.input} no longer`, () => {}, () => add(mapping));
}

let timer = 0;

export function learn(on) {
  clearInterval(timer);
  document.documentElement.classList.toggle("learning", on);
  if (!on) return learning.set(null);
  learning.set({ fader: null });
  const before = {};
  let first = true;
  timer = setInterval(() => trying(async () => {
    await look();
    const { strays, moved } = mappings.get(); // one that moves something already can move more
    for (const { address, numbers } of [...moved, ...strays]) hear(before, address, numbers, first);
    first = false;
  }), LOOK_MS);
  return undefined;
}

// The number that moved is the fader's; what it has covered so far is its range, 0 to 1 unless it went beyond.
function hear(before, address, numbers, first) {
  numbers.forEach((number, argument) => {
    const key = `${address} ${argument}`;
    const known = before[key] ??= { last: first ? number : null, low: 0, high: 1 };
    const moved = known.last !== number;
    Object.assign(known, { last: number, low: Math.min(known.low, number), high: Math.max(known.high, number) });
    if (known.high > 1 && known.high <= 127 && Number.isInteger(number)) known.high = 127; // a MIDI fader behind OSC
    if (moved) learning.set({ fader: { address, argument, low: known.low, high: known.high } });
  });
}

// A press on a control while learning maps it, and moves nothing: neither the control's own hand nor the page's hear of
// it. One that no fader can move says so. What leads on to other controls does as always.
const LEADS_ON = "[role=tab], summary, a[href]";
const CONTROLS = "[data-target], button, input, select, textarea, canvas, label, [tabindex='0']";
function controlAt({ target }) {
  if (!learning.get() || !target.closest?.("[data-session]") || target.closest(LEADS_ON)) return null;
  return target.closest("[data-target]") ?? target.closest(CONTROLS);
}
const swallow = (event) => {
  if (!controlAt(event)) return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
};
for (const name of ["pointerup", "mousedown", "touchstart"]) addEventListener(name, swallow, { capture: true, passive: false });
addEventListener("pointerdown", (event) => { if (swallow(event)) chosen(controlAt(event)); }, true);
addEventListener("click", (event) => { // by the keyboard; that of a press has been heard
  if (swallow(event) && event.detail === 0) chosen(controlAt(event));
}, true);

function chosen(control) {
  const { fader } = learning.get();
  if (!control.dataset.target) return toast("no fader can move this", { hint: "sliders, numbers, switches and choices can be learned", seconds: 4 });
  if (!fader) return toast("move a fader first", { seconds: 3 });
  return map(control.closest("[data-session]").dataset.session, control, fader);
}

async function map(session, control, { address, argument, low, high }) {
  const { target, low: first, high: last } = control.dataset;
  learning.set({ fader: null }); // used up by this press, so that the next one has a fader of its own
  try {
    const body = { address, argument, session, input: target, source: [low, high], target: [Number(first ?? 0), Number(last ?? 1)] };
    await add(body);
    toast(`${address} moves ${target} of ${session}`, { hint: `${low} to ${high} becomes ${first ?? 0} to ${last ?? 1}`, seconds: 5 });
  } catch (error) { tell(error); }
}
