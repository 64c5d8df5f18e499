// Short words at the edge of the page. What was taken away can be had back for a while, so nothing asks "are you sure".

import { html } from "../vendor/preact-htm.js";
import { Store, useStore } from "./store.js";

const SECONDS = 7;
const toasts = new Store([]);
let last = 0;

export function toast(text, { bad = false, hint = "", action = null, seconds = SECONDS } = {}) {
  const id = (last += 1);
  const shown = { id, text, hint, bad, action };
  toasts.set((all) => [...all.filter((one) => one.text !== text), shown].slice(-4));
  const timer = setTimeout(() => drop(id), seconds * 1000);
  return () => { clearTimeout(timer); drop(id); };
}

const drop = (id) => toasts.set((all) => all.filter((one) => one.id !== id));

// What goes wrong away from any field is told here.
export function tell(error) {
  if (error.code === "cancelled" || error.code === "connection_lost") return; // asked for; and the header says that
  toast(error.message, { bad: true, hint: error.hint ?? "" });
}

// The result, or undefined once what went wrong was told.
export async function trying(work) {
  try {
    return await work();
  } catch (error) {
    tell(error);
    return undefined;
  }
}

// Done when its time to be undone is over, when the page is left, or when what is given back is called, which waits until
// it is done. `back` makes it look undone.
export function undoable(text, work, back) {
  let ended = null;
  const end = (how) => {
    removeEventListener("pagehide", finish);
    clearTimeout(timer);
    gone();
    ended = trying(how);
  };
  const finish = () => {
    if (!ended) end(work);
    return ended;
  };
  const undo = () => { if (!ended) end(back); };
  const timer = setTimeout(finish, SECONDS * 1000);
  addEventListener("pagehide", finish);
  const gone = toast(text, { action: { name: "Undo", work: undo } });
  return finish;
}

export function Toasts() {
  const all = useStore(toasts);
  return html`<div class="toasts" role="region" aria-label="what happened" aria-live="polite">
    ${all.map((one) => html`<div key=${one.id} class=${one.bad ? "toast bad" : "toast"} role=${one.bad ? "alert" : "status"}>
      <p>${one.text}${one.hint && html`<small>${one.hint}</small>`}</p>
      ${one.action && html`<button type="button" onClick=${() => { one.action.work(); drop(one.id); }}>${one.action.name}</button>`}
      <button type="button" class="quiet" aria-label="dismiss" onClick=${() => drop(one.id)}>×</button>
    </div>`)}
  </div>`;
}
