// Short words at the edge of the page. What was taken away can be had back for a while, so nothing asks "are you sure".

import { html } from "../vendor/preact-htm.js";
import { Store, useStore } from "./store.js";

const SECONDS = 8;
const MOST = 4;
const toasts = new Store([]);
let last = 0;
let held = false; // while someone points at them, or has come to them by keyboard, none goes

// Shown for its time; what is given back takes it away before. `over` is called once it is gone, whoever took it away.
export function toast(text, { bad = false, hint = "", action = null, seconds = SECONDS, over = () => {} } = {}) {
  const one = { id: (last += 1), text, hint, bad, action, seconds, over, timer: 0 };
  for (const before of toasts.get().filter((other) => other.text === text)) drop(before);
  toasts.set((all) => [...all, one]);
  for (const before of toasts.get().slice(0, -MOST)) drop(before);
  if (!held) wait(one);
  return () => drop(one);
}

const wait = (one) => { one.timer = setTimeout(() => drop(one), one.seconds * 1000); };

function drop(one) {
  clearTimeout(one.timer);
  if (!toasts.get().includes(one)) return;
  toasts.set((all) => all.filter((other) => other !== one));
  if (held) requestAnimationFrame(stillHeld);
  one.over();
}

function hold() {
  held = true;
  for (const one of toasts.get()) clearTimeout(one.timer);
}

// What was pointed at, or had the focus, may have gone, and does not say that it is left.
function stillHeld() {
  if (!document.querySelector(".toasts:is(:hover, :focus-within)")) letGo();
}

function letGo() {
  if (!held) return;
  held = false;
  toasts.get().forEach(wait);
}

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
    if (ended) return ended;
    removeEventListener("pagehide", finish);
    ended = trying(how);
    gone();
    return ended;
  };
  const finish = () => end(work);
  addEventListener("pagehide", finish);
  const gone = toast(text, { action: { name: "Undo", work: () => end(back) }, over: finish });
  return finish;
}

export function Toasts() {
  const all = useStore(toasts);
  const away = (one) => { drop(one); letGo(); }; // what was pointed at is gone, and says no more that it is left
  // The focus in small letters: Preact takes the name of an event that is no property of elements as it is written.
  const mouse = (what) => ({ pointerType }) => pointerType === "mouse" && what();
  return html`<div class="toasts" role="region" aria-label="what happened" aria-live="polite"
    onPointerEnter=${mouse(hold)} onPointerLeave=${mouse(letGo)} onfocusin=${hold} onfocusout=${letGo}>
    ${all.map((one) => html`<div key=${one.id} class=${one.bad ? "toast bad" : "toast"} role=${one.bad ? "alert" : "status"}>
      <p>${one.text}${one.hint && html`<small>${one.hint}</small>`}</p>
      ${one.action && html`<button type="button" onClick=${() => { one.action.work(); away(one); }}>${one.action.name}</button>`}
      <button type="button" class="quiet" aria-label="dismiss" onClick=${() => away(one)}>×</button>
    </div>`)}
  </div>`;
}
